#include "base/inotify.h"

#include <errno.h>
#include <stddef.h>
#include <unistd.h>

int inotify_open(void)
{
	int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);

	return fd < 0 ? -errno : fd;
}

int inotify_drain(int fd, void (*each)(void *userdata, const struct inotify_event *event),
		  void *userdata)
{
	_Alignas(struct inotify_event) char events[16384];
	int count = 0;

	for (;;) {
		ssize_t n = read(fd, events, sizeof(events));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno != EAGAIN)
			return -errno;
		if (n <= 0)
			return count;
		for (const char *at = events; at < events + n;) {
			const struct inotify_event *e =
				(const struct inotify_event *)(const void *)at;

			if (each)
				each(userdata, e);
			count++;
			at += sizeof(*e) + e->len;
		}
	}
}
