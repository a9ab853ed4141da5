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

struct seek {
	sd_journal *j;
	const struct journal_position *p;
	uint64_t begin_usec, end_usec;
};

/* Whether the current entry is the position's: 1, 0, -errno. */
static int at_entry(const struct seek *s)
{
	AUTO_FREE char *cursor = NULL;
	int r = sd_journal_test_cursor(s->j, s->p->cursor);

	if (r != 0)
		return r;
	r = sd_journal_get_cursor(s->j, &cursor);
	if (r < 0)
		return r;
	return journal_cursor_same_entry(slice_of(cursor), slice_of(s->p->cursor));
}

/* If the clock of its boot is behind, other times cannot be compared with its own. */
static uint64_t read_until(const struct journal_position *p)
{
	if (*p->bound)
		return p->time_usec;
	return p->until_usec > p->time_usec ? p->until_usec : p->time_usec;
}

static int seek_time(const struct seek *s)
{
	uint64_t usec = read_until(s->p);

	/* After the last entry's time, new entries could come before the place. */
	if (usec > s->end_usec)
		usec = s->end_usec;
	if (usec <= MARGIN_USEC)
		return sd_journal_seek_head(s->j);
	return sd_journal_seek_realtime_usec(s->j, usec - MARGIN_USEC);
}

static void note_gap(const struct seek *s, struct journal_landing *l)
{
	uint64_t until = read_until(s->p);

	if (until == 0 || s->begin_usec <= until)
		return;
	l->gap = true;
	l->gap_from_usec = until;
	l->gap_to_usec = s->begin_usec;
}

/* The current entry, where the seek ended, is not the position's. */
static int check_landing(const struct seek *s, struct journal_landing *l)
{
	uint64_t usec;
	int r;

	note_gap(s, l);
	r = sd_journal_previous(s->j);
	if (r < 0)
		return r;
	if (r == 0)
		/* It is the first entry: all is unread if the journal begins later. */
		return s->begin_usec > s->p->time_usec ? sd_journal_seek_head(s->j) : seek_time(s);
	r = at_entry(s);
	if (r != 0) {
		l->gap = false;
		return r < 0 ? r : 0;
	}
	r = sd_journal_get_realtime_usec(s->j, &usec);
	if (r < 0 || usec > s->p->time_usec)
		return seek_time(s);
	r = sd_journal_next(s->j);
	if (r <= 0)
		return r < 0 ? r : seek_time(s);
	l->pending = true;
	return 0;
}

enum side { BEFORE, AFTER };

/* Whether the current entry was written on that side of the position's. */
static bool is_written(const struct seek *s, enum side side)
{
	AUTO_FREE char *cursor = NULL;
	struct slice own = slice_of(s->p->cursor);

	if (sd_journal_get_cursor(s->j, &cursor) < 0)
		return false;
	return side == BEFORE ? journal_cursor_after(slice_of(cursor), own)
			      : journal_cursor_after(own, slice_of(cursor));
}

/* The position's entry does not match: it was the last one when there were no matches. */
static int seek_unmatched(const struct seek *s, struct journal_landing *l)
{
	int r = sd_journal_seek_cursor(s->j, s->p->cursor);

	note_gap(s, l);
	if (r >= 0)
		r = sd_journal_next(s->j);
	if (r > 0) {
		l->pending = is_written(s, AFTER);
		if (l->pending || at_entry(s) > 0)
			return 0;
	} else if (r == 0) {
		r = sd_journal_previous(s->j);
		if (r > 0 && is_written(s, BEFORE))
			return 0;
	}
	return sd_journal_seek_head(s->j);
}

int journal_seek_position(struct sd_journal *j, const struct journal_position *p,
			  uint64_t begin_usec, uint64_t end_usec, struct journal_landing *ret)
{
	struct seek s = {j, p, begin_usec, end_usec};
	struct journal_landing l = {false, false, 0, 0};
	int r;

	if (*p->bound && !journal_position_in_boot(p, p->bound)) {
		/* Nothing of that boot was read yet. */
		r = sd_journal_seek_head(j);
	} else if (!p->cursor[0] && p->one_sender) {
		note_gap(&s, &l);
		r = sd_journal_seek_head(j);
	} else if (p->cursor[0] && !p->time_usec && p->one_sender) {
		r = seek_unmatched(&s, &l);
	} else if (!p->cursor[0] || sd_journal_seek_cursor(j, p->cursor) < 0) {
		note_gap(&s, &l);
		r = seek_time(&s);
	} else if ((r = sd_journal_next(j)) > 0) {
		r = at_entry(&s);
		if (r == 0)
			r = check_landing(&s, &l);
	} else if (r == 0) {
		/* No entry follows the cursor: its own is the last one, or is gone. */
		r = sd_journal_previous(j);
		if (r > 0)
			r = at_entry(&s);
		if (r == 0) {
			note_gap(&s, &l);
			r = seek_time(&s);
		}
	}
	if (r < 0)
		return r;
	*ret = l;
	return 0;
}
