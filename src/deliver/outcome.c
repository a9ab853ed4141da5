/*
 * What came of a try, written down. The order is the promise: first "delivery" says that a mail is
 * done with (its lane's serial), then the frozen mail goes. A frozen mail that is found with a
 * serial that is done with is a left-over.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "base/log.h"
#include "base/timetext.h"
#include "deliver/job.h"
#include "store/schedule.h"

uint64_t work_alerts(const struct spool_message *o)
{
	uint64_t n = 0;

	for (size_t i = 0; i < o->n_ranges; i++)
		n += o->ranges[i].last - o->ranges[i].first + 1;
	for (size_t i = 0; i < o->n_repeats; i++)
		n += o->repeats[i].repeats > 0;
	return n;
}

static const char *destination(const struct work *w)
{
	return w->dest->name[0] ? w->dest->name : "[Mail]";
}

static uint64_t wait_after(uint64_t tries)
{
	uint32_t random = 500;

	(void)getrandom(&random, sizeof(random), 0);
	return schedule_jitter_usec(schedule_backoff_usec(tries), random);
}

/* Every run of its numbers, and every repeat that it tells of, becomes an exception. */
static void except(struct work *w, enum delivery_state state, const char *rcpt, uint64_t tries,
		   uint64_t waited, uint64_t wait)
{
	struct delivery_held x = {
		.state = state,
		.class = w->o->class,
		.tries = tries,
		.waited_usec = waited,
		.last_try_usec = sender_now(),
		.rcpt = (char *)rcpt,
	};
	int r = 0;

	x.next_try_usec = x.last_try_usec + wait;
	for (size_t i = 0; i < w->o->n_ranges && r == 0; i++) {
		x.first = w->o->ranges[i].first;
		x.last = w->o->ranges[i].last;
		r = delivery_hold(w->dest, &x);
	}
	for (size_t i = 0; i < w->o->n_repeats && r == 0; i++) {
		x.first = x.last = w->o->repeats[i].seq;
		if (w->o->repeats[i].repeats > 0)
			r = delivery_hold(w->dest, &x);
	}
	if (r < 0)
		log_crit("out of memory: what %s is to be tried again for is not noted",
			 destination(w));
}

/* Takes its numbers out of the held; gives the shortest wait and fewest tries of them. */
static void unexcept(struct work *w, uint64_t *ret_tries, uint64_t *ret_waited)
{
	const char *rcpt = w->o->one_rcpt ? w->o->rcpts[0].addr : NULL;
	uint64_t now = sender_now();

	*ret_tries = *ret_waited = UINT64_MAX;
	for (size_t i = 0; i < w->o->n_ranges; i++) {
		const struct spool_range *range = &w->o->ranges[i];

		for (size_t k = 0; k < w->dest->n_held; k++) {
			const struct delivery_held *x = &w->dest->held[k];
			uint64_t waited;

			if (x->class != w->o->class || x->last < range->first ||
			    x->first > range->last || (x->rcpt != NULL) != (rcpt != NULL) ||
			    (rcpt && strcmp(x->rcpt, rcpt) != 0))
				continue;
			waited = x->waited_usec +
				 schedule_waited(x->last_try_usec, x->next_try_usec, now);
			*ret_waited = waited < *ret_waited ? waited : *ret_waited;
			*ret_tries = x->tries < *ret_tries ? x->tries : *ret_tries;
		}
		if (delivery_release(w->dest, w->o->class, rcpt, range->first, range->last) < 0)
			log_crit("out of memory: %s may get a mail again", destination(w));
	}
	if (*ret_tries == UINT64_MAX)
		*ret_tries = *ret_waited = 0;
}

/*
 * The lane goes on behind this mail. A ledger that came back from a backup may end before it: what
 * it takes now has these numbers once more.
 */
static void advance(struct work *w)
{
	const struct sender *s = w->s;
	uint64_t last = s->last_seq > s->gathered_seq ? s->last_seq : s->gathered_seq;
	uint64_t mark = last > 0 && w->o->done_up_to > last ? last : w->o->done_up_to;

	w->lane->serial = w->o->serial;
	if (!w->foreign && w->name < DELIVERY_CLASSES && mark > w->lane->done_up_to)
		w->lane->done_up_to = mark;
	w->s->changed = true;
}

static void begin_windows(struct work *w, uint64_t now)
{
	uint64_t interval = w->s->config->repeat_interval_usec;

	for (size_t i = 0; i < w->o->n_repeats; i++) {
		const struct spool_repeat *told = &w->o->repeats[i];
		struct delivery_repeat *p = delivery_repeat_add(w->dest, told->key);

		/* Without a window the next one is mailed by itself: no loss. */
		if (!p)
			continue;
		p->start_usec = now;
		p->count -= told->repeats < p->count ? told->repeats : p->count;
		if (p->count == 0)
			p->first_seq = 0;
	}
	delivery_repeat_expire(w->dest, now > interval ? now - interval : 0);
}

static void log_accepted(const struct work *w, const struct transport_result *result)
{
	AUTO_BUFFER struct buffer text = BUFFER_INIT(600);

	for (size_t i = 0; i < w->o->n_rcpts; i++) {
		if (w->o->rcpts[i].state != SPOOL_ACCEPTED)
			continue;
		if (buffer_printf(&text, "%s%s", text.len ? ", " : "", w->o->rcpts[i].addr) < 0) {
			(void)buffer_append_str(&text, ", …");
			break;
		}
	}
	log_info("mail %s with %" PRIu64 " alert%s accepted for %.*s: %s", w->o->message_id,
		 work_alerts(w->o), work_alerts(w->o) == 1 ? "" : "s", (int)text.len,
		 buffer_slice(&text).p, result->text);
}

void settle_done(struct work *w, const struct transport_result *result)
{
	uint64_t now = sender_now(), tries, waited;

	log_accepted(w, result);
	w->t->refused_in_a_row = 0;
	w->lane->last_mail_usec = now;
	/* The server is up: what waits for that need wait no longer. */
	w->t->own_fault[w->name] = false;
	for (int i = 0; i < DELIVERY_QUEUES; i++)
		if (!w->t->own_fault[i])
			w->dest->queues[i].tries = 0;
	(void)snprintf(w->dest->mailed, sizeof(w->dest->mailed), "%s", w->o->message_id);
	(void)snprintf(w->dest->reply, sizeof(w->dest->reply), "%s", result->reply);
	w->dest->failure[0] = '\0';
	w->dest->unreported -=
		w->o->reported < w->dest->unreported ? w->o->reported : w->dest->unreported;
	advance(w);
	if (!w->foreign) {
		if (w->name == DELIVERY_RETRY)
			unexcept(w, &tries, &waited);
		else
			begin_windows(w, now);
		for (size_t i = 0; i < w->o->n_rcpts; i++) {
			const struct spool_rcpt *rcpt = &w->o->rcpts[i];

			if (rcpt->state == SPOOL_REFUSED)
				except(w, DELIVERY_REFUSED, rcpt->addr, 1, 0,
				       SCHEDULE_REFUSED_USEC);
			else if (rcpt->state == SPOOL_DEFERRED)
				except(w, DELIVERY_DEFERRED, rcpt->addr, 1, 0, wait_after(1));
		}
	}
	sender_save(w->s);
	work_drop(w);
}

static void log_given_up(struct work *w, const char *why)
{
	uint64_t n = work_alerts(w->o);
	char after[TIMETEXT_MAX];

	w->dest->unreported += n;
	log_crit("%" PRIu64
		 " alert%s to %s given up after %s (GiveUpAfter=); kept in the ledger: %s",
		 n, n == 1 ? "" : "s", destination(w),
		 timetext_duration(w->s->config->give_up_after_usec, after), why);
}

/* Of a mail of lane ASIDE: its held wait for their next try. */
static void except_again(struct work *w, enum delivery_state state, const char *why)
{
	const char *rcpt = w->o->one_rcpt ? w->o->rcpts[0].addr : NULL;
	uint64_t tries, waited;

	unexcept(w, &tries, &waited);
	tries++;
	if (waited >= w->s->config->give_up_after_usec) {
		log_given_up(w, why);
		state = DELIVERY_GIVEN_UP;
	}
	except(w, state, rcpt, tries, waited,
	       state == DELIVERY_REFUSED ? SCHEDULE_REFUSED_USEC : wait_after(tries));
}

void settle_aside(struct work *w, enum delivery_state state, const struct transport_result *result)
{
	(void)snprintf(w->dest->failure, sizeof(w->dest->failure), "%s", result->text);
	advance(w);
	if (!w->foreign && w->name == DELIVERY_RETRY) {
		except_again(w, state, result->text);
	} else if (!w->foreign) {
		except(w, state, NULL, state == DELIVERY_REFUSED ? 1 : w->o->tries,
		       w->o->waited_usec,
		       state == DELIVERY_REFUSED ? SCHEDULE_REFUSED_USEC : wait_after(w->o->tries));
		for (size_t i = 0; i < w->o->n_repeats; i++) {
			struct delivery_repeat *p =
				delivery_repeat_find(w->dest, w->o->repeats[i].key);

			if (p && w->o->repeats[i].repeats > 0)
				p->count -= w->o->repeats[i].repeats < p->count
						    ? w->o->repeats[i].repeats
						    : p->count;
		}
	}
	w->lane->tries = 0;
	sender_save(w->s);
	work_drop(w);
}

void settle_foreign(struct work *w, const struct transport_result *result)
{
	char aside[SPOOL_NAME_MAX + 16];

	(void)snprintf(aside, sizeof(aside), "%s.refused", w->file);
	log_crit("mail %s with alerts of an earlier ledger was refused, and is kept as %s: %s",
		 w->o->message_id, aside, result->text);
	if (renameat(w->s->dirfd, w->file, w->s->dirfd, aside) < 0)
		log_error("%s: %s", aside, strerror(errno));
	(void)snprintf(w->dest->failure, sizeof(w->dest->failure), "%s", result->text);
	advance(w);
	sender_save(w->s);
	work_drop(w);
}

void settle_forgotten(struct work *w)
{
	uint64_t tries, waited;

	log_notice("mail %s: %s is configured no more", w->o->message_id, w->o->rcpts[0].addr);
	if (!w->foreign)
		unexcept(w, &tries, &waited);
	advance(w);
	sender_save(w->s);
	work_drop(w);
}

void settle_dropped(struct work *w)
{
	advance(w);
	sender_save(w->s);
	work_drop(w);
}

static void back_off(struct work *w, const struct transport_result *result)
{
	uint64_t now = sender_now(), tries = w->lane->tries + 1, wait = wait_after(tries);

	w->t->own_fault[w->name] = result->about_mail;
	for (int i = 0; i < DELIVERY_QUEUES; i++) {
		struct delivery_queue *l = &w->dest->queues[i];

		/* A server that is down is down for all lanes; a fault of this mail is its own. */
		if (l != w->lane && (result->about_mail || l->tries > tries))
			continue;
		l->tries = tries;
		l->last_try_usec = now;
		l->next_try_usec = now + wait;
	}
	w->s->changed = true;
}

void settle_deferred(struct work *w, const struct transport_result *result)
{
	char wait[TIMETEXT_MAX];
	uint64_t now = sender_now();

	(void)snprintf(w->dest->failure, sizeof(w->dest->failure), "%s", result->text);
	if (w->lane->tries > 0)
		w->o->waited_usec +=
			schedule_waited(w->lane->last_try_usec, w->lane->next_try_usec, now);
	w->o->tries++;
	w->o->last_try_usec = now;
	if (w->o->waited_usec >= w->s->config->give_up_after_usec) {
		log_given_up(w, result->text);
		advance(w);
		if (!w->foreign && w->name == DELIVERY_RETRY) {
			uint64_t tries, waited;

			unexcept(w, &tries, &waited);
		}
		if (!w->foreign)
			except(w, DELIVERY_GIVEN_UP, w->o->one_rcpt ? w->o->rcpts[0].addr : NULL,
			       w->o->tries, w->o->waited_usec, 0);
		sender_save(w->s);
		work_drop(w);
		return;
	}
	back_off(w, result);
	log_warning("mail %s with %" PRIu64 " alert%s deferred, next try in %s: %s%s",
		    w->o->message_id, work_alerts(w->o), work_alerts(w->o) == 1 ? "" : "s",
		    timetext_duration(w->lane->next_try_usec - w->lane->last_try_usec, wait),
		    result->text,
		    w->o->in_doubt ? " (the server may have taken it: the same mail goes again)"
				   : "");
	work_freeze(w);
	sender_save(w->s);
}
