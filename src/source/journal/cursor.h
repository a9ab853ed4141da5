/*
 * A place in the journal as text, "journal time=USEC until=USEC [bound=BOOT] [boots=ID,…]
 * cursor=CURSOR", and what of a
 * cursor names its entry whatever file it is in.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"

#define JOURNAL_CURSOR_MAX   512   /* bytes with a NUL; sd_journal's have some 150 */
#define JOURNAL_POSITION_MAX 12288 /* bytes of the text; most of it boots */

struct journal_position {
	char cursor[JOURNAL_CURSOR_MAX]; /* "": no entry read yet */
	uint64_t time_usec;		 /* of the cursor's entry; 0: none that was to be read */
	uint64_t until_usec;		 /* up to when all was read; 0: not known */
	char bound[33];	    /* the boot that alone is read, as its clock is behind; "": all */
	struct slice boots; /* journal_boots_format() of those that were there; not owned */
	bool one_sender;    /* not in the text: without a cursor, nothing was passed over */
};

/* Appends the text of @p, with @until_usec where that is later than p's own. -ENOMEM, -E2BIG. */
int journal_position_format(const struct journal_position *p, uint64_t until_usec,
			    struct buffer *ret);

/*
 * Reads a text of journal_position_format(), into which ret->boots points. 0, or SOURCE_E_POSITION
 * with *err set: not of the journal, or neither cursor nor time can be read.
 */
int journal_position_parse(struct slice text, struct journal_position *ret, struct error *err);

/*
 * Appends the parts of a cursor that stay when journald moves the entry to another file: boot id,
 * monotonic time, time, hash of the fields ("b=…;m=…;t=…;x=…"). The whole cursor where it has not
 * this form. -ENOMEM, -E2BIG.
 */
int journal_cursor_identity(struct slice cursor, struct buffer *ret);

/* Whether two cursors name the same entry by these parts; 1 or 0. */
int journal_cursor_same_entry(struct slice a, struct slice b);

/*
 * Whether the entry of cursor @b was written behind that of @a: one sequence of numbers, and the
 * higher number. Entries of several sequences have no such order.
 */
bool journal_cursor_behind(struct slice a, struct slice b);

/* Whether the cursor's entry is of this boot (32 hexadecimal digits). */
int journal_position_in_boot(const struct journal_position *p, const char *boot);
