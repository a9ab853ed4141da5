/*
 * The steps are those of journalctl, and two more. An entry is recognised by boot ID, monotonic
 * time, time and hash, because journald changes the sequence ID when it flushes /run to /var. If
 * the cursor's entry is gone, the entry that follows is trusted only if the one before it is not
 * newer than what was read: systemd 253 to 260 can land elsewhere (issue 31516).
 *
 * If the journal begins later than the time that was read up to, entries were vacuumed unread: a
 * gap.
 */
#include "source/journal/seek.h"

#include <systemd/sd-journal.h>

#include "base/cleanup.h"
#include "base/timetext.h"

#define MARGIN_USEC (60 * USEC_PER_SEC) /* of a resume by time */

/* Whether the current entry is the position's: 1, 0, -errno. */
static int at_entry(const struct cursor_reader *s)
{
	AUTO_FREE char *cursor = NULL;
	int r = sd_journal_test_cursor(s->j, s->place.cursor);

	if (r != 0)
		return r;
	r = sd_journal_get_cursor(s->j, &cursor);
	if (r < 0)
		return r;
	return journal_cursor_same_entry(slice_of(cursor), slice_of(s->place.cursor));
}

/* If the clock of its boot is behind, other times cannot be compared with its own. */
static uint64_t read_until(const struct journal_position *p)
{
	if (*p->bound)
		return p->time_usec;
	return p->until_usec > p->time_usec ? p->until_usec : p->time_usec;
}

static int seek_time(const struct cursor_reader *s)
{
	uint64_t usec = read_until(&s->place);

	/* After the last entry's time, new entries could come before the place. */
	if (usec > s->end_usec)
		usec = s->end_usec;
	if (usec <= MARGIN_USEC)
		return sd_journal_seek_head(s->j);
	return sd_journal_seek_realtime_usec(s->j, usec - MARGIN_USEC);
}

static void note_gap(struct cursor_reader *s)
{
	uint64_t until = read_until(&s->place);

	if (until == 0 || s->begin_usec <= until)
		return;
	s->landing.gap = true;
	s->landing.gap_from_usec = until;
	s->landing.gap_to_usec = s->begin_usec;
}

/* The current entry, where the seek ended, is not the position's. */
static int check_landing(struct cursor_reader *s)
{
	uint64_t usec;
	int r;

	note_gap(s);
	r = sd_journal_previous(s->j);
	if (r < 0)
		return r;
	if (r == 0)
		/* It is the first entry: all is unread if the journal begins later. */
		return s->begin_usec > s->place.time_usec ? sd_journal_seek_head(s->j)
							  : seek_time(s);
	r = at_entry(s);
	if (r != 0) {
		s->landing.gap = false;
		return r < 0 ? r : 0;
	}
	r = sd_journal_get_realtime_usec(s->j, &usec);
	if (r < 0 || usec > s->place.time_usec)
		return seek_time(s);
	r = sd_journal_next(s->j);
	if (r <= 0)
		return r < 0 ? r : seek_time(s);
	s->landing.pending = true;
	return 0;
}

enum side { BEFORE, AFTER };

/* Whether the current entry was written on that side of the position's. */
static bool is_written(const struct cursor_reader *s, enum side side)
{
	AUTO_FREE char *cursor = NULL;
	struct slice own = slice_of(s->place.cursor);

	if (sd_journal_get_cursor(s->j, &cursor) < 0)
		return false;
	return side == BEFORE ? journal_cursor_after(slice_of(cursor), own)
			      : journal_cursor_after(own, slice_of(cursor));
}

/* The position's entry does not match: it was the last one when there were no matches. */
static int seek_unmatched(struct cursor_reader *s)
{
	int r = sd_journal_seek_cursor(s->j, s->place.cursor);

	note_gap(s);
	if (r >= 0)
		r = sd_journal_next(s->j);
	if (r > 0) {
		s->landing.pending = is_written(s, AFTER);
		if (s->landing.pending || at_entry(s) > 0)
			return 0;
	} else if (r == 0) {
		r = sd_journal_previous(s->j);
		if (r > 0 && is_written(s, BEFORE))
			return 0;
	}
	return sd_journal_seek_head(s->j);
}

static int go_to_place(struct cursor_reader *s)
{
	const struct journal_position *p = &s->place;
	int r;

	if (*p->bound && !journal_position_in_boot(p, p->bound))
		/* Nothing of that boot was read yet. */
		return sd_journal_seek_head(s->j);
	if (p->cursor[0] && !p->time_usec && p->one_sender)
		return seek_unmatched(s);
	if (!p->cursor[0] || sd_journal_seek_cursor(s->j, p->cursor) < 0) {
		note_gap(s);
		return !p->cursor[0] && p->one_sender ? sd_journal_seek_head(s->j) : seek_time(s);
	}
	r = sd_journal_next(s->j);
	if (r > 0) {
		r = at_entry(s);
		return r == 0 ? check_landing(s) : r;
	}
	/* No entry follows the cursor: its own is the last one, or is gone. */
	if (r == 0)
		r = sd_journal_previous(s->j);
	if (r > 0)
		r = at_entry(s);
	if (r != 0)
		return r;
	note_gap(s);
	return seek_time(s);
}

int journal_seek_place(struct cursor_reader *s)
{
	const struct journal_landing none = {.gap = false};
	int r;

	s->landing = none;
	if (*s->place.cursor || s->place.until_usec)
		r = go_to_place(s);
	else if (s->since_usec && !s->place.one_sender)
		r = sd_journal_seek_realtime_usec(s->j, s->since_usec);
	else
		/* The sender's clock says nothing of when its files came. */
		r = sd_journal_seek_head(s->j);
	if (r < 0)
		s->landing = none;
	return r < 0 ? r : 0;
}
