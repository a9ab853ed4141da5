/*
 * The journal files of one host. A host's entries come in their order, so each host has a place of
 * its own, and its files are read by the journal's source as the journal of one machine. They are
 * open only while they are read and a little longer.
 */
#pragma once

#include "base/buffer.h"
#include "source/source.h"

/* Bytes with a NUL. A machine's directory, "/" and a stem have at most 511. */
#define HOST_ID_MAX 600

/* Files that cannot be opened or read. */
struct host_bad {
	bool partial; /* the others are open without them */
	char *file;   /* the last one; NULL: there was none */
	int error;    /* errno */
	bool due;     /* to be reported next */
	bool reported;
	unsigned failures;   /* in a row */
	uint64_t since_usec; /* of the first failure; CLOCK_MONOTONIC */
	uint64_t retry_usec; /* when to try again, CLOCK_MONOTONIC; 0: nothing is due */
};

/* The last record. */
struct host_record {
	bool bad;	     /* it reports bad.file */
	struct record ahead; /* read before its turn, with its details */
	struct buffer text, position, identity;
};

struct host {
	char *name;	/* for the position: the files' stem, after its directory and "/" */
	char *hostname; /* who sent it, by the files' name; NULL: only the entries say */
	char **files;	/* paths, NULL-terminated; NULL: none */
	size_t n_files;
	struct buffer place; /* a position of the journal, after the last record; empty: head */
	uint64_t since_usec; /* without a place: of the host's clock, begin here; 0: at the head */

	struct source *source; /* NULL: closed */
	bool unread;	       /* there may be more to read */
	bool changed;	       /* its files differ from those that are open */
	bool lost;	       /* a file was removed before it was read, or may have been */

	struct host_bad bad;
	struct host_record record;
};

/* NULL: out of memory. */
struct host *host_new(const char *name, struct slice stem);

/* Accepts NULL; returns NULL. */
struct host *host_free(struct host *h);

/* A file was made or removed; it may be known already. -ENOMEM. */
int host_add_file(struct host *h, const char *path);
void host_remove_file(struct host *h, const char *path);

/*
 * Opens the host's files at its place, or if @begin is not NULL, at what that says. Files that
 * cannot be opened are left out (bad.partial); if none is left, source is NULL.
 */
void host_open(struct host *h, const struct source_options *options,
	       const struct source_options *begin);
void host_close(struct host *h);

/* As source_next() and source_details() of an open host. */
int host_next(struct host *h, struct record *ret);
int host_details(struct host *h, struct record *r);

/* The place becomes that of the open source. -errno. */
int host_note_place(struct host *h);

/* Appends the host to a position. -ENOMEM, -E2BIG. */
int host_format(const struct host *h, struct buffer *ret);

/*
 * Opening or reading failed: closes it and sets bad.retry_usec, later each time. A failure that
 * persists, or has no second try (not @follow), is due to be reported.
 */
void host_failed(struct host *h, int error, bool follow, uint64_t now_usec);
void host_succeeded(struct host *h);
