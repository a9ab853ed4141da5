/*
 * A socket for each datagram, since notifications are rare and a service manager may bind its
 * socket again; only notify_connect() keeps one.
 */
#include "base/notify.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include "base/cleanup.h"
#include "base/number.h"

static int connected = -1;

/* A socket that is connected to $NOTIFY_SOCKET. -errno. */
static int open_socket(const char *path)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	const struct timeval patience = {.tv_sec = 5};
	AUTO_CLOSE int fd = -1;
	size_t len = strlen(path);

	if (len < 2 || len >= sizeof(sa.sun_path) || (path[0] != '/' && path[0] != '@'))
		return -EAFNOSUPPORT;
	memcpy(sa.sun_path, path, len);
	if (sa.sun_path[0] == '@')
		sa.sun_path[0] = '\0'; /* abstract name space: no trailing NUL */
	else
		len++;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&sa,
			      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)) < 0)
		return -errno;
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	return steal_fd(&fd);
}

int notify_connect(void)
{
	const char *path = getenv("NOTIFY_SOCKET");

	if (path && connected < 0)
		connected = open_socket(path);
	return path && connected < 0 ? connected : 0;
}

int notify_send(const char *format, ...)
{
	const char *path = getenv("NOTIFY_SOCKET");
	AUTO_CLOSE int opened = -1;
	int flags = MSG_NOSIGNAL, n;
	char text[512];
	va_list ap;

	if (!path)
		return 0;
	va_start(ap, format);
	n = vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= sizeof(text))
		return -E2BIG;
	if (connected < 0) {
		opened = open_socket(path);
		if (opened < 0)
			return opened;
	}
	/*
	 * A receiver that does not read must not delay a login: a notification is dropped then.
	 * Only that the service is ready is worth some seconds.
	 */
	if (!strstr(text, "READY=1"))
		flags |= MSG_DONTWAIT;
	return send(connected < 0 ? opened : connected, text, (size_t)n, flags) < 0 ? -errno : 0;
}

uint64_t notify_watchdog_usec(void)
{
	const char *usec = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
	uint64_t v, p;

	if (!usec || number_parse_u64(slice_of(usec), UINT64_MAX, &v) < 0)
		return 0;
	if (pid && (number_parse_u64(slice_of(pid), INT32_MAX, &p) < 0 || (pid_t)p != getpid()))
		return 0;
	return v / 2;
}
