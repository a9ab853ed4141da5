/*
 * A lane: the journal files of one host in a collection. One host's entries come in their order,
 * so each lane has a place of its own, and is read by the journal source as the journal of one
 * machine. A lane is open only while it is read and a little longer.
 */
#pragma once

#include "base/buffer.h"
#include "source/source.h"

#define LANE_NAME_MAX 600 /* bytes with a NUL: of a machine's directory, "/", and a stem */

struct lane {
	char *name;   /* for the position: the stem, behind its directory's name where it has one */
	char *host;   /* who sent it, by the files' name; NULL: only the entries say */
	char **files; /* paths, NULL-terminated; NULL: none */
	size_t n_files;
	struct buffer place; /* a position of the journal, behind all that was given; empty: head */
	uint64_t since_usec; /* place is empty: begins at this time, the sender's; 0: at the head */

	struct source *source; /* NULL: closed */
	bool unread;	       /* there may be more than was given */
	bool changed;	       /* its files are others than those that are open */
	bool lost;	       /* a file went before it was read, or may have */

	bool partial;	/* files that cannot be opened were left out */
	char *bad_file; /* what could not be read last; NULL: nothing since all was */
	int bad_error;
	bool bad_due, bad_told;
	unsigned failures;	     /* times in a row that something could not be read */
	uint64_t failing_since_usec; /* CLOCK_MONOTONIC */
	uint64_t retry_usec;	     /* then it is read again, CLOCK_MONOTONIC; 0: nothing is due */

	bool in_bad;				/* the record that was given tells of bad_file */
	struct record held;			/* read ahead of its turn, with its details */
	struct buffer text, position, identity; /* of the details */
};

struct lane *lane_new(const char *name, struct slice stem);
struct lane *lane_free(struct lane *l);

/* A file came or went; both are fine where it is there, or not there, already. -ENOMEM. */
int lane_add_file(struct lane *l, const char *path);
void lane_remove_file(struct lane *l, const char *path);

/*
 * Opens the lane's files at its place, or, where @begin is not NULL, where that says. Files that
 * cannot be opened are left out (partial); where none is left, source is NULL.
 */
void lane_open(struct lane *l, const struct source_options *options,
	       const struct source_options *begin);
void lane_close(struct lane *l);

/* As source_next() and source_details() of an open lane. */
int lane_next(struct lane *l, struct record *ret);
int lane_details(struct lane *l, struct record *r);

/* Takes the place of the open source behind what it gave. -errno. */
int lane_note_place(struct lane *l);

/*
 * It could not be opened, or not be read to its end: closes it and sets retry_usec, later each
 * time. What fails for longer, or without a second try (@follow), is to be told.
 */
void lane_failed(struct lane *l, int error, bool follow, uint64_t now_usec);
void lane_succeeded(struct lane *l);
