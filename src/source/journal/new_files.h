/*
 * Files that journald begins while the journal is read, as user-1000.journal is when user 1000 logs
 * for the first time. sd_journal(3) opens such a file only in sd_journal_process(3). If newer
 * entries of other files were read by then, sd_journal skips the older ones in the new file. They
 * are read here, each file by a reader of its own, up to the place that was reached.
 */
#pragma once

#include "source/journal/cursor_reader.h"
#include "source/journal/opened.h"

struct new_files {
	struct cursor_reader reader; /* of the first of fds; j NULL: it is not open */
	int *fds;		     /* of the files to read */
	size_t n;
	unsigned attempts;	      /* to read the first one */
	char end[JOURNAL_CURSOR_MAX]; /* what follows is left to the journal's reader */

	struct opened_file *known; /* open at the last look; NULL: there was none */
	size_t n_known;
	uint64_t looked_usec; /* up to then entries were written at the last look */
};

void new_files_done(struct new_files *n);

/*
 * Finds the files that sd_journal has opened since the last look, and that begin later. At the
 * first look these are the ones that begin after the place's files_usec. To be called after @r was
 * opened, and after sd_journal_process(3) opened or closed files. @now_usec: CLOCK_REALTIME.
 * -ENOMEM; -errno of fcntl(2).
 */
int new_files_look(struct new_files *n, const struct live *live, struct cursor_reader *r,
		   uint64_t now_usec);

/* Whether the reader is at its next entry: 1; 0: all was read, and the place of @r says so. */
int new_files_next(struct new_files *n, struct cursor_reader *r);

/* What the reader returned is not valid, because of a SIGBUS: reads it again. */
void new_files_retry(struct new_files *n);
