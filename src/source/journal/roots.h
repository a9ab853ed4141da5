/* Directories that journals are in, where those come after the journal was opened, or go. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct journal_roots {
	int fd;	      /* inotify(7); -1: none */
	size_t depth; /* how many of the directories on the way to the roots there were */
};

/* Watches this machine's roots, as they are now, instead of what was watched. -errno. */
int journal_roots_watch(struct journal_roots *r);

/*
 * Whether a root came or went since. Then sd_journal_open(3) finds other directories than it did;
 * they are to be watched anew before that.
 */
bool journal_roots_changed(struct journal_roots *r);
