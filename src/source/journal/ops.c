/*
 * The journal as a source. What sd_journal(3) does not promise is made good here: readability is
 * checked first (journal_access), resuming takes more than seek_cursor() (journal_seek), followers
 * are told of new entries late (connection), and an error of one file is got over by process(), or
 * by opening anew.
 *
 * The fast path is next(): one sd_journal_next() and one sd_journal_get_data("MESSAGE"). Data of
 * sd_journal lives until its next call only, so details() copies what it takes.
 */
#include "source/journal/ops.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <systemd/sd-journal.h>
#include <time.h>

#include "base/buffer.h"
#include "base/number.h"
#include "base/timetext.h"
#include "source/journal/access.h"
#include "source/journal/entry.h"
#include "source/journal/internal.h"
#include "source/journal/login_hint.h"
#include "source/journal/machine.h"
#include "source/journal/sigbus.h"
#include "text/login.h"

#define PROCESS_EVERY	1000		   /* entries of a catch-up between two process() */
#define AGAIN_EVERY	16384		   /* entries between two SOURCE_AGAIN; a power of 2 */
#define AGAIN_MAX	20		   /* times in a row; then the caller has to see to it */
#define REOPEN_AFTER	5000		   /* entries whose mappings are worth giving back */
#define LOOK_USEC	(3 * USEC_PER_SEC) /* after a connection, look often as long */
#define LOOK_EVERY_USEC UINT64_C(20000)

static struct journal *journal_of(struct source *s)
{
	return (struct journal *)s;
}

/* Whose entry was given last. */
static struct sd_journal *current(const struct journal *s)
{
	return s->taken ? s->taken->file.j : s->j;
}

/* ---- reading ---- */

/* Opens anew at the place that was reached. */
static int begin_again(struct journal *s)
{
	int r;

	if (++s->again > AGAIN_MAX)
		return -EIO;
	journal_fault_forget();
	r = journal_open_again(s);
	return r < 0 ? r : journal_begin_pass(s);
}

/* What was read means nothing. That a file was taken away, and so is not whole, was told. */
static int get_over_fault(struct journal *s)
{
	if (!s->taken)
		return begin_again(s);
	journal_fault_forget();
	journal_active_drop(&s->active, s->taken);
	s->taken = NULL;
	return 0;
}

/* The place is kept up, as it cannot be had any more of an entry whose file has gone. */
static int process(struct journal *s)
{
	int r;

	if (!s->pending && s->gone_over > 0)
		(void)journal_remember_current(s);
	r = sd_journal_process(s->j);
	journal_active_look(&s->active, &s->last, journal_steady_usec());
	return r;
}

/* Takes up again after an error of sd_journal: files may have gone (systemd issue 36247). */
static int recover(struct journal *s)
{
	int r = process(s);

	if (r >= 0)
		r = sd_journal_next(s->j);
	if (r >= 0)
		return r;
	r = begin_again(s);
	if (r < 0 || s->pending)
		return r < 0 ? r : 1;
	return sd_journal_next(s->j);
}

/* At the end of one sender's files: by its clock, all up to their last entry was read then. */
static int look_again(struct journal *s)
{
	uint64_t begin, end;
	int r;

	if (sd_journal_get_cutoff_realtime_usec(s->j, &begin, &end) <= 0)
		return 0;
	r = sd_journal_next(s->j);
	if (r == 0 && end > s->last.until_usec)
		s->last.until_usec = end;
	return r;
}

/* One entry on: 1, 0 at the end, -errno. */
static int step(struct journal *s)
{
	int r;

	if (++s->since_process >= PROCESS_EVERY) {
		s->since_process = 0;
		if (s->follow)
			(void)process(s);
		else
			(void)journal_remember_current(s);
	}
	for (;;) {
		if (s->pending) {
			s->pending = false;
			r = 1;
			break;
		}
		r = sd_journal_next(s->j);
		if (r == 0 && s->paths && !journal_reads_apart(s))
			r = look_again(s);
		if (r < 0)
			r = recover(s);
		if (r == 0 && !journal_fault_seen()) {
			r = journal_next_pass(s);
			if (r > 0)
				r = -EAGAIN;
		}
		if (journal_fault_seen())
			r = begin_again(s) < 0 ? -EIO : -EAGAIN;
		if (r == -EAGAIN)
			continue;
		s->pending = false;
		break;
	}
	if (r >= 0)
		s->again = 0;
	if (r > 0 && !journal_reads_apart(s))
		s->main_entries++;
	return r;
}

/* What an entry that cannot be read is told as: it might have been a login. */
static int give_unreadable(struct journal *s, struct record *ret)
{
	s->gap_from_usec = s->gap_to_usec = 0;
	*ret = (struct record){.kind = RECORD_GAP};
	return 1;
}

/* That a file was taken away from under journald, or that it has none. */
static bool give_active(struct journal *s, struct record *ret)
{
	if (journal_taken_untold(s))
		s->taken_away = true;
	else if (journal_active_missing_due(&s->active) <= journal_steady_usec())
		s->missing = s->active.missing_told = true;
	else
		return false;
	s->gap_from_usec = s->gap_to_usec = 0;
	*ret = (struct record){.kind = RECORD_GAP};
	return true;
}

/* At the end: what sd_journal left out might have held logins. */
static int give_left_out(struct journal *s, struct record *ret)
{
	int r = left_out_find(&s->left_out_told, s->paths, s->directory, &s->active, s->looked_usec,
			      &s->left_out);

	if (r <= 0)
		return r == -EACCES ? r : 0;
	s->gap_from_usec = s->gap_to_usec = 0;
	*ret = (struct record){.kind = RECORD_GAP};
	return 1;
}

static struct slice message_of(const void *data, size_t size)
{
	return journal_record_value(data, size, strlen("MESSAGE="));
}

static bool is_dropped(struct slice message)
{
	return slice_starts_with(message, "Suppressed ");
}

/* The message of the current entry; empty where it was read before. -errno. */
static int get_message(struct journal *s, struct slice *ret)
{
	const void *data;
	size_t size;
	int r = sd_journal_get_data(current(s), "MESSAGE", &data, &size);

	if (r < 0)
		return r;
	*ret = message_of(data, size);
	if (s->paths && (login_candidate(*ret) || is_dropped(*ret))) {
		r = journal_find_repeat(s, &data, &size);
		*ret = r > 0 ? (struct slice){"", 0} : message_of(data, size);
	}
	return r;
}

static int journal_next(struct source *source, struct record *ret)
{
	struct journal *s = journal_of(source);

	s->left_out.path[0] = '\0';
	s->taken_away = s->missing = false;
	s->taken = NULL;
	if (s->gap) {
		s->gap = false;
		*ret = (struct record){.kind = RECORD_GAP};
		return 1;
	}
	if (s->ended)
		return 0;
	for (;;) {
		struct slice message;
		int r;

		s->taken = NULL;
		r = step(s);
		if (r == 0 && give_active(s, ret))
			return 1;
		if (r == 0)
			r = journal_taken_next(s);
		if (r == 0)
			return give_left_out(s, ret);
		if (r < 0)
			return r;
		if (!s->taken)
			s->gone_over++;
		if (s->until_usec) {
			uint64_t usec;

			r = sd_journal_get_realtime_usec(s->j, &usec);
			if (r >= 0 && usec > s->until_usec && !journal_fault_seen()) {
				/* The position stays before it. */
				s->ended = true;
				s->gone_over--;
				(void)sd_journal_previous(s->j);
				return 0;
			}
		}
		r = get_message(s, &message);
		if (journal_fault_seen()) {
			r = get_over_fault(s);
			if (r < 0)
				return r;
			continue;
		}
		if (r == -ENOENT)
			continue;
		if (r < 0)
			return give_unreadable(s, ret);
		if (login_candidate(message)) {
			*ret = (struct record){.kind = RECORD_MESSAGE, .message = message};
			return 1;
		}
		if (is_dropped(message)) {
			*ret = (struct record){.kind = RECORD_DROPPED, .message = message};
			return 1;
		}
		if ((s->gone_over & (AGAIN_EVERY - 1)) == 0)
			return SOURCE_AGAIN;
	}
}

static int identify_gap(struct journal *s, struct record *r)
{
	buffer_clear(&s->identity);
	if (s->taken_away)
		return journal_taken_identify(s);
	if (s->missing)
		return buffer_printf(&s->identity, "gap missing %s", s->last.cursor);
	if (s->left_out.path[0])
		return buffer_printf(&s->identity, "gap damaged %" PRIu64 " %" PRIu64,
				     s->left_out.inode, s->left_out.born_usec);
	return buffer_printf(&s->identity, "gap %" PRIu64 " %" PRIu64, r->from_usec,
			     r->realtime_usec);
}

static int details_of_gap(struct journal *s, struct record *r)
{
	int k = 0;

	r->realtime_usec = s->gap_to_usec;
	r->from_usec = s->gap_from_usec;
	r->source = SLICE_LITERAL("journal");
	r->trusted = r->authenticated = true;
	if (s->taken_away) {
		k = journal_taken_describe(s);
		r->realtime_usec = journal_now_usec();
		r->reason = buffer_slice(&s->details);
	} else if (s->missing) {
		buffer_clear(&s->details);
		k = buffer_printf(&s->details,
				  "there is no %s, to which journald writes: logins are not seen "
				  "until there is one",
				  s->active.homes[0]);
		r->realtime_usec = journal_now_usec();
		r->reason = buffer_slice(&s->details);
	} else if (s->left_out.path[0]) {
		buffer_clear(&s->details);
		k = buffer_printf(&s->details,
				  "the journal file %s is damaged: logins that it holds may be "
				  "missing",
				  s->left_out.path);
		r->reason = buffer_slice(&s->details);
	} else if (s->gap_to_usec)
		r->reason = SLICE_LITERAL(
			"the journal was vacuumed before it was read, or is another "
			"one since the machine ID changed: logins in this time are "
			"not known");
	else
		r->reason = SLICE_LITERAL(
			"a journal entry could not be read: it may have been "
			"a login");
	if (!r->realtime_usec && sd_journal_get_realtime_usec(current(s), &r->realtime_usec) < 0)
		r->realtime_usec = s->end_usec;
	if (k == 0)
		k = identify_gap(s, r);
	r->identity = r->position = buffer_slice(&s->identity);
	return k;
}

static int journal_details(struct source *source, struct record *r)
{
	struct journal *s = journal_of(source);
	struct journal_position *place = s->taken ? &s->taken->place : journal_place(s);
	int k;

	if (r->kind == RECORD_GAP)
		return details_of_gap(s, r);
	buffer_clear(&s->position);
	buffer_clear(&s->identity);
	k = journal_record_fill(current(s), s->programs, &s->details, r);
	if (k >= 0)
		k = journal_remember(current(s), place);
	if (journal_fault_seen()) {
		k = get_over_fault(s);
		return k < 0 ? k : -EAGAIN;
	}
	if (k < 0)
		return k;
	if (s->taken)
		place->boots = s->last.boots;
	k = journal_position_format(place, 0, &s->position);
	if (k >= 0)
		k = journal_cursor_identity(slice_of(place->cursor), &s->identity);
	if (k < 0)
		return k;
	r->realtime_usec = place->time_usec;
	r->position = buffer_slice(&s->position);
	r->identity = buffer_slice(&s->identity);
	return 0;
}

/* ---- waiting ---- */

/* A catch-up is over: its mappings are given back by opening anew where it ended. */
static int give_mappings_back(struct journal *s)
{
	int r = journal_remember_current(s);

	if (r >= 0)
		r = journal_open_again(s);
	if (r >= 0)
		r = journal_go_to_place(s);
	s->gap = false; /* nothing was lost in between */
	return r;
}

static int journal_wait_fd(struct source *source, short *ret_events, uint64_t *ret_timeout_usec)
{
	struct journal *s = journal_of(source);
	uint64_t due, now = journal_steady_usec();
	int r;

	*ret_events = POLLIN;
	*ret_timeout_usec = UINT64_MAX;
	if (s->gone_over > REOPEN_AFTER) {
		r = give_mappings_back(s);
		if (r < 0)
			return r;
		*ret_timeout_usec = 0; /* what came in between is read at once */
	}
	r = sd_journal_get_timeout(s->j, &due);
	if (r < 0)
		return r;
	if (r > 0 && due != UINT64_MAX && *ret_timeout_usec)
		*ret_timeout_usec = due > now ? due - now : 0;
	due = journal_active_missing_due(&s->active);
	if (due != UINT64_MAX && *ret_timeout_usec > (due > now ? due - now : 0))
		*ret_timeout_usec = due > now ? due - now : 0;
	if (now<s->look_until_usec && * ret_timeout_usec> LOOK_EVERY_USEC)
		*ret_timeout_usec = LOOK_EVERY_USEC;
	return s->epoll_fd;
}

/*
 * The directories are others now. All in the old ones was read before: what the new ones lack of it
 * is no gap.
 */
static int follow_roots(struct journal *s)
{
	int r;

	(void)journal_remember_current(s); /* where its file is gone, the last place stands */
	r = journal_open_again(s);
	if (r >= 0)
		r = journal_access_again(s->directory);
	if (r >= 0)
		r = journal_begin_pass(s);
	s->gap = false;
	return r;
}

static int journal_process(struct source *source)
{
	struct journal *s = journal_of(source);
	int r;

	if (s->connection_fd >= 0 && connection_happened(s->connection_fd))
		s->look_until_usec = journal_steady_usec() + LOOK_USEC;
	if (journal_is_local(s) && journal_machine_changed())
		return -ESTALE;
	if (s->roots.fd >= 0 && journal_roots_changed(&s->roots))
		return follow_roots(s);
	if (s->active.n_taken > 0)
		journal_active_process(&s->active);
	s->looked_usec = journal_now_usec();
	r = process(s);
	if (journal_fault_seen())
		r = begin_again(s);
	else if (r == SD_JOURNAL_INVALIDATE)
		r = journal_access_again(
			s->directory); /* sd_journal leaves out what it cannot read */
	return r < 0 ? r : 0;
}

static int journal_position(struct source *source, uint64_t read_until_usec, struct slice *ret)
{
	struct journal *s = journal_of(source);
	int r;

	/* Without a current entry (nothing read yet, or its file is gone) the last one stands. */
	if (!s->pending && s->gone_over > 0)
		(void)journal_remember_current(s);
	if (s->paths) {
		read_until_usec = 0; /* this machine's clock says nothing of the sender's */
		if (!*s->last.cursor && !s->last.until_usec) {
			*ret = (struct slice){"", 0};
			return 0;
		}
	}
	/* When the journal has to be opened anew, what was vacuumed till then is no gap. */
	if (!journal_reads_apart(s) && read_until_usec > s->last.until_usec)
		s->last.until_usec = read_until_usec;
	buffer_clear(&s->position);
	r = journal_position_format(&s->last, read_until_usec, &s->position);
	if (r < 0)
		return r;
	*ret = buffer_slice(&s->position);
	return 0;
}

static void journal_progress(struct source *source, struct source_progress *ret)
{
	struct journal *s = journal_of(source);
	uint64_t usec;

	*ret = (struct source_progress){.records = s->gone_over};
	if (s->end_usec <= s->begin_usec || sd_journal_get_realtime_usec(s->j, &usec) < 0)
		return;
	ret->total = s->end_usec - s->begin_usec;
	if (usec > s->begin_usec)
		ret->done = usec < s->end_usec ? usec - s->begin_usec : ret->total;
}

static void journal_free(struct source *source)
{
	struct journal *s = journal_of(source);

	sd_journal_close(s->j);
	journal_repeats_forget(&s->repeats);
	if (s->epoll_fd >= 0)
		(void)close(s->epoll_fd);
	if (s->connection_fd >= 0)
		(void)close(s->connection_fd);
	if (s->roots.fd >= 0)
		(void)close(s->roots.fd);
	journal_active_done(&s->active);
	left_out_done(&s->left_out_told);
	free(s->directory);
	free(s->paths);
	buffer_done(&s->boots_text);
	buffer_done(&s->details);
	buffer_done(&s->position);
	buffer_done(&s->identity);
	free(s);
}

const struct source_ops journal_ops = {
	.next = journal_next,
	.details = journal_details,
	.wait_fd = journal_wait_fd,
	.process = journal_process,
	.position = journal_position,
	.progress = journal_progress,
	.free = journal_free,
};
