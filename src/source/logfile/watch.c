/*
 * Two things are watched: the open file, for what is written to it, and its directory, for names
 * that come and go; nothing wakes the reader when another file of the directory is written. A path
 * whose directory is missing is watched at the nearest parent, one step down at a time. What
 * happened is not looked at: the reader looks at the files themselves, so a queue that overflows
 * costs nothing. File systems of the network do not tell what other hosts write, and inotify may be
 * used up; then the reader looks every second.
 */
#include "source/logfile/watch.h"

#include <errno.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/cleanup.h"

#define SILENT	"its file system does not tell what is written to it"
#define USED_UP "inotify(7) is used up: raise fs.inotify.max_user_instances or max_user_watches"

#define DIRECTORY_EVENTS                                                                           \
	(IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_ATTRIB | IN_DELETE_SELF |        \
	 IN_MOVE_SELF | IN_ONLYDIR)

/* Not in older kernels' headers. */
#define CIFS_MAGIC 0xff534d42
#define SMB2_MAGIC 0xfe534d42
#define FUSE_MAGIC 0x65735546
#define CEPH_MAGIC 0x00c36400

int follow_init(struct follow *f, const char *path)
{
	*f = (struct follow){.path = path, .dir = -1, .target = -1};
	f->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (f->fd >= 0)
		return 0;
	f->poll = USED_UP;
	f->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	return f->fd < 0 ? -errno : 0;
}

void follow_done(struct follow *f)
{
	if (f->fd >= 0)
		(void)close(f->fd);
	f->fd = -1;
}

static int add(struct follow *f, const char *path, uint32_t events)
{
	int wd = inotify_add_watch(f->fd, path, events);

	if (wd < 0 && errno != ENOENT && errno != ENOTDIR)
		f->poll = errno == EACCES ? "its directory may not be read" : USED_UP;
	return wd;
}

/* Cuts the last name off; false where only the root, or nothing, is left. */
static bool parent(char *path)
{
	char *slash = strrchr(path, '/');

	if (!slash || path[1] == '\0')
		return false;
	slash[slash == path] = '\0';
	return true;
}

static bool is_silent(const struct statfs *st)
{
	switch ((uint32_t)st->f_type) {
	case NFS_SUPER_MAGIC:
	case SMB_SUPER_MAGIC:
	case CIFS_MAGIC:
	case SMB2_MAGIC:
	case FUSE_MAGIC:
	case CEPH_MAGIC:
	case V9FS_MAGIC:
		return true;
	default:
		return false;
	}
}

/* Watches the directory of @file, or the nearest that exists; gives the watch, or -1. */
static int add_nearest(struct follow *f, const char *file)
{
	char dir[PATH_MAX], below[PATH_MAX];
	size_t n = strlen(file) + 1;
	struct statfs st;
	int wd = -1;

	if (n > sizeof(dir))
		return -1;
	memcpy(dir, file, n);
	below[0] = '\0';
	while (wd < 0 && parent(dir)) {
		wd = add(f, dir, DIRECTORY_EVENTS);
		/* What was made between the two looks tells nobody any more. */
		if (wd >= 0 && below[0] != '\0' && add(f, below, DIRECTORY_EVENTS) >= 0) {
			follow_forget(f, wd);
			wd = -1;
			memcpy(dir, file, n);
			below[0] = '\0';
		} else {
			memcpy(below, dir, n);
		}
	}
	if (wd >= 0 && wd != f->dir && wd != f->target && statfs(dir, &st) == 0 && is_silent(&st))
		f->silent = true;
	return wd;
}

/* What a link at the path names, where that is in another directory; "" otherwise. */
static void link_target(const char *path, char ret[PATH_MAX])
{
	char link[PATH_MAX];
	ssize_t n = readlink(path, link, sizeof(link) - 1);
	int dir = (int)(strrchr(path, '/') - path);

	ret[0] = '\0';
	if (n <= 0)
		return;
	link[n] = '\0';
	if (link[0] == '/')
		memcpy(ret, link, (size_t)n + 1);
	else if (strchr(link, '/') &&
		 snprintf(ret, PATH_MAX, "%.*s/%s", dir, path, link) >= PATH_MAX)
		ret[0] = '\0';
}

void follow_directory(struct follow *f)
{
	const int old[] = {f->dir, f->target};
	char target[PATH_MAX];

	f->dir = add_nearest(f, f->path);
	if (f->dir < 0 && !f->poll)
		f->poll = "no directory of its path can be watched";
	if (f->silent)
		f->poll = SILENT;
	link_target(f->path, target);
	f->target = target[0] ? add_nearest(f, target) : -1;
	for (size_t i = 0; i < ARRAY_SIZE(old); i++)
		if (old[i] != f->dir && old[i] != f->target)
			follow_forget(f, old[i]);
}

int follow_file(struct follow *f, int fd)
{
	char path[40];
	struct statfs st;

	if (fstatfs(fd, &st) == 0 && is_silent(&st))
		f->poll = SILENT;
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return add(f, path, IN_MODIFY | IN_ATTRIB);
}

void follow_forget(struct follow *f, int wd)
{
	if (wd >= 0)
		(void)inotify_rm_watch(f->fd, wd);
}

void follow_drain(struct follow *f)
{
	char events[4096] __attribute__((aligned(__alignof__(struct inotify_event))));

	while (read(f->fd, events, sizeof(events)) > 0)
		continue;
}
