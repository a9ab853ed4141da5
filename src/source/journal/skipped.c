/*
 * A file that cannot be opened, or that turns out to be damaged while it is read, is closed by
 * sd_journal, and the entries of the others go on (systemd issue 16740). Nothing tells; but what it
 * reads is open, so a file that is not among this process's descriptors is left out. One whose
 * index is damaged is open, and nothing is found in it.
 */
#include "source/journal/skipped.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <systemd/sd-id128.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/number.h"
#include "base/timetext.h"
#include "source/journal/access.h"
#include "source/journal/index.h"

#define YOUNG_USEC (2 * USEC_PER_SEC) /* journald may not have written its head */
#define LOOK_USEC  USEC_PER_SEC

struct look {
	struct left_out_told *told;
	uint64_t looked_usec;
	bool young; /* one was passed over as it was made just now */
	struct stat *open;
	size_t n_open;
	struct left_out *ret;
};

static bool is_open(const struct look *l, const struct stat *st)
{
	for (size_t i = 0; i < l->n_open; i++)
		if (l->open[i].st_ino == st->st_ino && l->open[i].st_dev == st->st_dev)
			return true;
	return false;
}

static bool is_told(const struct left_out_told *told, uint64_t inode)
{
	for (size_t i = 0; i < told->n; i++)
		if (told->inodes[i] == inode)
			return true;
	return false;
}

/* What is open, and how many that are; without a look at each where @ret is NULL. */
static int list_open(const struct journal_active *active, struct stat **ret, size_t *ret_n)
{
	DIR *dir = opendir("/proc/self/fd");
	struct dirent *entry;
	size_t n = 0, room = 0;
	uint64_t fd;
	struct stat *list = NULL;

	if (!dir)
		return -errno;
	while ((entry = readdir(dir))) {
		if (number_parse_u64(slice_of(entry->d_name), INT_MAX, &fd) < 0 ||
		    journal_active_holds(active, (int)fd))
			continue;
		if (ret && n == room) {
			struct stat *more;

			room = room ? 2 * room : 64;
			more = reallocarray(list, room, sizeof(*list));
			if (!more) {
				free(list);
				(void)closedir(dir);
				return -ENOMEM;
			}
			list = more;
		}
		if (ret && fstatat(dirfd(dir), entry->d_name, &list[n], 0) < 0)
			continue;
		n++;
	}
	(void)closedir(dir);
	if (ret)
		*ret = list;
	*ret_n = n;
	return 0;
}

/* When it was made; of a file system that does not know that, when it was last written. */
static uint64_t born(const char *path)
{
	struct statx st;
	const struct statx_timestamp *at = &st.stx_mtime;

	if (statx(AT_FDCWD, path, 0, STATX_BTIME | STATX_MTIME, &st) < 0)
		return 0;
	if (st.stx_mask & STATX_BTIME)
		at = &st.stx_btime;
	return (uint64_t)at->tv_sec * USEC_PER_SEC + at->tv_nsec / 1000;
}

/* 1 where what an open file holds cannot be found; 0; -ENOMEM. */
static int look_into(struct look *l, const char *path, uint64_t inode, uint64_t born_usec)
{
	struct left_out_told *told = l->told;
	struct left_out_whole *more;
	int r;

	for (size_t i = 0; i < told->n_whole; i++)
		if (told->whole[i].inode == inode && told->whole[i].born_usec == born_usec)
			return 0;
	r = journal_index_check(path);
	if (r <= 0)
		return r == 0 ? 1 : r == -ENOMEM ? r : 0;
	more = reallocarray(told->whole, told->n_whole + 1, sizeof(*more));
	if (!more)
		return -ENOMEM;
	told->whole = more;
	more[told->n_whole++] = (struct left_out_whole){inode, born_usec};
	return 0;
}

/* 1 where it is one that is left out; 0; -EACCES; -ENOMEM. */
static int look_at(struct look *l, const char *path)
{
	struct stat st;
	uint64_t *more, usec;

	if (stat(path, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size == 0 ||
	    is_told(l->told, st.st_ino))
		return 0;
	usec = born(path);
	if (is_open(l, &st)) {
		int r = look_into(l, path, st.st_ino, usec);

		if (r <= 0)
			return r;
	} else if (usec + YOUNG_USEC > l->looked_usec) {
		l->young = true;
		return 0;
	}
	if (access(path, R_OK) < 0)
		return errno == EACCES ? -EACCES : 0;
	more = reallocarray(l->told->inodes, l->told->n + 1, sizeof(*more));
	if (!more)
		return -ENOMEM;
	l->told->inodes = more;
	more[l->told->n++] = st.st_ino;
	l->ret->inode = st.st_ino;
	l->ret->born_usec = usec;
	(void)snprintf(l->ret->path, sizeof(l->ret->path), "%s", path);
	return 1;
}

/* As sd_journal_open_directory(3), which reads subdirectories that are named as machines are. */
static int look_below(struct look *l, const char *directory, int depth)
{
	DIR *dir = opendir(directory);
	struct dirent *entry;
	int r = 0;

	if (!dir)
		return 0; /* it has gone, and its files with it */
	while (r == 0 && (entry = readdir(dir))) {
		char path[PATH_MAX];
		sd_id128_t id;

		if ((size_t)snprintf(path, sizeof(path), "%s/%s", directory, entry->d_name) >=
		    sizeof(path))
			continue;
		if (journal_access_is_file(entry->d_name))
			r = look_at(l, path);
		else if (depth > 0 && sd_id128_from_string(entry->d_name, &id) >= 0)
			r = look_below(l, path, depth - 1);
	}
	(void)closedir(dir);
	return r;
}

static int look_everywhere(struct look *l, char *const *paths, const char *directory)
{
	static const char *const roots[] = {"/var/log/journal", "/run/log/journal"};
	char machine[SD_ID128_STRING_MAX] = "", path[PATH_MAX];
	sd_id128_t id;
	int r = 0;

	if (directory)
		return look_below(l, directory, 1);
	if (paths) {
		for (; *paths && r == 0; paths++)
			r = look_at(l, *paths);
		return r;
	}
	if (sd_id128_get_machine(&id) >= 0) /* else they are in the roots themselves */
		(void)sd_id128_to_string(id, machine);
	for (size_t i = 0; i < ARRAY_SIZE(roots) && r == 0; i++) {
		(void)snprintf(path, sizeof(path), "%s%s%s", roots[i], *machine ? "/" : "",
			       machine);
		r = look_below(l, path, 0);
	}
	return r;
}

int left_out_find(struct left_out_told *told, char *const *paths, const char *directory,
		  const struct journal_active *active, uint64_t looked_usec, struct left_out *ret)
{
	struct look l = {.told = told, .looked_usec = looked_usec, .ret = ret};
	size_t descriptors = 0;
	int r = list_open(active, NULL, &descriptors);

	if (r < 0 || (descriptors == told->descriptors &&
		      looked_usec - told->looked_usec < LOOK_USEC)) /* or the clock was set back */
		return r;
	r = list_open(active, &l.open, &l.n_open);
	if (r == 0)
		r = look_everywhere(&l, paths, directory);
	free(l.open);
	if (r == 0 && !l.young) {
		told->descriptors = descriptors;
		told->looked_usec = looked_usec;
	}
	return r;
}

void left_out_done(struct left_out_told *told)
{
	free(told->inodes);
	free(told->whole);
}
