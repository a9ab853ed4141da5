/*
 * The file that journald writes to, system.journal, where it is taken away under it: deleted, or
 * moved, or its directory is. journald does not notice for five seconds after a deletion, for
 * longer after a move, and writes on into it; sd_journal lets it go at once.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "source/journal/cursor.h"

#define ACTIVE_ROOTS	 2 /* /var and /run */
#define ACTIVE_TAKEN_MAX 4 /* that are read on at a time; the oldest is let go for another one */

struct sd_journal;

struct active_file {
	const char *home;     /* its name while journald writes to it */
	int fd;		      /* -1: none */
	char *path;	      /* what the kernel called it when it was opened */
	struct sd_journal *j; /* of this file alone; NULL: it could not be read yet */
	int reader_fd;	      /* of j, which closes it */
	uint64_t size;	      /* of the file when j was opened */
};

struct taken_file {
	struct active_file file;
	struct journal_position place; /* up to there it was read */
	bool told;
	bool begun;   /* the matches are set, and j is behind the place */
	bool pending; /* the entry that j is at is the next one */
	int watch;    /* of inotify(7) */
};

struct journal_active {
	char homes[ACTIVE_ROOTS][80];
	struct active_file files[ACTIVE_ROOTS];
	struct taken_file taken[ACTIVE_TAKEN_MAX]; /* the oldest first */
	size_t n_taken;
	uint64_t missing_usec; /* CLOCK_MONOTONIC: since then there is none; 0: there is one */
	bool missing_told;
	int fd; /* inotify(7): something was written into a taken one; -1: not in use */
};

/* Before journal_active_begin(): nothing is held, and done() may be called. */
void journal_active_init(struct journal_active *a);

/* Holds the files of this machine from the next look on. Without inotify(7) none are held. */
void journal_active_begin(struct journal_active *a);
void journal_active_done(struct journal_active *a);

/*
 * Opens the files that are active now, and finds those that were taken away. To be called before
 * sd_journal looks for files, and after; what is in a file behind @place was not read. @now_usec:
 * CLOCK_MONOTONIC.
 */
void journal_active_look(struct journal_active *a, const struct journal_position *place,
			 uint64_t now_usec);

/* After @a->fd was ready. */
void journal_active_process(struct journal_active *a);

/*
 * When it is to be told that there is no file that journald writes to, on CLOCK_MONOTONIC;
 * UINT64_MAX: not at all. Where it rotates or begins, there is none for a moment.
 */
uint64_t journal_active_missing_due(const struct journal_active *a);

/* Whether it is one of the descriptors that are held here of files that are in their places. */
bool journal_active_holds(const struct journal_active *a, int fd);

/* Whether journald has closed the file for good, so that its end is the end. */
bool journal_active_closed(const struct journal_active *a, const struct taken_file *t);

/* Lets it go. */
void journal_active_drop(struct journal_active *a, struct taken_file *t);

/* Where the file is now: 1 and @ret of @size bytes, 0 where it has no name any more, -errno. */
int journal_active_whereabouts(const struct taken_file *t, char *ret, size_t size);
