/*
 * The live file: system.journal, to which journald writes, in /var and in /run. It can be deleted
 * or moved while journald writes to it. journald notices a deletion after five seconds, a move
 * later, and writes into the file until then, but sd_journal(3) closes it at once.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <limits.h>

#include "source/journal/machine.h"

struct sd_journal;

struct live_file {
	int fd;		      /* -1: none */
	char *path;	      /* the kernel's name of it when it was opened */
	struct sd_journal *j; /* of this file alone; NULL: not readable yet */
	int reader_fd;	      /* of j, which closes it */
	uint64_t size;	      /* of the file when j was opened */
};

struct live {
	bool on; /* files are held */
	char homes[JOURNAL_ROOTS][JOURNAL_MACHINE_PATH + 16];
	struct live_file files[JOURNAL_ROOTS];
	uint64_t missing_usec; /* CLOCK_MONOTONIC: there is none since then; 0: there is one */
	bool missing_reported;
};

/* Holds no files; live_done() may be called. */
void live_init(struct live *l);

/* Holds this machine's files from the next look on. */
void live_begin(struct live *l);
void live_done(struct live *l);

/*
 * Opens the live file below a root, if it is another one than before. True if the one before was
 * deleted or moved away; then *ret_orphan is owned by the caller (live_file_close()).
 */
bool live_look(struct live *l, enum journal_root root, struct live_file *ret_orphan);

/* After the roots were looked at, whether no file is live. @now_usec: CLOCK_MONOTONIC. */
void live_note_missing(struct live *l, bool orphans, uint64_t now_usec);

/*
 * When it is due to report that there is no live file, on CLOCK_MONOTONIC; UINT64_MAX: not at all.
 * There is none for a moment when journald rotates.
 */
uint64_t live_missing_due(const struct live *l);

/* Whether a descriptor is one of the live files that are held. */
bool live_holds(const struct live *l, int fd);

/*
 * Whether journald has closed an orphan for good, so that nothing is appended any more; or it was
 * moved back, and sd_journal reads it.
 */
bool live_closed(const struct live *l, const struct live_file *orphan);

/* The file's name: 1 and @ret; 0 if it has been deleted; -errno. */
int live_file_path(const struct live_file *f, char ret[PATH_MAX]);

/* Closes it. */
void live_file_close(struct live_file *f);
