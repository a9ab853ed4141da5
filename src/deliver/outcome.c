/*
 * The order is the promise: first "delivery" says that a message is done with (by the queue's
 * serial), then the frozen message is removed. One that is found with a serial that is done with is
 * left over from a crash in between.
 */
#include "deliver/outcome.h"

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

#define N_ALERTS     "%" PRIu64 " alert%s"
#define ALERTS_OF(o) job_alerts(o), job_alerts(o) == 1 ? "" : "s"

/* The message is done with. */
static void finish(struct job *job)
{
	const struct tail *tail = &job->s->tail;
	uint64_t last = tail->last_seq > tail->selected_seq ? tail->last_seq : tail->selected_seq;
	uint64_t done = job->o->done_up_to;

	/*
	 * A ledger restored from a backup may end before done_up_to. Its next alerts get these
	 * numbers, and must not count as done.
	 */
	if (last > 0 && done > last)
		done = last;
	job->queue->serial = job->o->serial;
	if (!job->of_other_ledger && job->queue_id < DELIVERY_CLASSES &&
	    done > job->queue->done_up_to)
		job->queue->done_up_to = done;
	job->s->changed = true;
	state_save(job->s);
	job_drop(job);
}

/*
 * If no recipient accepted the message, and its X-Loginbell-Sequence was the last one assigned, the
 * next message gets that number; otherwise logs that receivers may miss it.
 */
static void finish_unsent(struct job *job)
{
	struct delivery_destination *dest = job->d->progress;
	const struct spool_message *o = job->o;

	if (o->sequence > 0 && spool_count(o, SPOOL_ACCEPTED) == 0) {
		if (o->sequence == dest->sequence && !o->in_doubt && !job->of_other_ledger)
			dest->sequence--;
		else
			log_notice("%s: the number %" PRIu64
				   " may be missing: message %s was not accepted",
				   destination_name(dest->name), o->sequence, o->message_id);
	}
	finish(job);
}

static void note_failure(struct job *job, const struct transport_result *result)
{
	struct delivery_destination *dest = job->d->progress;

	(void)snprintf(dest->failure, sizeof(dest->failure), "%s", result->text);
}

/* The repeats that the message reported count no longer. */
static void subtract_repeats(struct delivery_repeat *p, const struct spool_repeat *reported)
{
	p->count -= reported->repeats < p->count ? reported->repeats : p->count;
	if (p->count == 0)
		p->first_seq = 0;
}

static void begin_windows(struct job *job, uint64_t now)
{
	uint64_t interval = job->s->config->repeat_interval_usec;

	for (size_t i = 0; i < job->o->n_repeats; i++) {
		struct delivery_repeat *p =
			delivery_repeat_add(job->d->progress, job->o->repeats[i].key);

		/* Without a window the next one is sent by itself, which loses nothing. */
		if (!p)
			continue;
		p->start_usec = now;
		subtract_repeats(p, &job->o->repeats[i]);
	}
	delivery_repeat_expire(job->d->progress, now > interval ? now - interval : 0);
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
	log_info("message %s with " N_ALERTS " accepted for %.*s: %s", job->o->message_id,
		 ALERTS_OF(job->o), (int)text.len, buffer_slice(&text).p, result->text);
}

/* Recipients that were refused or deferred get it by the retry queue. */
static void hold_for_rcpts(struct job *job)
{
	for (size_t i = 0; i < job->o->n_rcpts; i++) {
		const struct spool_rcpt *rcpt = &job->o->rcpts[i];

		if (rcpt->state == SPOOL_REFUSED)
			retry_hold(job->d, job->o, DELIVERY_REFUSED, rcpt->addr, 1, 0);
		else if (rcpt->state == SPOOL_DEFERRED)
			retry_hold(job->d, job->o, DELIVERY_DEFERRED, rcpt->addr, 1, 0);
	}
}

void outcome_done(struct job *job, const struct transport_result *result)
{
	struct delivery_destination *dest = job->d->progress;
	uint64_t now = clock_now();

	log_accepted(job, result);
	job->d->refused_in_a_row = 0;
	job->queue->last_mail_usec = now;
	/* The server works, so no other message has to wait for it. */
	job->state->own_fault = false;
	for (int i = 0; i < DELIVERY_QUEUES; i++)
		if (!job->d->queues[i].own_fault)
			dest->queues[i].tries = 0;
	(void)snprintf(dest->mailed, sizeof(dest->mailed), "%s", job->o->message_id);
	(void)snprintf(dest->reply, sizeof(dest->reply), "%s", result->reply);
	dest->failure[0] = '\0';
	dest->unreported -=
		job->o->reported < dest->unreported ? job->o->reported : dest->unreported;
	if (!job->of_other_ledger) {
		if (job->queue_id == DELIVERY_RETRY)
			retry_release(job->d, job->o, NULL, NULL);
		else
			begin_windows(job, now);
		hold_for_rcpts(job);
	}
	finish(job);
}

static void log_given_up(struct job *job, const char *why)
{
	char after[TIMETEXT_MAX];

	job->d->progress->unreported += job_alerts(job->o);
	log_crit(N_ALERTS " to %s given up after %s (GiveUpAfter=); kept in the ledger: %s",
		 ALERTS_OF(job->o), destination_name(job->d->progress->name),
		 timetext_duration(job->s->config->give_up_after_usec, after), why);
}

/* The alerts of a message of the retry queue wait for their next try. */
static void hold_again(struct job *job, enum delivery_state state, const char *why)
{
	const char *rcpt = job->o->one_rcpt ? job->o->rcpts[0].addr : NULL;
	uint64_t tries, waited;

	retry_release(job->d, job->o, &tries, &waited);
	if (waited >= job->s->config->give_up_after_usec) {
		log_given_up(job, why);
		state = DELIVERY_GIVEN_UP;
	}
	retry_hold(job->d, job->o, state, rcpt, tries + 1, waited);
}

void outcome_held(struct job *job, enum delivery_state state, const struct transport_result *result)
{
	note_failure(job, result);
	if (!job->of_other_ledger && job->queue_id == DELIVERY_RETRY) {
		hold_again(job, state, result->text);
	} else if (!job->of_other_ledger) {
		retry_hold(job->d, job->o, state, NULL,
			   state == DELIVERY_REFUSED ? 1 : job->o->tries, job->o->waited_usec);
		for (size_t i = 0; i < job->o->n_repeats; i++) {
			struct delivery_repeat *p =
				delivery_repeat_find(job->d->progress, job->o->repeats[i].key);

			if (p)
				subtract_repeats(p, &job->o->repeats[i]);
		}
	}
	job->queue->tries = 0;
	finish_unsent(job);
}

void outcome_of_other_ledger(struct job *job, const struct transport_result *result)
{
	char kept[SPOOL_NAME_MAX + 16];

	(void)snprintf(kept, sizeof(kept), "%s.refused", job->file);
	log_crit("message %s with alerts of an earlier ledger was refused, and is kept as %s: %s",
		 job->o->message_id, kept, result->text);
	if (renameat(job->s->dirfd, job->file, job->s->dirfd, kept) < 0)
		log_error("%s: %s", kept, strerror(errno));
	note_failure(job, result);
	finish_unsent(job);
}

void outcome_forgotten(struct job *job)
{
	log_notice("message %s is forgotten: its recipients are not configured",
		   job->o->message_id);
	/* Without progress, so that its alerts go into another message. */
	job->o->done_up_to = 0;
	finish_unsent(job);
}

void outcome_dropped(struct job *job)
{
	finish_unsent(job);
}

static void back_off(struct job *job, const struct transport_result *result)
{
	uint64_t now = clock_now(), tries = job->queue->tries + 1, wait = retry_wait_usec(tries);

	job->state->own_fault = result->about_mail;
	for (int i = 0; i < DELIVERY_QUEUES; i++) {
		struct delivery_queue *queue = &job->d->progress->queues[i];

		/* A server that is down is down for all queues; a fault of this message is not. */
		if (queue != job->queue && (result->about_mail || queue->tries > tries))
			continue;
		queue->tries = tries;
		queue->last_try_usec = now;
		queue->next_try_usec = now + wait;
	}
	job->s->changed = true;
}

static void give_up(struct job *job, const struct transport_result *result)
{
	log_given_up(job, result->text);
	if (!job->of_other_ledger) {
		if (job->queue_id == DELIVERY_RETRY)
			retry_release(job->d, job->o, NULL, NULL);
		retry_hold(job->d, job->o, DELIVERY_GIVEN_UP,
			   job->o->one_rcpt ? job->o->rcpts[0].addr : NULL, job->o->tries,
			   job->o->waited_usec);
	}
	finish_unsent(job);
}

void outcome_deferred(struct job *job, const struct transport_result *result)
{
	char wait[TIMETEXT_MAX];
	uint64_t now = clock_now();

	note_failure(job, result);
	if (job->queue->tries > 0)
		job->o->waited_usec +=
			schedule_waited(job->queue->last_try_usec, job->queue->next_try_usec, now);
	job->o->tries++;
	job->o->last_try_usec = now;
	if (job->o->waited_usec >= job->s->config->give_up_after_usec) {
		give_up(job, result);
		return;
	}
	back_off(job, result);
	log_warning("message %s with " N_ALERTS " deferred, next try in %s: %s%s",
		    job->o->message_id, ALERTS_OF(job->o),
		    timetext_duration(job->queue->next_try_usec - job->queue->last_try_usec, wait),
		    result->text,
		    job->o->in_doubt ? " (the server may have accepted it: it will be sent again "
				       "unchanged)"
				     : "");
	job_freeze(job);
	state_save(job->s);
}
