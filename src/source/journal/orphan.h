/*
 * Orphans: live files (live.h) that were deleted or moved away while journald writes to them. Each
 * is read to its end by a reader of its own, from the place that the journal's reader had reached.
 * What is read there does not move the journal's place, which is in none of these files.
 */
#pragma once

#include "base/buffer.h"
#include "source/journal/cursor_reader.h"
#include "source/journal/live.h"

#define ORPHANS_MAX 4 /* read at a time; the oldest is closed for another one */

struct orphan {
	struct live_file file;
	struct cursor_reader reader;
	bool reported;
	bool begun; /* the reader is at its place */
	int watch;  /* of inotify(7) */
};

struct orphans {
	struct orphan list[ORPHANS_MAX]; /* the oldest first */
	size_t n;
	int fd; /* the caller's, of inotify(7): an orphan was written to */
};

void orphans_done(struct orphans *o);

/*
 * Looks at the live files, and adds those that became orphans. To be called whenever sd_journal
 * opens its files (before) or processes changes (after). Each orphan is read on from @r->place.
 * @now_usec: CLOCK_MONOTONIC.
 */
void orphans_look(struct orphans *o, struct live *l, const struct cursor_reader *r,
		  uint64_t now_usec);

/* An orphan that was not reported yet, and now is; NULL: none. */
struct orphan *orphans_unreported(struct orphans *o);

/* The orphan whose reader is at its next entry; NULL: none has one now. Closes those at an end. */
struct orphan *orphans_next(struct orphans *o, const struct live *l);

/* Closes it. */
void orphans_drop(struct orphans *o, struct orphan *t);

/* Appends the identity of the gap that an orphan is, and its reason. -errno. */
int orphan_identify(const struct orphan *t, struct buffer *ret);
int orphan_describe(const struct orphan *t, struct buffer *ret);
