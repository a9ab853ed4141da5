/*
 * The executables are watched by the names that distributions give them; those that do not exist
 * are left out. An upgrade removes the watched inode (IN_IGNORED): then all names are tried again,
 * and as adding a watch twice is harmless, no book is kept. dpkg renames the new file over the old
 * one, so that the name is never without a file.
 */
#include "source/journal/login_hint.h"

#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/cleanup.h"

static const char *const executables[] = {
	"/usr/sbin/sshd",
	"/usr/lib/openssh/sshd-session",
	"/usr/lib/ssh/sshd-session",
	"/usr/libexec/openssh/sshd-session",
	"/usr/libexec/sshd-session",
	"/usr/sbin/dropbear",
};

static void add_watches(int fd)
{
	for (size_t i = 0; i < ARRAY_SIZE(executables); i++)
		(void)inotify_add_watch(fd, executables[i],
					IN_OPEN | IN_DELETE_SELF | IN_MOVE_SELF);
}

int connection_watch(void)
{
	int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);

	if (fd >= 0)
		add_watches(fd);
	return fd;
}

int connection_happened(int fd)
{
	_Alignas(struct inotify_event) char events[4096];
	int happened = 0, replaced = 0;
	ssize_t n;

	while ((n = read(fd, events, sizeof(events))) > 0) {
		for (char *at = events; at < events + n;) {
			const struct inotify_event *e = (const struct inotify_event *)(void *)at;

			at += sizeof(*e) + e->len;
			if (e->mask & IN_OPEN)
				happened = 1;
			else
				replaced = 1;
		}
	}
	if (replaced)
		add_watches(fd);
	return happened;
}
