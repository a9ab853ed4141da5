/*
 * A place in the journal as text, "journal time=USEC until=USEC [files=USEC] [bound=BOOT]
 * [boots=ID,…] cursor=CURSOR", and the parts of a cursor that name its entry in whatever file it
 * is.
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
	uint64_t time_usec;		 /* of the cursor's entry; 0: it was not one to read */
	uint64_t until_usec;		 /* everything until then was read; 0: not known */
	uint64_t files_usec; /* files that begin later may have entries before it; 0: none */
	char bound[33];	     /* the only boot that is read; "": all (pass.h) */
	struct slice boots;  /* journal_boots_format() of the known ones; not owned */
	bool one_sender;     /* not in the text: files of one host */
};

/* Appends the text of @p, with @until_usec if it is later than p's own. -ENOMEM, -E2BIG. */
int journal_position_format(const struct journal_position *p, uint64_t until_usec,
			    struct buffer *ret);

/*
 * Parses a text of journal_position_format(); ret->boots refers to it. 0, or SOURCE_E_POSITION with
 * *err set: it is not of the journal, or has neither cursor nor time.
 */
int journal_position_parse(struct slice text, struct journal_position *ret, struct error *err);

/*
 * Appends the parts of a cursor that stay when journald moves the entry to another file: boot id,
 * monotonic time, time, hash of the fields ("b=…;m=…;t=…;x=…"); the whole cursor if it has another
 * form. -ENOMEM, -E2BIG.
 */
int journal_cursor_identity(struct slice cursor, struct buffer *ret);

/* Whether two cursors name the same entry by these parts. */
bool journal_cursor_same_entry(struct slice a, struct slice b);

/*
 * Whether the entry of cursor @b was written after that of @a: both are of one sequence of numbers,
 * and its number is higher.
 */
bool journal_cursor_after(struct slice a, struct slice b);

/*
 * Whether the entry of @a comes before that of @b in the order of sd_journal(3): by number within a
 * sequence, else by monotonic time within a boot, else by time.
 */
bool journal_cursor_precedes(struct slice a, struct slice b);

/* Whether the cursor's entry is of this boot (32 hexadecimal digits). */
bool journal_position_in_boot(const struct journal_position *p, const char *boot);
