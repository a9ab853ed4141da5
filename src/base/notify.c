/* A socket for each datagram: notifications are rare, and a restarted manager has a new one. */
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

int notify_send(const char *format, ...)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	const struct timeval patience = {.tv_sec = 5};
	int flags = MSG_NOSIGNAL;
	AUTO_CLOSE int fd = -1;
	size_t len;
	char text[512];
	va_list ap;
	int n;

	if (!path)
		return 0;
	len = strlen(path);
	if (len < 2 || len >= sizeof(sa.sun_path) || (path[0] != '/' && path[0] != '@'))
		return -EAFNOSUPPORT;
	memcpy(sa.sun_path, path, len);
	if (sa.sun_path[0] == '@')
		sa.sun_path[0] = '\0'; /* abstract name space: no trailing NUL */
	else
		len++;
	va_start(ap, format);
	n = vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= sizeof(text))
		return -E2BIG;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	/*
	 * A receiver that does not read must not delay a login. Only readiness is worth some
	 * seconds, since the service fails without it.
	 */
	if (strstr(text, "READY=1"))
		(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	else
		flags |= MSG_DONTWAIT;
	if (sendto(fd, text, (size_t)n, flags, (struct sockaddr *)&sa,
		   (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)) < 0)
		return -errno;
	return 0;
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
