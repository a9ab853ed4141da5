/*
 * The open files are watched for writes, and the directory of the path for names that come and go.
 * Writes to other files of the directory wake nobody. If the directory is missing, the nearest
 * parent is watched instead, one step down at a time.
 *
 * Events are not looked at, because the reader examines the files themselves; so an overflow of the
 * queue costs nothing. Network file systems do not report what other hosts write, and inotify
 * instances may be exhausted; the reader then polls once a second.
 */
#include "source/logfile/watch.h"

#include <errno.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/inotify.h"

#define SILENT	  "its file system does not report what other hosts write"
#define EXHAUSTED "inotify(7) is exhausted: raise fs.inotify.max_user_instances or max_user_watches"

#define DIRECTORY_EVENTS                                                                           \
	(IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_ATTRIB | IN_DELETE_SELF |        \
	 IN_MOVE_SELF | IN_ONLYDIR)

/* Not in older kernels' headers. */
#define CIFS_MAGIC 0xff534d42
#define SMB2_MAGIC 0xfe534d42
#define FUSE_MAGIC 0x65735546
#define CEPH_MAGIC 0x00c36400

int watch_init(struct watch *w, const char *path)
{
	*w = (struct watch){.path = path, .dir = -1, .target = -1};
	w->fd = inotify_open();
	if (w->fd >= 0)
		return 0;
	w->poll = EXHAUSTED;
	w->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	return w->fd < 0 ? -errno : 0;
}

void watch_done(struct watch *w)
{
	if (w->fd >= 0)
		(void)close(w->fd);
	w->fd = -1;
}

/* Cuts the last name off the first *n bytes of @path; false at the root. */
static bool cut_to_parent(const char *path, size_t *n)
{
	size_t end = *n;

	while (end > 0 && path[end - 1] != '/')
		end--;
	if (end == 0 || *n == 1)
		return false;
	*n = end > 1 ? end - 1 : 1;
	return true;
}

static bool is_silent(const struct statfs *st)
{
	static const uint32_t silent[] = {NFS_SUPER_MAGIC, SMB_SUPER_MAGIC, CIFS_MAGIC, SMB2_MAGIC,
					  FUSE_MAGIC,	   CEPH_MAGIC,	    V9FS_MAGIC};

	for (size_t i = 0; i < ARRAY_SIZE(silent); i++)
		if ((uint32_t)st->f_type == silent[i])
			return true;
	return false;
}

static int add(struct watch *w, const char *path, uint32_t events)
{
	int wd = inotify_add_watch(w->fd, path, events);
	struct statfs st;

	if (wd < 0 && errno != ENOENT && errno != ENOTDIR)
		w->poll = errno == EACCES ? "its directory is not readable" : EXHAUSTED;
	if (statfs(path, &st) == 0 && is_silent(&st))
		w->poll = SILENT;
	return wd;
}

static int add_directory(struct watch *w, const char *path, size_t n)
{
	AUTO_FREE char *dir = strndup(path, n);

	return dir ? add(w, dir, DIRECTORY_EVENTS) : -1;
}

/* Watches the nearest directory above @file that exists. Returns the watch, or -1. */
static int add_nearest(struct watch *w, const char *file)
{
	size_t n = strlen(file), below = 0;
	int wd = -1;

	while (wd < 0 && cut_to_parent(file, &n)) {
		wd = add_directory(w, file, n);
		/* A directory made between the two calls causes no event. */
		if (wd >= 0 && below > 0 && add_directory(w, file, below) >= 0) {
			watch_forget(w, wd);
			wd = -1;
			n = strlen(file);
			below = 0;
		} else {
			below = n;
		}
	}
	return wd;
}

/* The target of a link at @path if it is in another directory, to be freed; else NULL. */
static char *link_target(const char *path)
{
	char link[PATH_MAX], *target = NULL;
	ssize_t n = readlink(path, link, sizeof(link) - 1);

	if (n <= 0)
		return NULL;
	link[n] = '\0';
	if (link[0] == '/')
		return strdup(link);
	if (!strchr(link, '/') ||
	    asprintf(&target, "%.*s/%s", (int)(strrchr(path, '/') - path), path, link) < 0)
		return NULL;
	return target;
}

void watch_directory(struct watch *w)
{
	const int old[] = {w->dir, w->target};
	AUTO_FREE char *target = link_target(w->path);

	w->dir = add_nearest(w, w->path);
	if (w->dir < 0 && !w->poll)
		w->poll = "no directory of its path can be watched";
	w->target = target ? add_nearest(w, target) : -1;
	for (size_t i = 0; i < ARRAY_SIZE(old); i++)
		if (old[i] != w->dir && old[i] != w->target)
			watch_forget(w, old[i]);
}

int watch_file(struct watch *w, int fd)
{
	char path[40];

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return add(w, path, IN_MODIFY | IN_ATTRIB);
}

void watch_forget(struct watch *w, int wd)
{
	if (wd >= 0)
		(void)inotify_rm_watch(w->fd, wd);
}

void watch_drain(struct watch *w)
{
	/* An eventfd has nothing to read. */
	(void)inotify_drain(w->fd, NULL, NULL);
}
