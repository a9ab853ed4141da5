/*
 * A resolver may block for minutes and cannot be interrupted. It runs in a child, which is killed
 * after three seconds.
 */
#include "base/hostname.h"

#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/child.h"
#include "base/cleanup.h"
#include "base/io.h"

#define LOOKUP_MSEC 3000

/* Only what fits in a mail address and in EHLO is accepted from the resolver. */
static bool is_valid(const char *s)
{
	size_t n = strlen(s);

	return n > 0 && n < HOSTNAME_SIZE && s[0] != '.' && s[0] != '-' &&
	       strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._") == n;
}

void hostname_init(struct hostname *h)
{
	memset(h, 0, sizeof(*h));
	if (gethostname(h->host, sizeof(h->host) - 1) < 0 || !is_valid(h->host))
		(void)snprintf(h->host, sizeof(h->host), "localhost");
}

static void look_up(const char *host, int fd)
{
	struct addrinfo hints = {.ai_flags = AI_CANONNAME, .ai_socktype = SOCK_STREAM}, *list;

	if (getaddrinfo(host, NULL, &hints, &list) == 0 && list->ai_canonname)
		(void)io_write_all(fd, list->ai_canonname, strlen(list->ai_canonname));
	_exit(0);
}

static void look_up_in_child(const char *host, char ret[HOSTNAME_SIZE])
{
	AUTO_CLOSE int read_end = -1;
	struct pollfd poll_fd = {.events = POLLIN};
	ssize_t n = 0;
	int ends[2];
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return;
	read_end = ends[0];
	pid = child_fork(SIGKILL);
	if (pid == 0)
		look_up(host, ends[1]);
	(void)close(ends[1]);
	if (pid < 0)
		return;
	poll_fd.fd = read_end;
	if (poll(&poll_fd, 1, LOOKUP_MSEC) > 0)
		n = read(read_end, ret, HOSTNAME_SIZE - 1);
	child_kill(pid);
	ret[n > 0 ? n : 0] = '\0';
}

const char *hostname_fqdn(struct hostname *h)
{
	if (h->fqdn[0])
		return h->fqdn;
	if (!strchr(h->host, '.')) {
		look_up_in_child(h->host, h->fqdn);
		/* Every host calls itself "localhost". */
		if (!is_valid(h->fqdn) || !strchr(h->fqdn, '.') ||
		    strncmp(h->fqdn, "localhost", 9) == 0)
			h->fqdn[0] = '\0';
	}
	if (!h->fqdn[0])
		memcpy(h->fqdn, h->host, sizeof(h->fqdn));
	return h->fqdn;
}
