/* Journal files that sd_journal(3) skips silently. */
#pragma once

#include <limits.h>
#include <stddef.h>
#include <stdint.h>

#include "source/journal/live.h"

/* Which file it is, however it is renamed. */
struct skipped_id {
	uint64_t inode, born_usec;
	bool reported; /* it was skipped; else its index is whole */
};

struct skipped_file {
	char path[PATH_MAX];
	struct skipped_id id;
};

/* Files that need no other look, and what the last look depended on. */
struct skipped {
	struct skipped_id *known;
	size_t n_known;
	size_t n_open;
	uint64_t looked_usec;
};

/*
 * Looks for a journal file that has content, was not reported, and is not open in this process or
 * has a damaged index (journal_index_check(), once for each file): of @paths (NULL-terminated), or
 * below @directory, or of this machine if both are NULL. A file that was made after @looked_usec,
 * when sd_journal looked for files, or shortly before, is not due yet.
 * 1 and *ret; 0: none; -EACCES: it may not be read; -errno. While the number of open files does not
 * change, it looks once a second at most.
 */
int skipped_find(struct skipped *s, char *const *paths, const char *directory,
		 const struct live *live, uint64_t looked_usec, struct skipped_file *ret);

void skipped_done(struct skipped *s);
