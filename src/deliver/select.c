/*
 * All three walk the ledger once from the first number that they need. The reader is synced before
 * a batch is given back, so that no mail tells of an alert that a power loss takes back.
 *
 * Counting a repeat is idempotent: the window knows the greatest number that it counted. So it may
 * be written down before or after the mark moves.
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
#include "store/schedule.h"

static void reader_cleanup(struct ledger_reader **r)
{
	(void)ledger_reader_free(*r);
}

#define AUTO_READER CLEANUP(reader_cleanup)

/* As ledger_reader_next(); a ledger that was replaced is for the sender's next run. */
static int next(struct ledger_reader *reader, struct alert *ret)
{
	int r = ledger_reader_next(reader, ret);

	return r == LEDGER_E_REPLACED ? -ESTALE : r;
}

static bool wanted(const struct destination *d, enum delivery_queue_name class,
		   const struct alert *a)
{
	return delivery_class(a->kind) == class && ((d->config->events >> a->kind) & 1) &&
	       !a->mailed;
}

static bool may_repeat(const struct sender *s, const struct alert *a)
{
	return s->config->repeat_interval_usec > 0 && a->kind == ALERT_LOGIN && a->readable;
}

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

/* Whether it is a repeat within its window; then it is counted. */
static bool hold(struct sender *s, struct delivery_destination *dest, const struct alert *a,
		 uint64_t now, bool *ret_counted)
{
	struct delivery_repeat *p;

	if (!may_repeat(s, a))
		return false;
	p = delivery_repeat_find(dest, delivery_repeat_key(a));
	if (!p)
		return false;
	if (a->seq <= p->last_seq)
		return true;
	/* What was noted before the mail that began the window is no repeat of it. */
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

/* Turns the last repeat into the summary of all. */
static int summarise(struct batch *b, const struct alert *last, const struct delivery_repeat *p)
{
	char since[TIMETEXT_MAX], text[256];
	struct alert a = *last;

	(void)snprintf(text, sizeof(text),
		       "the same login came %" PRIu64
		       " time%s since it was told at %s; this is "
		       "the last of them",
		       p->count, p->count == 1 ? "" : "s", timetext_local(p->start_usec, since));
	a.count = p->count;
	a.from_usec = p->start_usec;
	a.reason = slice_of(text);
	return batch_add(b, &a);
}

/* Appends the summaries that are due. */
static int select_summaries(struct sender *s, struct delivery_destination *dest,
			    struct spool_message *o, struct batch *b, uint64_t now)
{
	AUTO_READER struct ledger_reader *reader = NULL;
	uint64_t first = UINT64_MAX, last = 0;
	struct error err;
	struct alert a;
	int r;

	for (size_t i = 0; i < dest->n_repeats; i++) {
		struct delivery_repeat *p = &dest->repeats[i];

		if (p->count > 0 && schedule_window_over(p, s->config->repeat_interval_usec, now)) {
			first = p->last_seq < first ? p->last_seq : first;
			last = p->last_seq > last ? p->last_seq : last;
		}
	}
	if (last == 0)
		return 0;
	r = ledger_reader_open(s->dirfd, first - 1, &reader, &err);
	if (r < 0)
		return r;
	while ((r = next(reader, &a)) > 0 && a.seq <= last) {
		struct delivery_repeat *p;

		if (b->n >= s->config->max_per_mail)
			return 0;
		if (!may_repeat(s, &a))
			continue;
		p = delivery_repeat_find(dest, delivery_repeat_key(&a));
		if (!p || p->count == 0 || p->last_seq != a.seq ||
		    !schedule_window_over(p, s->config->repeat_interval_usec, now))
			continue;
		r = summarise(b, &a, p);
		if (r > 0)
			r = spool_add_repeat(o, p->key, p->count, p->last_seq);
		else if (r == 0)
			return 0;
		if (r < 0)
			return r;
	}
	if (r < 0)
		return r;
	/* All were walked: what was not found is not there, and would be looked for without end. */
	for (size_t i = 0; i < dest->n_repeats; i++) {
		struct delivery_repeat *p = &dest->repeats[i];
		bool found = false;

		if (p->count == 0 || !schedule_window_over(p, s->config->repeat_interval_usec, now))
			continue;
		for (size_t k = 0; k < o->n_repeats && !found; k++)
			found = o->repeats[k].repeats > 0 && hash128_eq(o->repeats[k].key, p->key);
		if (!found) {
			log_error(
				"alerts %" PRIu64 " to %" PRIu64 ": %" PRIu64
				" repeats of a login were counted, but the ledger has them no more",
				p->first_seq, p->last_seq, p->count);
			p->count = 0;
			s->changed = true;
		}
	}
	return 0;
}

int select_new(struct sender *s, const struct destination *d, struct delivery_destination *dest,
	       struct spool_message *o, struct batch *ret, bool *ret_counted)
{
	AUTO_READER struct ledger_reader *reader = NULL;
	uint64_t now = clock_now();
	struct error err;
	struct alert a;
	int r;

	*ret_counted = false;
	o->done_up_to = dest->queues[o->class].done_up_to;
	r = ledger_reader_open(s->dirfd, o->done_up_to, &reader, &err);
	if (r < 0)
		return r;
	while ((r = next(reader, &a)) > 0) {
		if (a.seq <= o->done_up_to)
			continue;
		if (wanted(d, o->class, &a) && !delivery_is_dropped(dest, o->class, a.seq) &&
		    !hold(s, dest, &a, now, ret_counted)) {
			if (ret->n >= s->config->max_per_mail)
				break;
			r = add(s, o, ret, &a);
			if (r < 0)
				return r;
			if (r == 0)
				break;
		}
		o->done_up_to = a.seq;
	}
	if (r < 0)
		return r;
	r = ledger_reader_sync(reader);
	if (r < 0)
		return r;
	if (o->class == DELIVERY_LOGIN && ret->n < s->config->max_per_mail)
		return select_summaries(s, dest, o, ret, now);
	return 0;
}

bool select_is_due(const struct sender *s, const struct delivery_held *x, uint64_t now)
{
	if (x->state == DELIVERY_GIVEN_UP)
		return false;
	/* Each once a run. */
	if (x->last_try_usec >= s->run_usec)
		return false;
	return x->next_try_usec <= now || s->mode == SENDER_FLUSH ||
	       (s->mode == SENDER_ONCE && x->state == DELIVERY_DEFERRED);
}

/* The exception that has been due for the longest. */
static struct delivery_held *first_due(const struct sender *s,
				       const struct delivery_destination *dest, uint64_t now)
{
	struct delivery_held *best = NULL;

	for (size_t i = 0; i < dest->n_held; i++) {
		struct delivery_held *x = &dest->held[i];

		if (!select_is_due(s, x, now))
			continue;
		if (!best || x->next_try_usec < best->next_try_usec)
			best = x;
	}
	return best;
}

/* Whether @x goes into the same mail as @first: alone where the mail itself was refused. */
static bool goes_with(const struct sender *s, const struct delivery_held *x,
		      const struct delivery_held *first, uint64_t now)
{
	if (x == first)
		return true;
	return first->rcpt && x->rcpt && strcmp(first->rcpt, x->rcpt) == 0 &&
	       x->class == first->class && select_is_due(s, x, now);
}

static int exception_rcpts(const struct destination *d, const char *rcpt, struct spool_message *o)
{
	int r = 0;

	o->one_rcpt = rcpt != NULL;
	if (rcpt)
		return spool_add_rcpt(o, rcpt, SPOOL_OPEN);
	for (size_t i = 0; i < d->config->to.n && r == 0; i++)
		r = spool_add_rcpt(o, d->config->to.items[i], SPOOL_OPEN);
	return r;
}

int select_held(struct sender *s, const struct destination *d, struct delivery_destination *dest,
		struct spool_message *o, struct batch *ret)
{
	for (;;) {
		AUTO_READER struct ledger_reader *reader = NULL;
		uint64_t now = clock_now(), low = UINT64_MAX, high = 0;
		struct delivery_held *first = first_due(s, dest, now);
		struct error err;
		struct alert a;
		int r;

		if (!first)
			return 0;
		for (size_t i = 0; i < dest->n_held; i++) {
			const struct delivery_held *x = &dest->held[i];

			if (goes_with(s, x, first, now)) {
				low = x->first < low ? x->first : low;
				high = x->last > high ? x->last : high;
			}
		}
		o->class = first->class;
		r = ledger_reader_open(s->dirfd, low - 1, &reader, &err);
		if (r < 0)
			return r;
		while ((r = next(reader, &a)) > 0 && a.seq <= high &&
		       ret->n < s->config->max_per_mail) {
			bool in = false;

			for (size_t i = 0; i < dest->n_held && !in; i++) {
				const struct delivery_held *x = &dest->held[i];

				in = x->first <= a.seq && a.seq <= x->last &&
				     goes_with(s, x, first, now);
			}
			if (!in || delivery_class(a.kind) != o->class)
				continue;
			r = batch_add(ret, &a);
			if (r == 0)
				break;
			if (r > 0)
				r = spool_add_alert(o, a.seq);
			if (r < 0)
				return r;
		}
		if (r < 0)
			return r;
		if (ret->n > 0)
			return exception_rcpts(d, first->rcpt, o);
		log_error("alerts %" PRIu64 " to %" PRIu64
			  " were to be tried again, but the "
			  "ledger has them no more",
			  first->first, first->last);
		r = delivery_release(dest, first->class, first->rcpt, first->first, first->last);
		if (r < 0)
			return r;
		s->changed = true;
	}
}

int select_again(struct sender *s, struct delivery_destination *dest, const struct spool_message *o,
		 struct batch *ret)
{
	AUTO_READER struct ledger_reader *reader = NULL;
	uint64_t low = UINT64_MAX, high = 0;
	struct error err;
	struct alert a;
	int r;

	for (size_t i = 0; i < o->n_ranges; i++) {
		low = o->ranges[i].first < low ? o->ranges[i].first : low;
		high = o->ranges[i].last > high ? o->ranges[i].last : high;
	}
	if (high > 0) {
		r = ledger_reader_open(s->dirfd, low - 1, &reader, &err);
		if (r < 0)
			return r;
		while ((r = next(reader, &a)) > 0 && a.seq <= high) {
			bool in = false;

			for (size_t i = 0; i < o->n_ranges && !in; i++)
				in = o->ranges[i].first <= a.seq && a.seq <= o->ranges[i].last;
			if (!in || delivery_class(a.kind) != o->class)
				continue;
			r = batch_add(ret, &a);
			if (r <= 0)
				return r < 0 ? r : -E2BIG;
		}
		if (r < 0)
			return r;
	}
	for (size_t i = 0; i < o->n_repeats; i++) {
		const struct spool_repeat *p = &o->repeats[i];
		AUTO_READER struct ledger_reader *one = NULL;
		struct delivery_repeat *now;

		if (p->repeats == 0)
			continue;
		r = ledger_reader_open(s->dirfd, p->seq - 1, &one, &err);
		if (r < 0)
			return r;
		r = next(one, &a);
		now = delivery_repeat_find(dest, p->key);
		if (r > 0 && a.seq == p->seq) {
			struct delivery_repeat told = {.count = p->repeats,
						       .start_usec = now ? now->start_usec : 0};

			r = summarise(ret, &a, &told);
		}
		if (r < 0)
			return r;
	}
	return 0;
}
