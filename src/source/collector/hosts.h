/* All hosts whose journals are collected in a directory, and what happens to their files. */
#pragma once

#include "source/collector/host.h"

struct hosts_watch {
	int wd;
	char machine[256]; /* a directory below; "": the directory itself */
};

struct hosts {
	char *directory;
	struct host **all; /* by name */
	size_t n, size;
	int inotify_fd; /* -1: not watched */
	bool gone;	/* the directory was removed or renamed */
	struct hosts_watch *watches;
	size_t n_watches;
};

/*
 * Finds the journal files in @directory and its machines' directories; with @follow, watches them.
 * All hosts are unread. -errno of inotify_init(2) and its kin, of opendir(3).
 */
int hosts_init(struct hosts *hs, const char *directory, bool follow);
void hosts_done(struct hosts *hs);

/* The host of a name, made if there is none and @stem is not NULL. NULL: none; out of memory. */
struct host *hosts_get(struct hosts *hs, const char *name, const struct slice *stem);

/*
 * Reads the events of inotify(7): hosts become unread, their files are added and removed. -ENOENT:
 * the directory is gone, now or since before. -errno.
 */
int hosts_process(struct hosts *hs);

/* Appends the position of all. -ENOMEM, -E2BIG. */
int hosts_format(const struct hosts *hs, uint64_t until_usec, struct buffer *ret);
