/*
 * The steps are those of journalctl, and two more. An entry is known again by boot id, monotonic
 * time, time and hash, since journald changes the sequence id when it flushes /run to /var. And
 * landing behind a cursor whose entry is gone is trusted only if the entry before it is not newer
 * than what was read: systemd 253 to 260 can land elsewhere (issue 31516).
 *
 * Where the journal begins later than what was read up to, entries were vacuumed unread: a gap.
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

/* Whether the current entry is that of the position: 1, 0, -errno. */
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

/* In a boot whose clock is behind, only the time of its own entries says anything. */
static uint64_t read_until(const struct journal_position *p)
{
	if (*p->bound)
		return p->time_usec;
	return p->until_usec > p->time_usec ? p->until_usec : p->time_usec;
}

static int seek_time(const struct seek *s)
{
	uint64_t usec = read_until(s->p);

	/* A time that the journal has not reached would be its end, and what comes is before it. */
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

/* The seek landed on an entry that is not the position's. */
static int check_landing(const struct seek *s, struct journal_landing *l)
{
	uint64_t usec;
	int r;

	note_gap(s, l);
	r = sd_journal_previous(s->j);
	if (r < 0)
		return r;
	if (r == 0)
		/* Nothing before it: all that is left is unread, if the journal begins later. */
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

/* Whether the current entry was written behind that of the position, or before it. */
static bool is_behind(const struct seek *s, bool before)
{
	AUTO_FREE char *cursor = NULL;
	struct slice own = slice_of(s->p->cursor);

	if (sd_journal_get_cursor(s->j, &cursor) < 0)
		return false;
	return before ? journal_cursor_behind(slice_of(cursor), own)
		      : journal_cursor_behind(own, slice_of(cursor));
}

/* The position's entry is no match: nothing that is one was found when it was noted. */
static int seek_unmatched(const struct seek *s, struct journal_landing *l)
{
	int r = sd_journal_seek_cursor(s->j, s->p->cursor);

	note_gap(s, l);
	if (r >= 0)
		r = sd_journal_next(s->j);
	if (r > 0) {
		l->pending = is_behind(s, false);
		if (l->pending || at_entry(s) > 0)
			return 0;
	} else if (r == 0) {
		r = sd_journal_previous(s->j);
		if (r > 0 && is_behind(s, true))
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
		/* Nothing behind the cursor; is its entry the last, or is it gone? */
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
