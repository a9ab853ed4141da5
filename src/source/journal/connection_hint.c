/*
 * The executables are watched by the names that they have in the distributions. An upgrade removes
 * the watched inode (IN_IGNORED); then all names are watched again, which does nothing for those
 * that are watched already. dpkg renames the new file over the old one, so a file of that name
 * always exists.
 */
#include "source/journal/connection_hint.h"

#include "base/cleanup.h"
#include "base/inotify.h"

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

int connection_hint_open(void)
{
	int fd = inotify_open();

	if (fd >= 0)
		add_watches(fd);
	return fd;
}

static void add_mask(void *userdata, const struct inotify_event *event)
{
	*(uint32_t *)userdata |= event->mask;
}

int connection_hint_drain(int fd)
{
	uint32_t mask = 0;

	(void)inotify_drain(fd, add_mask, &mask);
	if (mask & ~(uint32_t)IN_OPEN)
		add_watches(fd);
	return (mask & IN_OPEN) != 0;
}
