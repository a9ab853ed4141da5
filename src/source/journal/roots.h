/* The directories of this machine's journals, which may be made or removed while they are read. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct journal_roots {
	int fd;	      /* inotify(7); -1: none */
	size_t depth; /* how many directories on the paths of the roots exist */
};

/* Watches the roots as they are now, instead of what was watched before. -errno. */
int journal_roots_watch(struct journal_roots *r);

/*
 * Whether a root was made or removed since. Then sd_journal_open(3) finds other directories than
 * before; call journal_roots_watch() before it.
 */
bool journal_roots_changed(struct journal_roots *r);
