/*
 * If a file cannot be opened, or turns out to be damaged while it is read, sd_journal closes it and
 * continues with the others (systemd issue 16740). What it reads is open, so a file that is not
 * among this process's descriptors is skipped. A file with a damaged index is open, but nothing is
 * found in it.
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
#include "base/timetext.h"
#include "source/journal/access.h"
#include "source/journal/index.h"
#include "source/journal/opened.h"

#define YOUNG_USEC (2 * USEC_PER_SEC) /* its header may not be written yet */
#define LOOK_USEC  USEC_PER_SEC

struct look {
	struct skipped *s;
	uint64_t looked_usec;
	bool young; /* a file is too young to say */
	struct opened_file *open;
	size_t n_open;
	struct skipped_file *ret;
};

/* Without a birth time that of a file which is written to changes, but not what was reported. */
static bool is_known(const struct skipped *s, struct skipped_id id)
{
	for (size_t i = 0; i < s->n_known; i++)
		if (s->known[i].inode == id.inode &&
		    (s->known[i].reported || s->known[i].born_usec == id.born_usec))
			return true;
	return false;
}

static int note(struct skipped *s, struct skipped_id id, bool reported)
{
	struct skipped_id *more = reallocarray(s->known, s->n_known + 1, sizeof(*more));

	if (!more)
		return -ENOMEM;
	id.reported = reported;
	s->known = more;
	more[s->n_known++] = id;
	return 0;
}

/* When it was made, or on a file system that does not record that, when it was last written. */
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

/* 1 if it is skipped, and notes that as reported; 0; -EACCES; -ENOMEM. */
static int look_at(struct look *l, const char *path)
{
	struct skipped_id id;
	struct stat st;
	int r;

	if (stat(path, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size == 0)
		return 0;
	id = (struct skipped_id){.inode = st.st_ino, .born_usec = born(path)};
	if (is_known(l->s, id))
		return 0;
	if (opened_has(l->open, l->n_open, st.st_dev, st.st_ino)) {
		r = journal_index_check(path);
		if (r != 0)
			return r > 0 ? note(l->s, id, false) : 0;
	} else if (id.born_usec + YOUNG_USEC > l->looked_usec) {
		l->young = true;
		return 0;
	}
	if (access(path, R_OK) < 0)
		return errno == EACCES ? -EACCES : 0;
	r = note(l->s, id, true);
	if (r < 0)
		return r;
	l->ret->id = id;
	(void)snprintf(l->ret->path, sizeof(l->ret->path), "%s", path);
	return 1;
}

/* As sd_journal_open_directory(3), which reads subdirectories that are named by a machine ID. */
static int look_below(struct look *l, const char *directory, int depth)
{
	DIR *dir = opendir(directory);
	struct dirent *entry;
	int r = 0;

	if (!dir)
		return 0; /* it is gone, and its files with it */
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
	char path[JOURNAL_MACHINE_PATH];
	int r = 0;

	if (directory)
		return look_below(l, directory, 1);
	for (; paths && *paths && r == 0; paths++)
		r = look_at(l, *paths);
	for (size_t i = 0; i < JOURNAL_ROOTS && !paths && r == 0; i++) {
		journal_machine_directory((enum journal_root)i, path);
		r = look_below(l, path, 0);
	}
	return r;
}

int skipped_find(struct skipped *s, char *const *paths, const char *directory,
		 const struct live *live, uint64_t looked_usec, struct skipped_file *ret)
{
	struct look l = {.s = s, .looked_usec = looked_usec, .ret = ret};
	int r = opened_list(live, &l.open, &l.n_open);

	/* The difference is large as well after the clock was set back. */
	if (r == 0 && (l.n_open != s->n_open || looked_usec - s->looked_usec >= LOOK_USEC)) {
		r = look_everywhere(&l, paths, directory);
		if (r == 0 && !l.young) {
			s->n_open = l.n_open;
			s->looked_usec = looked_usec;
		}
	}
	free(l.open);
	return r;
}

void skipped_done(struct skipped *s)
{
	free(s->known);
}
