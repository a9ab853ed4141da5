/* All lanes of a collection, and what happens to their files. */
#pragma once

#include "source/collector/host.h"

struct lanes {
	char *directory;
	struct lane **all; /* by name */
	size_t n, size;
	int inotify_fd; /* -1: not watched */
	bool gone;	/* the directory was removed or renamed */
	struct lanes_watch {
		int wd;
		char machine[256]; /* "": the directory itself */
	} * watches;
	size_t n_watches;
};

/*
 * Finds the journal files in @directory and in its machines' directories, watched from now on
 * where @follow. Lanes are unread. -errno of inotify_init(2) and its kin, of opendir(3).
 */
int lanes_init(struct lanes *ls, const char *directory, bool follow);
void lanes_done(struct lanes *ls);

/* The lane of a name; made where there is none and @stem is not NULL. NULL: none; out of memory. */
struct lane *lanes_get(struct lanes *ls, const char *name, const struct slice *stem);

/*
 * Takes what inotify(7) has to say: lanes become unread, their files come and go. -ENOENT: the
 * directory is gone, now or since before. -errno.
 */
int lanes_process(struct lanes *ls);
