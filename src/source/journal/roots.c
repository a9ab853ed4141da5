/*
 * sd_journal watches the roots that there are when its descriptor is taken. A /var/log/journal that
 * is made later, as on a host that begins to keep its journal, it never sees (systemd issue 8262),
 * nor one that takes the place of another. So each directory on the way to a root is watched here
 * for its going away, which wakes nobody otherwise; and while a root is missing, the last directory
 * that there is, for what is made in it.
 */
#include "source/journal/roots.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/cleanup.h"

#define GONE (IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT)
#define MADE (IN_CREATE | IN_MOVED_TO)

/* Each directory on the way; the last one is the root. */
static const char *const ways[][4] = {
	{"/run", "/run/log", "/run/log/journal", NULL},
	{"/var", "/var/log", "/var/log/journal", NULL},
};

static size_t depth_now(void)
{
	size_t depth = 0;

	for (size_t i = 0; i < ARRAY_SIZE(ways); i++)
		for (const char *const *at = ways[i]; *at && access(*at, F_OK) == 0; at++)
			depth++;
	return depth;
}

static int add(int fd, const char *path, uint32_t events)
{
	return inotify_add_watch(fd, path, events | IN_MASK_ADD | IN_ONLYDIR) < 0 ? -errno : 0;
}

/* What is made between the two looks at a missing directory is seen by the second. */
static int watch_way(int fd, const char *const *way)
{
	for (const char *const *at = way; *at; at++) {
		int r = add(fd, *at, GONE);

		if (r == -ENOENT && at > way) {
			r = add(fd, at[-1], MADE);
			if (r == 0)
				r = add(fd, *at, GONE);
		}
		if (r == -ENOENT || r == -ENOTDIR)
			return 0;
		if (r < 0)
			return r;
	}
	return 0;
}

int journal_roots_watch(struct journal_roots *r)
{
	int k = 0;

	if (r->fd >= 0)
		(void)close(r->fd);
	r->fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (r->fd < 0)
		return -errno;
	for (size_t i = 0; i < ARRAY_SIZE(ways) && k == 0; i++)
		k = watch_way(r->fd, ways[i]);
	r->depth = depth_now();
	return k;
}

bool journal_roots_changed(struct journal_roots *r)
{
	_Alignas(struct inotify_event) char events[4096];
	bool gone = false, made = false;
	ssize_t n;

	while ((n = read(r->fd, events, sizeof(events))) > 0) {
		for (char *at = events; at < events + n;) {
			const struct inotify_event *e = (const struct inotify_event *)(void *)at;

			at += sizeof(*e) + e->len;
			gone |= (e->mask & (GONE | IN_Q_OVERFLOW)) != 0;
			made |= (e->mask & MADE) != 0;
		}
	}
	/* What else is made beside a missing root is nothing to us. */
	return gone || (made && depth_now() != r->depth);
}
