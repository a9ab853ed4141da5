/*
 * Every selection reads the ledger from the first number that it needs; summaries are read in a
 * second pass. The reader is synced before new alerts are returned, so that no message reports an
 * alert that a power loss would undo.
 *
 * Counting a repeat is idempotent: its window knows the greatest number that was counted. So it
 * does not matter whether the count or the progress of the queue is saved first.
 */
#include "deliver/select.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/timetext.h"
#include "deliver/retry.h"
#include "store/schedule.h"

static void reader_cleanup(struct ledger_reader **r)
{
	(void)ledger_reader_free(*r);
}

#define AUTO_READER CLEANUP(reader_cleanup)

/* As ledger_reader_next(); the next run handles a ledger that was replaced. */
static int next(struct ledger_reader *reader, struct alert *ret)
{
	int r = ledger_reader_next(reader, ret);

	return r == LEDGER_E_REPLACED ? -ESTALE : r;
}

static bool may_repeat(const struct sender *s, const struct alert *a)
{
	return s->config->repeat_interval_usec > 0 && a->kind == ALERT_LOGIN && a->readable;
}

/* 1: added; 0: the batch is full, nothing changed; -errno. */
static int add(struct sender *s, struct spool_message *o, struct batch *b, const struct alert *a)
{
	int r = batch_add(b, a);

	if (r <= 0)
		return r;
	r = spool_add_alert(o, a->seq);
	if (r == 0 && may_repeat(s, a))
		r = spool_add_repeat(o, delivery_repeat_key(a), 0, a->seq);
	return r < 0 ? r : 1;
}

/* Whether it is a repeat within its window, which is then counted. */
static bool count_repeat(const struct sender *s, struct destination *d, const struct alert *a,
			 uint64_t now, bool *ret_counted)
{
	struct delivery_repeat *p;

	if (!may_repeat(s, a))
		return false;
	p = delivery_repeat_find(d->progress, delivery_repeat_key(a));
	if (!p)
		return false;
	if (a->seq <= p->last_seq)
		return true;
	/* An alert from before the message that began the window is no repeat of it. */
	if (schedule_window_over(p, s->config->repeat_interval_usec, now) ||
	    a->noted_usec <= p->start_usec)
		return false;
	if (p->count == 0)
		p->first_seq = a->seq;
	p->count += a->count > 1 ? a->count : 1;
	p->last_seq = a->seq;
	*ret_counted = true;
	return true;
}

/* Makes the last repeat the summary of all. As batch_add(). */
static int summarise(struct batch *b, const struct alert *last, const struct delivery_repeat *p)
{
	char since[TIMETEXT_MAX], text[256];
	struct alert a = *last;

	(void)snprintf(text, sizeof(text),
		       "the same login came %" PRIu64
		       " time%s since it was reported at %s; this is the last of them",
		       p->count, p->count == 1 ? "" : "s", timetext_local(p->start_usec, since));
	a.count = p->count;
	a.from_usec = p->start_usec;
	a.reason = slice_of(text);
	return batch_add(b, &a);
}

static bool is_summary_due(const struct sender *s, const struct delivery_repeat *p, uint64_t now)
{
	return p->count > 0 && schedule_window_over(p, s->config->repeat_interval_usec, now);
}

/* A window whose last repeat the ledger does not have would be searched for in every run. */
static void drop_lost_windows(struct sender *s, struct destination *d,
			      const struct spool_message *o, uint64_t now)
{
	for (size_t i = 0; i < d->progress->n_repeats; i++) {
		struct delivery_repeat *p = &d->progress->repeats[i];
		bool found = false;

		if (!is_summary_due(s, p, now))
			continue;
		for (size_t k = 0; k < o->n_repeats && !found; k++)
			found = o->repeats[k].repeats > 0 && hash128_eq(o->repeats[k].key, p->key);
		if (found)
			continue;
		log_error("alerts %" PRIu64 " to %" PRIu64 ": %" PRIu64
			  " repeats of a login were counted, but the ledger does not have them",
			  p->first_seq, p->last_seq, p->count);
		p->count = 0;
		s->changed = true;
	}
}

/* Appends the summaries that are due. */
static int select_summaries(struct sender *s, struct destination *d, struct spool_message *o,
			    struct batch *b, uint64_t now)
{
	AUTO_READER struct ledger_reader *reader = NULL;
	uint64_t first = UINT64_MAX, last = 0;
	struct error err;
	struct alert a;
	int r;

	for (size_t i = 0; i < d->progress->n_repeats; i++) {
		const struct delivery_repeat *p = &d->progress->repeats[i];

		if (!is_summary_due(s, p, now))
			continue;
		first = p->last_seq < first ? p->last_seq : first;
		last = p->last_seq > last ? p->last_seq : last;
	}
	if (last == 0)
		return 0;
	r = ledger_reader_open(s->ledger_dirfd, first - 1, &reader, &err);
	if (r < 0)
		return r;
	while ((r = next(reader, &a)) > 0 && a.seq <= last) {
		const struct delivery_repeat *p;

		if (b->n >= s->config->max_per_mail)
			return 0;
		if (!may_repeat(s, &a))
			continue;
		p = delivery_repeat_find(d->progress, delivery_repeat_key(&a));
		if (!p || p->last_seq != a.seq || !is_summary_due(s, p, now))
			continue;
		r = summarise(b, &a, p);
		if (r > 0)
			r = spool_add_repeat(o, p->key, p->count, p->last_seq);
		else if (r == 0)
			return 0;
		if (r < 0)
			return r;
	}
	if (r >= 0)
		drop_lost_windows(s, d, o, now);
	return r < 0 ? r : 0;
}

int select_new(struct sender *s, struct destination *d, struct spool_message *o, struct batch *ret,
	       bool *ret_counted)
{
	AUTO_READER struct ledger_reader *reader = NULL;
	uint64_t now = clock_now();
	struct error err;
	struct alert a;
	int r;

	*ret_counted = false;
	o->done_up_to = d->progress->queues[o->class].done_up_to;
	r = ledger_reader_open(s->ledger_dirfd, o->done_up_to, &reader, &err);
	if (r < 0)
		return r;
	while ((r = next(reader, &a)) > 0) {
		if (a.seq <= o->done_up_to)
			continue;
		if (delivery_class(a.kind) == o->class &&
		    view_state(d->config, d->progress, &a) == DELIVERY_WAITING &&
		    !count_repeat(s, d, &a, now, ret_counted)) {
			r = ret->n < s->config->max_per_mail ? add(s, o, ret, &a) : 0;
			if (r < 0)
				return r;
			if (r == 0)
				break;
		}
		o->done_up_to = a.seq;
	}
	if (r >= 0)
		r = ledger_reader_sync(reader);
	if (r == 0 && o->class == DELIVERY_LOGIN && ret->n < s->config->max_per_mail)
		r = select_summaries(s, d, o, ret, now);
	return r;
}

/* Adds the alerts of these numbers, up to @max. 0; 1 if the batch is full before that; -errno. */
static int read_ranges(int dirfd, enum delivery_queue_id class, const struct spool_range *ranges,
		       size_t n, size_t max, struct batch *ret)
{
	AUTO_READER struct ledger_reader *reader = NULL;
	uint64_t first = UINT64_MAX, last = 0;
	struct error err;
	struct alert a;
	int r;

	for (size_t i = 0; i < n; i++) {
		first = ranges[i].first < first ? ranges[i].first : first;
		last = ranges[i].last > last ? ranges[i].last : last;
	}
	if (last == 0)
		return 0;
	r = ledger_reader_open(dirfd, first - 1, &reader, &err);
	if (r < 0)
		return r;
	while ((r = next(reader, &a)) > 0 && a.seq <= last && ret->n < max) {
		bool in = false;

		for (size_t i = 0; i < n && !in; i++)
			in = ranges[i].first <= a.seq && a.seq <= ranges[i].last;
		if (!in || delivery_class(a.kind) != class)
			continue;
		r = batch_add(ret, &a);
		if (r <= 0)
			return r < 0 ? r : 1;
	}
	return r < 0 ? r : 0;
}

int select_held(struct sender *s, struct destination *d, struct spool_message *o, struct batch *ret)
{
	AUTO_FREE struct spool_range *ranges = calloc(d->progress->n_held + 1, sizeof(*ranges));
	uint64_t now = clock_now();
	const struct delivery_held *first;
	int r = ranges ? 0 : -ENOMEM;

	while (r == 0 && (first = retry_first(s, d, now))) {
		size_t n = 0;

		for (size_t i = 0; i < d->progress->n_held; i++) {
			const struct delivery_held *x = &d->progress->held[i];

			if (retry_joins(s, d, x, first, now))
				ranges[n++] = (struct spool_range){x->first, x->last};
		}
		o->class = first->class;
		r = read_ranges(s->ledger_dirfd, o->class, ranges, n, s->config->max_per_mail, ret);
		if (r >= 0 && ret->n > 0) {
			o->one_rcpt = first->rcpt != NULL;
			r = first->rcpt ? spool_add_rcpt(o, first->rcpt, SPOOL_OPEN) : 0;
			for (size_t i = 0; i < ret->n && r == 0; i++)
				r = spool_add_alert(o, ret->alerts[i].seq);
			return r;
		}
		if (r < 0)
			return r;
		log_error("alerts %" PRIu64 " to %" PRIu64
			  " were to be sent again, but the ledger does not have them",
			  first->first, first->last);
		r = delivery_release(d->progress, first->class, first->rcpt, first->first,
				     first->last);
		s->changed = true;
	}
	return r;
}

/* The summary of a frozen message, from its last repeat. */
static int summarise_again(const struct sender *s, const struct destination *d,
			   const struct spool_repeat *p, struct batch *ret)
{
	AUTO_READER struct ledger_reader *reader = NULL;
	const struct delivery_repeat *window = delivery_repeat_find(d->progress, p->key);
	struct delivery_repeat then = {.count = p->repeats,
				       .start_usec = window ? window->start_usec : 0};
	struct error err;
	struct alert a;
	int r;

	r = ledger_reader_open(s->ledger_dirfd, p->seq - 1, &reader, &err);
	if (r == 0)
		r = next(reader, &a);
	if (r > 0 && a.seq == p->seq)
		r = summarise(ret, &a, &then);
	return r < 0 ? r : 0;
}

int select_again(const struct sender *s, const struct destination *d, const struct spool_message *o,
		 struct batch *ret)
{
	int r = read_ranges(s->ledger_dirfd, o->class, o->ranges, o->n_ranges, SIZE_MAX, ret);

	if (r > 0)
		return -E2BIG;
	for (size_t i = 0; i < o->n_repeats && r == 0; i++)
		if (o->repeats[i].repeats > 0)
			r = summarise_again(s, d, &o->repeats[i], ret);
	return r;
}

int select_find(int dirfd, const char *id, struct alert *ret)
{
	AUTO_READER struct ledger_reader *reader = NULL;
	struct error err;
	struct alert a;
	int r = ledger_reader_open(dirfd, 0, &reader, &err), found = -ENOENT;

	if (r < 0)
		return r;
	while ((r = ledger_reader_next(reader, &a)) > 0) {
		/* All alerts of the new ledger follow; numbers of the old one mean nothing now. */
		if (r == LEDGER_E_REPLACED)
			found = -ENOENT;
		if (r == LEDGER_E_REPLACED || !slice_eq_str(a.id, id))
			continue;
		*ret = (struct alert){.kind = a.kind, .seq = a.seq};
		found = 0;
	}
	return r < 0 ? r : found;
}
