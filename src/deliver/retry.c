/*
 * Alerts whose message was refused are sent alone, since it may be due to one of them. Alerts that
 * one recipient lacks are joined: there the recipient was refused.
 */
#include "deliver/retry.h"

#include <string.h>
#include <sys/random.h>

#include "base/clock.h"
#include "base/log.h"
#include "store/schedule.h"

const struct delivery_held *retry_first(const struct sender *s, const struct destination *d,
					uint64_t now_usec)
{
	const struct view_queue q = state_queue(s, d, DELIVERY_RETRY);
	const struct delivery_held *first = NULL;

	for (size_t i = 0; i < d->progress->n_held; i++) {
		const struct delivery_held *x = &d->progress->held[i];

		if (view_held_is_due(&q, x, now_usec) &&
		    (!first || x->next_try_usec < first->next_try_usec))
			first = x;
	}
	return first;
}

bool retry_joins(const struct sender *s, const struct destination *d, const struct delivery_held *x,
		 const struct delivery_held *first, uint64_t now_usec)
{
	const struct view_queue q = state_queue(s, d, DELIVERY_RETRY);

	if (x == first)
		return true;
	return first->rcpt && x->rcpt && strcmp(first->rcpt, x->rcpt) == 0 &&
	       x->class == first->class && view_held_is_due(&q, x, now_usec);
}

uint64_t retry_wait_usec(uint64_t tries)
{
	uint32_t random = 500;

	(void)getrandom(&random, sizeof(random), 0);
	return schedule_jitter_usec(schedule_backoff_usec(tries), random);
}

void retry_hold(struct destination *d, const struct spool_message *o, enum delivery_state state,
		const char *rcpt, uint64_t tries, uint64_t waited_usec)
{
	uint64_t now = clock_now();
	struct delivery_held x = {
		.state = state,
		.class = o->class,
		.tries = tries,
		.waited_usec = waited_usec,
		.last_try_usec = now,
		.next_try_usec = now + (state == DELIVERY_REFUSED    ? SCHEDULE_REFUSED_USEC
					: state == DELIVERY_DEFERRED ? retry_wait_usec(tries)
								     : 0),
		.rcpt = (char *)rcpt,
	};
	int r = 0;

	for (size_t i = 0; i < o->n_ranges && r == 0; i++) {
		x.first = o->ranges[i].first;
		x.last = o->ranges[i].last;
		r = delivery_hold(d->progress, &x);
	}
	for (size_t i = 0; i < o->n_repeats && r == 0; i++) {
		x.first = x.last = o->repeats[i].seq;
		if (o->repeats[i].repeats > 0)
			r = delivery_hold(d->progress, &x);
	}
	if (r < 0)
		log_crit("out of memory: alerts to %s are not held, and not sent again",
			 destination_name(d->progress->name));
}

static bool same_rcpt(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

void retry_release(struct destination *d, const struct spool_message *o, uint64_t *ret_tries,
		   uint64_t *ret_waited_usec)
{
	const char *rcpt = o->one_rcpt ? o->rcpts[0].addr : NULL;
	uint64_t now = clock_now(), tries = UINT64_MAX, least = UINT64_MAX;

	for (size_t i = 0; i < o->n_ranges; i++) {
		const struct spool_range *range = &o->ranges[i];

		for (size_t k = 0; k < d->progress->n_held; k++) {
			const struct delivery_held *x = &d->progress->held[k];
			uint64_t waited;

			if (x->class != o->class || x->last < range->first ||
			    x->first > range->last || !same_rcpt(x->rcpt, rcpt))
				continue;
			waited = x->waited_usec +
				 schedule_waited(x->last_try_usec, x->next_try_usec, now);
			least = waited < least ? waited : least;
			tries = x->tries < tries ? x->tries : tries;
		}
		if (delivery_release(d->progress, o->class, rcpt, range->first, range->last) < 0)
			log_crit("out of memory: alerts to %s may be sent again",
				 destination_name(d->progress->name));
	}
	if (ret_tries)
		*ret_tries = tries == UINT64_MAX ? 0 : tries;
	if (ret_waited_usec)
		*ret_waited_usec = tries == UINT64_MAX ? 0 : least;
}
