/* Files of the journal that sd_journal(3) leaves out without a word. */
#pragma once

#include <limits.h>
#include <stddef.h>
#include <stdint.h>

#include "source/journal/live.h"

struct left_out {
	char path[PATH_MAX];
	uint64_t inode, born_usec; /* which file it is, however it is renamed */
};

/* A file whose index was found whole. */
struct left_out_whole {
	uint64_t inode, born_usec;
};

/* What was told already, what need not be looked at, and what the last look depended on. */
struct left_out_told {
	struct left_out_whole *whole;
	size_t n_whole;
	uint64_t *inodes;
	size_t n;
	size_t descriptors;
	uint64_t looked_usec;
};

/*
 * Looks for a journal file that holds something, is not open in this process or has an index in
 * which nothing is found (journal_index_check(), once for each file), and was not told:
 * of @paths, NULL-terminated, or below @directory, or of this machine where both are NULL; one that
 * was made after @looked_usec, when sd_journal looked for files, or shortly before, does not count.
 * What only @active holds is not open.
 * 1 and *ret; 0: none; -EACCES: it may not be read; -errno. As long as as many files are open as
 * when there was none, it looks once a second at most.
 */
int left_out_find(struct left_out_told *told, char *const *paths, const char *directory,
		  const struct journal_active *active, uint64_t looked_usec, struct left_out *ret);

void left_out_done(struct left_out_told *told);
