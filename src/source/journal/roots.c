/*
 * sd_journal watches the roots that exist when sd_journal_get_fd(3) is called. It never sees a
 * /var/log/journal that is made later, as on a host that begins to keep its journal (systemd issue
 * 8262), nor one that replaces another. So each directory on the path of a root is watched here for
 * its removal, and while a root is missing, the deepest existing directory for what is made in it.
 */
#include "source/journal/roots.h"

#include <errno.h>
#include <stdint.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/inotify.h"

#define GONE (IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT)
#define MADE (IN_CREATE | IN_MOVED_TO)

/* The directories on each path; the last one is the root. */
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

/* The second attempt finds what was made before the watch for it. */
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
	r->fd = inotify_open();
	if (r->fd < 0)
		return r->fd;
	for (size_t i = 0; i < ARRAY_SIZE(ways) && k == 0; i++)
		k = watch_way(r->fd, ways[i]);
	r->depth = depth_now();
	return k;
}

static void add_mask(void *userdata, const struct inotify_event *event)
{
	*(uint32_t *)userdata |= event->mask;
}

bool journal_roots_changed(struct journal_roots *r)
{
	uint32_t mask = 0;

	(void)inotify_drain(r->fd, add_mask, &mask);
	/* Something else may have been made beside a missing root. */
	return (mask & (GONE | IN_Q_OVERFLOW)) || ((mask & MADE) && depth_now() != r->depth);
}
