/*
 * The journal as a source. It provides what sd_journal(3) does not: readability is checked first
 * (access), a resume needs more than sd_journal_seek_cursor(3) (seek), notifications come late
 * (connection_hint), and after an error of one file reading continues with sd_journal_process(3) or
 * after the journal is opened again.
 *
 * The fast path is next(): one sd_journal_next(3) and one sd_journal_get_data(3) of "MESSAGE". Data
 * of sd_journal is valid until its next call only, so details() copies it.
 */
#include "source/journal/ops.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-journal.h>

#include "base/timetext.h"
#include "source/journal/access.h"
#include "source/journal/begin.h"
#include "source/journal/connection_hint.h"
#include "source/journal/entry.h"
#include "source/journal/seek.h"
#include "source/journal/sigbus.h"
#include "text/login.h"

#define PROCESS_EVERY	1000		   /* entries of a catch-up between two looks */
#define AGAIN_EVERY	16384		   /* entries between two SOURCE_AGAIN; a power of 2 */
#define REOPEN_AFTER	5000		   /* entries whose mappings are worth unmapping */
#define POLL_USEC	(3 * USEC_PER_SEC) /* after a connection, poll often as long */
#define POLL_EVERY_USEC UINT64_C(20000)

static struct journal *journal_of(struct source *s)
{
	return (struct journal *)s;
}

/* The reader that returned the last entry. */
static struct cursor_reader *current(struct journal *s)
{
	return s->record.side ? s->record.side : &s->reader;
}

/*
 * Notes the current entry's place, unless no entry was read yet or the current one is unread. After
 * a failure the last place remains: the entry's file is gone.
 */
static void remember(struct journal *s)
{
	if (!s->reader.landing.pending && s->n_entries > 0)
		(void)cursor_reader_remember(&s->reader, boot_pass_place(&s->pass, &s->reader));
}

/* ---- reading ---- */

/* What was read is not valid. That an orphan may be incomplete was reported. */
static int recover_from_sigbus(struct journal *s)
{
	struct journal_record *r = &s->record;

	if (!r->side)
		return journal_resume(s);
	if (r->orphan) {
		journal_sigbus_forget();
		orphans_drop(&s->orphans, r->orphan);
	} else
		new_files_retry(&s->new_files);
	r->side = NULL;
	r->orphan = NULL;
	return 0;
}

/*
 * Lets sd_journal open and close files, after the place was noted; then finds what it lost
 * (orphans) and what it gained (new files). As sd_journal_process(3); -errno.
 */
static int look_for_changes(struct journal *s)
{
	int r;

	remember(s);
	r = sd_journal_process(s->reader.j);
	orphans_look(&s->orphans, &s->live, &s->reader, s->clock(CLOCK_MONOTONIC));
	if (r == SD_JOURNAL_INVALIDATE) {
		int k = new_files_look(&s->new_files, &s->live, &s->reader,
				       s->clock(CLOCK_REALTIME));

		if (k < 0)
			return k;
	}
	return r;
}

/* After an error of sd_journal, which may be of files that are gone (systemd issue 36247). */
static int recover(struct journal *s)
{
	int r = look_for_changes(s);

	if (r >= 0)
		r = sd_journal_next(s->reader.j);
	if (r >= 0)
		return r;
	r = journal_resume(s);
	return r < 0 ? r : cursor_reader_next(&s->reader);
}

/* At the end of one host's files: everything up to the time of their last entry was read. */
static int check_end(struct journal *s)
{
	uint64_t begin, end;
	int r;

	if (sd_journal_get_cutoff_realtime_usec(s->reader.j, &begin, &end) <= 0)
		return 0;
	r = sd_journal_next(s->reader.j); /* of what came before the time was asked for */
	if (r == 0 && end > s->reader.place.until_usec)
		s->reader.place.until_usec = end;
	return r;
}

/* One entry further in the current pass, or the first of the next: 1, 0 at the end, -errno. */
static int step(struct journal *s)
{
	int r;

	if (++s->since_process >= PROCESS_EVERY) {
		s->since_process = 0;
		if (s->follow)
			(void)look_for_changes(s);
		else
			remember(s);
	}
	do {
		r = cursor_reader_next(&s->reader);
		if (r == 0 && s->paths && !boot_pass_active(&s->pass))
			r = check_end(s);
		if (r < 0)
			r = recover(s);
		if (r == 0 && !journal_sigbus_seen()) {
			r = boot_pass_next(&s->pass, &s->reader);
			if (r > 0)
				r = -EAGAIN;
		}
		if (journal_sigbus_seen())
			r = journal_resume(s) < 0 ? -EIO : -EAGAIN;
	} while (r == -EAGAIN);
	s->reader.landing.pending = false;
	if (r >= 0)
		s->attempts = 0;
	if (r > 0 && !boot_pass_active(&s->pass))
		s->pass.main_entries++;
	return r;
}

static int return_gap(struct journal *s, enum gap_kind kind, struct record *ret)
{
	s->record.gap.kind = kind;
	*ret = (struct record){.kind = RECORD_GAP};
	return 1;
}

/*
 * At the end of the journal: a file that was orphaned, or is missing, and else the next entry of
 * the orphans. 1 and record.gap or record.side; 0: there is none.
 */
static int next_orphan(struct journal *s, struct record *ret)
{
	struct gap *gap = &s->record.gap;

	gap->orphan = orphans_unreported(&s->orphans);
	if (gap->orphan)
		return return_gap(s, GAP_ORPHAN, ret);
	if (live_missing_due(&s->live) <= s->clock(CLOCK_MONOTONIC)) {
		s->live.missing_reported = true;
		gap->home = s->live.homes[JOURNAL_ROOT_STORED];
		return return_gap(s, GAP_NO_LIVE, ret);
	}
	s->record.orphan = orphans_next(&s->orphans, &s->live);
	if (s->record.orphan)
		s->record.side = &s->record.orphan->reader;
	return s->record.side != NULL;
}

/* Files that sd_journal skipped may have held logins. */
static int next_skipped(struct journal *s, struct record *ret)
{
	int r = skipped_find(&s->skipped, s->paths, s->directory, &s->live, s->looked_usec,
			     &s->record.gap.skipped);

	if (r > 0)
		return return_gap(s, GAP_SKIPPED, ret);
	return r == -EACCES ? r : 0;
}

/* Whether the current entry is later than the end of what is to be read. */
static bool is_too_late(struct journal *s)
{
	uint64_t usec;

	return s->until_usec && sd_journal_get_realtime_usec(s->reader.j, &usec) >= 0 &&
	       usec > s->until_usec && !journal_sigbus_seen();
}

static struct slice message_of(const void *data, size_t size)
{
	return journal_record_value(data, size, strlen("MESSAGE="));
}

static bool is_dropped(struct slice message)
{
	return slice_starts_with(message, "Suppressed ");
}

/* The message of the current entry; empty if the entry is a duplicate. -errno. */
static int get_message(struct journal *s, struct slice *ret)
{
	const void *data;
	size_t size;
	int r = sd_journal_get_data(current(s)->j, "MESSAGE", &data, &size);

	if (r < 0)
		return r;
	*ret = message_of(data, size);
	if (s->paths && (login_candidate(*ret) || is_dropped(*ret))) {
		r = duplicates_find(&s->duplicates, &s->reader, s->paths, &data, &size);
		*ret = r > 0 ? (struct slice){"", 0} : message_of(data, size);
	}
	return r;
}

/* What sd_journal skips of new files comes before the next entry. */
static int next_new(struct journal *s)
{
	int r = s->paths ? 0 : new_files_next(&s->new_files, &s->reader);

	if (r > 0)
		s->record.side = &s->new_files.reader;
	return r;
}

static int journal_next(struct source *source, struct record *ret)
{
	struct journal *s = journal_of(source);

	s->record.gap.kind = GAP_NONE;
	s->record.side = NULL;
	s->record.orphan = NULL;
	if (s->reader.landing.gap) {
		s->reader.landing.gap = false;
		return return_gap(s, GAP_VACUUMED, ret);
	}
	if (s->ended)
		return 0;
	for (;;) {
		struct slice message;
		int r;

		s->record.side = NULL;
		s->record.orphan = NULL;
		r = next_new(s);
		if (r == 0)
			r = step(s);
		if (r == 0)
			r = next_orphan(s, ret);
		if (r == 0)
			return next_skipped(s, ret);
		if (r < 0 || s->record.gap.kind != GAP_NONE)
			return r;
		if (!s->record.side && is_too_late(s)) {
			/* The position stays before it. */
			s->ended = true;
			(void)sd_journal_previous(s->reader.j);
			return 0;
		}
		if (!s->record.side)
			s->n_entries++;
		r = get_message(s, &message);
		if (journal_sigbus_seen()) {
			r = recover_from_sigbus(s);
			if (r < 0)
				return r;
			continue;
		}
		if (r == -ENOENT)
			continue;
		if (r < 0)
			return return_gap(s, GAP_UNREADABLE, ret);
		if (login_candidate(message)) {
			*ret = (struct record){.kind = RECORD_MESSAGE, .message = message};
			return 1;
		}
		if (is_dropped(message)) {
			*ret = (struct record){.kind = RECORD_DROPPED, .message = message};
			return 1;
		}
		if ((s->n_entries & (AGAIN_EVERY - 1)) == 0)
			return SOURCE_AGAIN;
	}
}

static int journal_details(struct source *source, struct record *r)
{
	struct journal *s = journal_of(source);
	struct journal_record *d = &s->record;
	struct cursor_reader *reader = current(s);
	struct journal_position *place =
		d->side ? &reader->place : boot_pass_place(&s->pass, reader);
	int k;

	if (r->kind == RECORD_GAP)
		return gap_fill(&d->gap, reader, s->clock(CLOCK_REALTIME), &d->details,
				&d->identity, r);
	buffer_clear(&d->position);
	buffer_clear(&d->identity);
	k = journal_record_fill(reader->j, reader->programs, &d->details, r);
	if (k >= 0)
		k = cursor_reader_remember(reader, place);
	if (journal_sigbus_seen()) {
		k = recover_from_sigbus(s);
		return k < 0 ? k : -EAGAIN;
	}
	if (k < 0)
		return k;
	if (d->side)
		place->boots = s->reader.place.boots;
	k = journal_position_format(place, 0, &d->position);
	if (k >= 0)
		k = journal_cursor_identity(slice_of(place->cursor), &d->identity);
	r->realtime_usec = place->time_usec;
	r->position = buffer_slice(&d->position);
	r->identity = buffer_slice(&d->identity);
	return k < 0 ? k : 0;
}

/* ---- waiting ---- */

/* After a catch-up the journal is opened again, so that old files are unmapped. */
static int unmap(struct journal *s)
{
	int r = cursor_reader_remember(&s->reader, boot_pass_place(&s->pass, &s->reader));

	if (r >= 0)
		r = journal_reopen(s);
	if (r >= 0)
		r = journal_seek_place(&s->reader);
	s->reader.landing.gap = false; /* everything before was read */
	return r;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* How long until @due; both on CLOCK_MONOTONIC. */
static uint64_t left(uint64_t due, uint64_t now)
{
	return due == UINT64_MAX ? due : due > now ? due - now : 0;
}

static int journal_wait_fd(struct source *source, short *ret_events, uint64_t *ret_timeout_usec)
{
	struct journal *s = journal_of(source);
	uint64_t due, now = s->clock(CLOCK_MONOTONIC);
	int r;

	*ret_events = POLLIN;
	*ret_timeout_usec = UINT64_MAX;
	if (s->n_entries > REOPEN_AFTER) {
		r = unmap(s);
		if (r < 0)
			return r;
		*ret_timeout_usec = 0; /* nothing reports what came in between */
	}
	r = sd_journal_get_timeout(s->reader.j, &due);
	if (r < 0)
		return r;
	if (r > 0)
		*ret_timeout_usec = earlier(*ret_timeout_usec, left(due, now));
	due = left(live_missing_due(&s->live), now);
	*ret_timeout_usec = earlier(*ret_timeout_usec, due);
	if (now < s->wait.poll_until_usec)
		*ret_timeout_usec = earlier(*ret_timeout_usec, POLL_EVERY_USEC);
	return s->wait.epoll_fd;
}

/* The roots are other directories now. Everything in the old ones was read, so there is no gap. */
static int follow_roots(struct journal *s)
{
	int r;

	remember(s);
	r = journal_reopen(s);
	if (r >= 0)
		r = journal_access_again(s->directory);
	if (r >= 0)
		r = boot_pass_begin(&s->pass, &s->reader);
	s->reader.landing.gap = false;
	return r;
}

static int journal_process(struct source *source)
{
	struct journal *s = journal_of(source);
	struct journal_wait *w = &s->wait;
	int r;

	if (w->hint_fd >= 0 && connection_hint_drain(w->hint_fd))
		w->poll_until_usec = s->clock(CLOCK_MONOTONIC) + POLL_USEC;
	if (journal_is_local(s) && journal_machine_changed())
		return -ESTALE;
	if (w->roots.fd >= 0 && journal_roots_changed(&w->roots))
		return follow_roots(s);
	s->looked_usec = s->clock(CLOCK_REALTIME);
	r = look_for_changes(s);
	if (journal_sigbus_seen())
		r = journal_resume(s);
	else if (r == SD_JOURNAL_INVALIDATE)
		r = journal_access_again(s->directory); /* sd_journal skips what it may not read */
	return r < 0 ? r : 0;
}

static int journal_position(struct source *source, uint64_t read_until_usec, struct slice *ret)
{
	struct journal *s = journal_of(source);
	struct journal_position *place = &s->reader.place;
	int r;

	remember(s);
	if (s->paths) {
		read_until_usec = 0; /* on this machine's clock, not the sender's */
		if (!*place->cursor && !place->until_usec) {
			*ret = (struct slice){"", 0};
			return 0;
		}
	}
	/* If the journal is opened again, what was vacuumed until then is no gap. */
	if (!boot_pass_active(&s->pass) && read_until_usec > place->until_usec)
		place->until_usec = read_until_usec;
	buffer_clear(&s->record.position);
	r = journal_position_format(place, read_until_usec, &s->record.position);
	if (r < 0)
		return r;
	*ret = buffer_slice(&s->record.position);
	return 0;
}

static void journal_progress(struct source *source, struct source_progress *ret)
{
	struct journal *s = journal_of(source);
	const struct cursor_reader *r = &s->reader;
	uint64_t usec;

	*ret = (struct source_progress){.records = s->n_entries};
	if (r->end_usec <= r->begin_usec || sd_journal_get_realtime_usec(r->j, &usec) < 0)
		return;
	ret->total = r->end_usec - r->begin_usec;
	if (usec > r->begin_usec)
		ret->done = earlier(usec - r->begin_usec, ret->total);
}

static void journal_destroy(struct source *source)
{
	journal_free(journal_of(source));
}

/* ---- opening ---- */

static const struct source_ops ops = {
	.next = journal_next,
	.details = journal_details,
	.wait_fd = journal_wait_fd,
	.process = journal_process,
	.position = journal_position,
	.progress = journal_progress,
	.free = journal_destroy,
};

/* Takes over @s, which is NULL or incomplete if memory was short. */
static int begin(struct journal *s, bool complete, const struct source_options *options,
		 const char *name, struct source **ret, struct error *err)
{
	int r = -ENOMEM;

	if (complete)
		r = journal_begin(s, options, name, err);
	else
		error_set(err, name, 0, 0, "out of memory");
	if (r == 0)
		*ret = &s->source;
	else
		journal_free(s);
	return r;
}

int journal_open(const char *directory, const struct source_options *options, struct source **ret,
		 struct error *err)
{
	struct journal *s = journal_new(&ops, options);

	if (s && directory)
		s->directory = strdup(directory);
	return begin(s, s && (s->directory || !directory), options, directory, ret, err);
}

/* The array with its strings after it. NULL: out of memory. */
static char **copy_paths(const char *const *paths)
{
	size_t n = 0, size = 0;
	char **copy, *at;

	for (; paths[n]; n++)
		size += strlen(paths[n]) + 1;
	copy = malloc((n + 1) * sizeof(*copy) + size);
	if (!copy)
		return NULL;
	at = (char *)(copy + n + 1);
	for (size_t i = 0; i < n; i++) {
		copy[i] = at;
		at = stpcpy(at, paths[i]) + 1;
	}
	copy[n] = NULL;
	return copy;
}

int journal_open_files(const char *const *paths, const struct source_options *options,
		       enum journal_gaps gaps, struct source **ret, struct error *err)
{
	struct journal *s = journal_new(&ops, options);
	int r;

	if (s)
		s->paths = copy_paths(paths);
	r = begin(s, s && s->paths, options, paths[0], ret, err);
	if (r == 0 && gaps == JOURNAL_GAPS_KNOWN)
		s->reader.landing.gap = false;
	return r;
}
