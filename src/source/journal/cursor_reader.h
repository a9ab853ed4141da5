/*
 * One sd_journal(3) object, what it matches, and the place that was reached in it. The journal has
 * one, and each file that is read by itself.
 */
#pragma once

#include "source/journal/cursor.h"

struct sd_journal;

/* Where the last seek ended. */
struct journal_landing {
	bool pending; /* the current entry is unread, and the next one */
	bool gap;     /* entries between these times were vacuumed unread */
	uint64_t gap_from_usec, gap_to_usec;
};

struct cursor_reader {
	struct sd_journal *j; /* NULL: closed */
	const char *const *programs;
	struct journal_position place; /* after the last entry that was read */
	uint64_t since_usec;	       /* where to begin without a place; 0: at the head */
	uint64_t begin_usec, end_usec; /* of the first and the last entry, when it was opened */
	struct journal_landing landing;
};

/*
 * Opens, instead of what was open, the files of @paths (NULL-terminated), or the directory, or this
 * machine's journal if both are NULL; then sets the matches, for @boot (32 digits; "": any). It is
 * at no place yet. -errno of sd_journal_open(3) and its kin.
 */
int cursor_reader_open(struct cursor_reader *r, char *const *paths, const char *directory,
		       const char *boot);
void cursor_reader_close(struct cursor_reader *r);

/*
 * Notes the times of the first and the last entry. The sd_journal(3) functions after it find the
 * descriptor of sd_journal_get_fd(3) open, if there is to be one.
 */
void cursor_reader_note_bounds(struct cursor_reader *r);

/* Matches what may be a login or a notice of journald, of @boot (32 digits; "": any). -errno. */
int cursor_reader_match(struct cursor_reader *r, const char *boot);

/* One entry further: 1, 0 at the end, -errno of sd_journal_next(3). */
int cursor_reader_next(struct cursor_reader *r);

/*
 * @place becomes that of the current entry. -errno of sd_journal_get_cursor(3); -EIO: the entry's
 * file was cut while it was read.
 */
int cursor_reader_remember(const struct cursor_reader *r, struct journal_position *place);
