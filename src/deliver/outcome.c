/*
 * What came of a try, written down. The order is the promise: first "delivery" says that a mail is
 * done with (its queue's serial), then the frozen mail goes. A frozen mail that is found with a
 * serial that is done with is a left-over.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/timetext.h"
#include "deliver/job.h"
#include "store/schedule.h"

uint64_t job_alerts(const struct spool_message *o)
{
	uint64_t n = 0;

	for (size_t i = 0; i < o->n_ranges; i++)
		n += o->ranges[i].last - o->ranges[i].first + 1;
	for (size_t i = 0; i < o->n_repeats; i++)
		n += o->repeats[i].repeats > 0;
	return n;
}

static const char *destination(const struct job *job)
{
	return job->dest->name[0] ? job->dest->name : "[Mail]";
}

static uint64_t wait_after(uint64_t tries)
{
	uint32_t random = 500;

	(void)getrandom(&random, sizeof(random), 0);
	return schedule_jitter_usec(schedule_backoff_usec(tries), random);
}

/* Every run of its numbers, and every repeat that it tells of, becomes an exception. */
static void except(struct job *job, enum delivery_state state, const char *rcpt, uint64_t tries,
		   uint64_t waited, uint64_t wait)
{
	struct delivery_held x = {
		.state = state,
		.class = job->o->class,
		.tries = tries,
		.waited_usec = waited,
		.last_try_usec = clock_now(),
		.rcpt = (char *)rcpt,
	};
	int r = 0;

	x.next_try_usec = x.last_try_usec + wait;
	for (size_t i = 0; i < job->o->n_ranges && r == 0; i++) {
		x.first = job->o->ranges[i].first;
		x.last = job->o->ranges[i].last;
		r = delivery_hold(job->dest, &x);
	}
	for (size_t i = 0; i < job->o->n_repeats && r == 0; i++) {
		x.first = x.last = job->o->repeats[i].seq;
		if (job->o->repeats[i].repeats > 0)
			r = delivery_hold(job->dest, &x);
	}
	if (r < 0)
		log_crit("out of memory: what %s is to be tried again for is not noted",
			 destination(job));
}

/* Takes its numbers out of the held; gives the shortest wait and fewest tries of them. */
static void unexcept(struct job *job, uint64_t *ret_tries, uint64_t *ret_waited)
{
	const char *rcpt = job->o->one_rcpt ? job->o->rcpts[0].addr : NULL;
	uint64_t now = clock_now();

	*ret_tries = *ret_waited = UINT64_MAX;
	for (size_t i = 0; i < job->o->n_ranges; i++) {
		const struct spool_range *range = &job->o->ranges[i];

		for (size_t k = 0; k < job->dest->n_held; k++) {
			const struct delivery_held *x = &job->dest->held[k];
			uint64_t waited;

			if (x->class != job->o->class || x->last < range->first ||
			    x->first > range->last || (x->rcpt != NULL) != (rcpt != NULL) ||
			    (rcpt && strcmp(x->rcpt, rcpt) != 0))
				continue;
			waited = x->waited_usec +
				 schedule_waited(x->last_try_usec, x->next_try_usec, now);
			*ret_waited = waited < *ret_waited ? waited : *ret_waited;
			*ret_tries = x->tries < *ret_tries ? x->tries : *ret_tries;
		}
		if (delivery_release(job->dest, job->o->class, rcpt, range->first, range->last) < 0)
			log_crit("out of memory: %s may get a mail again", destination(job));
	}
	if (*ret_tries == UINT64_MAX)
		*ret_tries = *ret_waited = 0;
}

/*
 * The queue goes on behind this mail. A ledger that came back from a backup may end before it: what
 * it takes now has these numbers once more.
 */
static void advance(struct job *job)
{
	const struct sender *s = job->s;
	uint64_t last = s->last_seq > s->selected_seq ? s->last_seq : s->selected_seq;
	uint64_t mark = last > 0 && job->o->done_up_to > last ? last : job->o->done_up_to;

	job->queue->serial = job->o->serial;
	if (!job->of_other_ledger && job->name < DELIVERY_CLASSES && mark > job->queue->done_up_to)
		job->queue->done_up_to = mark;
	job->s->changed = true;
}

static void begin_windows(struct job *job, uint64_t now)
{
	uint64_t interval = job->s->config->repeat_interval_usec;

	for (size_t i = 0; i < job->o->n_repeats; i++) {
		const struct spool_repeat *told = &job->o->repeats[i];
		struct delivery_repeat *p = delivery_repeat_add(job->dest, told->key);

		/* Without a window the next one is mailed by itself: no loss. */
		if (!p)
			continue;
		p->start_usec = now;
		p->count -= told->repeats < p->count ? told->repeats : p->count;
		if (p->count == 0)
			p->first_seq = 0;
	}
	delivery_repeat_expire(job->dest, now > interval ? now - interval : 0);
}

static void log_accepted(const struct job *job, const struct transport_result *result)
{
	AUTO_BUFFER struct buffer text = BUFFER_INIT(600);

	for (size_t i = 0; i < job->o->n_rcpts; i++) {
		if (job->o->rcpts[i].state != SPOOL_ACCEPTED)
			continue;
		if (buffer_printf(&text, "%s%s", text.len ? ", " : "", job->o->rcpts[i].addr) < 0) {
			(void)buffer_append_str(&text, ", …");
			break;
		}
	}
	log_info("mail %s with %" PRIu64 " alert%s accepted for %.*s: %s", job->o->message_id,
		 job_alerts(job->o), job_alerts(job->o) == 1 ? "" : "s", (int)text.len,
		 buffer_slice(&text).p, result->text);
}

void outcome_done(struct job *job, const struct transport_result *result)
{
	uint64_t now = clock_now(), tries, waited;

	log_accepted(job, result);
	job->d->refused_in_a_row = 0;
	job->queue->last_mail_usec = now;
	/* The server is up: what waits for that need wait no longer. */
	job->d->own_fault[job->name] = false;
	for (int i = 0; i < DELIVERY_QUEUES; i++)
		if (!job->d->own_fault[i])
			job->dest->queues[i].tries = 0;
	(void)snprintf(job->dest->mailed, sizeof(job->dest->mailed), "%s", job->o->message_id);
	(void)snprintf(job->dest->reply, sizeof(job->dest->reply), "%s", result->reply);
	job->dest->failure[0] = '\0';
	job->dest->unreported -=
		job->o->reported < job->dest->unreported ? job->o->reported : job->dest->unreported;
	advance(job);
	if (!job->of_other_ledger) {
		if (job->name == DELIVERY_RETRY)
			unexcept(job, &tries, &waited);
		else
			begin_windows(job, now);
		for (size_t i = 0; i < job->o->n_rcpts; i++) {
			const struct spool_rcpt *rcpt = &job->o->rcpts[i];

			if (rcpt->state == SPOOL_REFUSED)
				except(job, DELIVERY_REFUSED, rcpt->addr, 1, 0,
				       SCHEDULE_REFUSED_USEC);
			else if (rcpt->state == SPOOL_DEFERRED)
				except(job, DELIVERY_DEFERRED, rcpt->addr, 1, 0, wait_after(1));
		}
	}
	sender_save(job->s);
	job_drop(job);
}

static void log_given_up(struct job *job, const char *why)
{
	uint64_t n = job_alerts(job->o);
	char after[TIMETEXT_MAX];

	job->dest->unreported += n;
	log_crit("%" PRIu64
		 " alert%s to %s given up after %s (GiveUpAfter=); kept in the ledger: %s",
		 n, n == 1 ? "" : "s", destination(job),
		 timetext_duration(job->s->config->give_up_after_usec, after), why);
}

/* Of a mail of queue ASIDE: its held wait for their next try. */
static void except_again(struct job *job, enum delivery_state state, const char *why)
{
	const char *rcpt = job->o->one_rcpt ? job->o->rcpts[0].addr : NULL;
	uint64_t tries, waited;

	unexcept(job, &tries, &waited);
	tries++;
	if (waited >= job->s->config->give_up_after_usec) {
		log_given_up(job, why);
		state = DELIVERY_GIVEN_UP;
	}
	except(job, state, rcpt, tries, waited,
	       state == DELIVERY_REFUSED ? SCHEDULE_REFUSED_USEC : wait_after(tries));
}

void outcome_held(struct job *job, enum delivery_state state, const struct transport_result *result)
{
	(void)snprintf(job->dest->failure, sizeof(job->dest->failure), "%s", result->text);
	advance(job);
	if (!job->of_other_ledger && job->name == DELIVERY_RETRY) {
		except_again(job, state, result->text);
	} else if (!job->of_other_ledger) {
		except(job, state, NULL, state == DELIVERY_REFUSED ? 1 : job->o->tries,
		       job->o->waited_usec,
		       state == DELIVERY_REFUSED ? SCHEDULE_REFUSED_USEC
						 : wait_after(job->o->tries));
		for (size_t i = 0; i < job->o->n_repeats; i++) {
			struct delivery_repeat *p =
				delivery_repeat_find(job->dest, job->o->repeats[i].key);

			if (p && job->o->repeats[i].repeats > 0)
				p->count -= job->o->repeats[i].repeats < p->count
						    ? job->o->repeats[i].repeats
						    : p->count;
		}
	}
	job->queue->tries = 0;
	sender_save(job->s);
	job_drop(job);
}

void outcome_of_other_ledger(struct job *job, const struct transport_result *result)
{
	char aside[SPOOL_NAME_MAX + 16];

	(void)snprintf(aside, sizeof(aside), "%s.refused", job->file);
	log_crit("mail %s with alerts of an earlier ledger was refused, and is kept as %s: %s",
		 job->o->message_id, aside, result->text);
	if (renameat(job->s->dirfd, job->file, job->s->dirfd, aside) < 0)
		log_error("%s: %s", aside, strerror(errno));
	(void)snprintf(job->dest->failure, sizeof(job->dest->failure), "%s", result->text);
	advance(job);
	sender_save(job->s);
	job_drop(job);
}

void outcome_forgotten(struct job *job)
{
	uint64_t tries, waited;

	log_notice("mail %s: %s is configured no more", job->o->message_id, job->o->rcpts[0].addr);
	if (!job->of_other_ledger)
		unexcept(job, &tries, &waited);
	advance(job);
	sender_save(job->s);
	job_drop(job);
}

void outcome_dropped(struct job *job)
{
	advance(job);
	sender_save(job->s);
	job_drop(job);
}

static void back_off(struct job *job, const struct transport_result *result)
{
	uint64_t now = clock_now(), tries = job->queue->tries + 1, wait = wait_after(tries);

	job->d->own_fault[job->name] = result->about_mail;
	for (int i = 0; i < DELIVERY_QUEUES; i++) {
		struct delivery_queue *l = &job->dest->queues[i];

		/* A server that is down is down for all queues; a fault of this mail is its own. */
		if (l != job->queue && (result->about_mail || l->tries > tries))
			continue;
		l->tries = tries;
		l->last_try_usec = now;
		l->next_try_usec = now + wait;
	}
	job->s->changed = true;
}

void outcome_deferred(struct job *job, const struct transport_result *result)
{
	char wait[TIMETEXT_MAX];
	uint64_t now = clock_now();

	(void)snprintf(job->dest->failure, sizeof(job->dest->failure), "%s", result->text);
	if (job->queue->tries > 0)
		job->o->waited_usec +=
			schedule_waited(job->queue->last_try_usec, job->queue->next_try_usec, now);
	job->o->tries++;
	job->o->last_try_usec = now;
	if (job->o->waited_usec >= job->s->config->give_up_after_usec) {
		log_given_up(job, result->text);
		advance(job);
		if (!job->of_other_ledger && job->name == DELIVERY_RETRY) {
			uint64_t tries, waited;

			unexcept(job, &tries, &waited);
		}
		if (!job->of_other_ledger)
			except(job, DELIVERY_GIVEN_UP,
			       job->o->one_rcpt ? job->o->rcpts[0].addr : NULL, job->o->tries,
			       job->o->waited_usec, 0);
		sender_save(job->s);
		job_drop(job);
		return;
	}
	back_off(job, result);
	log_warning("mail %s with %" PRIu64 " alert%s deferred, next try in %s: %s%s",
		    job->o->message_id, job_alerts(job->o), job_alerts(job->o) == 1 ? "" : "s",
		    timetext_duration(job->queue->next_try_usec - job->queue->last_try_usec, wait),
		    result->text,
		    job->o->in_doubt ? " (the server may have taken it: the same mail goes again)"
				     : "");
	job_freeze(job);
	sender_save(job->s);
}
