/*
 * A queue has at most one mail in the air. It is frozen first, then sent; outcome.c writes down
 * what came of it. A mail that the server refuses for its content goes once more without log lines,
 * then in halves, until the one alert that is refused stands alone and steps aside. Where two in a
 * row were refused alone, the server refuses everything, and the whole digest steps aside at once.
 */
#include "deliver/queue.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/timetext.h"
#include "deliver/job.h"
#include "deliver/select.h"
#include "store/schedule.h"
#include "text/message/describe.h"

#define REFUSED_IN_A_ROW 2
#define STEP_ASIDE_TRIES 4 /* 4xx to the mail itself, until others overtake it */

/* Whether the mail has to say how late it is, and the ledger still has all that it tells of. */
static bool is_late(struct job *job)
{
	AUTO_BATCH struct batch batch = {0};
	uint64_t now_usec = clock_now();

	if (select_again(job->s, job->dest, job->o, &batch) < 0 || batch.n < job_alerts(job->o))
		return false;
	for (size_t i = 0; i < batch.n; i++)
		if (describe_delay(&batch.alerts[i], now_usec) > 0)
			return true;
	return false;
}

/* Makes a mail of what is due. 1; 0 where there is nothing; -errno. */
static int make(struct job *job)
{
	bool counted = false;
	int r = job_draft(job, &counted);

	job->s->changed |= counted;
	if (r <= 0)
		return r;
	/* After a crash the mark moves past them with this mail: they must be counted by then. */
	if (counted)
		sender_save(job->s);
	job_freeze(job);
	return 1;
}

static bool is_configured(const struct job *job, const char *addr)
{
	for (size_t i = 0; i < job->d->config->to.n; i++)
		if (strcmp(job->d->config->to.items[i], addr) == 0)
			return true;
	return false;
}

/* Leaves out who is no longer configured and has it not; gives how many are left to get it. */
static size_t keep_configured(struct job *job)
{
	struct spool_message *o = job->o;
	size_t n = 0;

	for (size_t i = 0; i < o->n_rcpts; i++) {
		if (o->rcpts[i].state == SPOOL_ACCEPTED || is_configured(job, o->rcpts[i].addr))
			o->rcpts[n++] = o->rcpts[i];
		else
			free(o->rcpts[i].addr);
	}
	o->n_rcpts = n;
	return spool_count(o, SPOOL_OPEN);
}

/*
 * Since it was frozen the configuration may have changed, and it has become later than it says; it
 * is made anew where nobody can have it yet. False where nothing is left to send.
 */
static bool adapt(struct job *job)
{
	static const struct transport_result gone = {
		.text = "the other recipients are configured no more"};
	struct hash128 config = compose_fingerprint(job->s->config, job->d->config);
	bool accepted = spool_count(job->o, SPOOL_ACCEPTED) > 0;
	bool unseen = !job->o->in_doubt && !job->of_other_ledger && !accepted;

	if (hash128_eq(config, job->o->config)) {
		if (unseen && !job->o->one_rcpt && is_late(job))
			(void)job_remake(job, job->o->style, false);
		return true;
	}
	if (job->o->one_rcpt) {
		if (is_configured(job, job->o->rcpts[0].addr))
			return true;
		outcome_forgotten(job);
		return false;
	}
	if (unseen && job_remake(job, MESSAGE_FULL, false) > 0)
		return true;
	if (keep_configured(job) > 0)
		return true;
	if (accepted) {
		outcome_done(job, &gone);
		return false;
	}
	/* In doubt: the same bytes, to those who are to get them now. */
	return job_add_rcpts(job, job->o, NULL) == 0;
}

static int before_data(void *userdata)
{
	struct job *job = userdata;
	int r = 0;

	if (!job->o->in_doubt && job->d->unsaved[job->name] != job->o)
		r = spool_set_doubt(job->s->dirfd, job->file, true);
	/* Only where the process dies now, and the configuration changes, are other bytes sent. */
	if (r < 0)
		log_crit("%s cannot be written: %s; the mail is sent all the same", job->file,
			 strerror(-r));
	job->o->in_doubt = true;
	return 0;
}

static bool alive(void *userdata)
{
	struct job *job = userdata;

	return !job->s->alive || job->s->alive(job->s->userdata);
}

static enum queue_step refused(struct job *job, const struct transport_result *result)
{
	uint64_t n = job_alerts(job->o);
	int r;

	if (job->of_other_ledger) {
		outcome_of_other_ledger(job, result);
		return QUEUE_AGAIN;
	}
	if (job->o->style == MESSAGE_FULL) {
		log_warning("mail %s was refused, and goes again without log lines: %s",
			    job->o->message_id, result->text);
		r = job_remake(job, MESSAGE_NO_LOGS, false);
	} else if (n > 1 && job->d->refused_in_a_row < REFUSED_IN_A_ROW) {
		log_warning("mail %s with %" PRIu64 " alerts was refused, and is halved: %s",
			    job->o->message_id, n, result->text);
		r = job_remake(job, MESSAGE_FULL, true);
	} else {
		log_error("mail %s with %" PRIu64
			  " alert%s was refused; it is tried again "
			  "hourly: %s",
			  job->o->message_id, n, n == 1 ? "" : "s", result->text);
		job->d->refused_in_a_row++;
		outcome_held(job, DELIVERY_REFUSED, result);
		return QUEUE_AGAIN;
	}
	if (r > 0)
		return QUEUE_AGAIN;
	outcome_deferred(job, result);
	return QUEUE_IDLE;
}

/* All recipients were refused or deferred. */
static void nobody(struct job *job, struct transport_result *result)
{
	bool permanent = spool_count(job->o, SPOOL_DEFERRED) == 0;

	for (size_t i = 0; i < job->o->n_rcpts; i++)
		job->o->rcpts[i].state = SPOOL_OPEN;
	if (job->name == DELIVERY_RETRY) {
		outcome_held(job, permanent ? DELIVERY_REFUSED : DELIVERY_DEFERRED, result);
		return;
	}
	/* Nobody is held up by that: there is nobody else. It is soon seen when it is put right. */
	if (permanent)
		log_error("all recipients were refused: %s", result->text);
	outcome_deferred(job, result);
}

static enum queue_step send(struct job *job)
{
	struct attempt_hooks hooks = {before_data, alive, job};
	struct transport_result result;

	if (!job->d->attempt) {
		job->d->attempt = attempt_new(job->d->config, &job->s->host);
		if (!job->d->attempt) {
			log_error("out of memory");
			return QUEUE_IDLE;
		}
	}
	if (job->name < DELIVERY_CLASSES)
		job->d->fresh[job->name] = false;
	switch (attempt_send(job->d->attempt, job->o, &hooks, &result)) {
	case ATTEMPT_DONE:
		outcome_done(job, &result);
		return QUEUE_AGAIN;
	case ATTEMPT_REFUSED:
		return refused(job, &result);
	case ATTEMPT_NOBODY:
		nobody(job, &result);
		return job->name == DELIVERY_RETRY ? QUEUE_AGAIN : QUEUE_IDLE;
	case ATTEMPT_DEFERRED:
		break;
	}
	/* A mail that is put off again and again for what it is must not hold up the others. */
	if (result.about_mail && !job->of_other_ledger && !job->o->in_doubt &&
	    (job->name == DELIVERY_RETRY || (job->o->tries + 1 >= STEP_ASIDE_TRIES &&
					     job->d->newest[job->name] > job->o->done_up_to))) {
		job->o->tries++;
		log_warning("mail %s was put off %" PRIu64 " times and steps aside: %s",
			    job->o->message_id, job->o->tries, result.text);
		outcome_held(job, DELIVERY_DEFERRED, &result);
		return QUEUE_AGAIN;
	}
	outcome_deferred(job, &result);
	return QUEUE_IDLE;
}

static uint64_t aside_due(const struct sender *s, const struct destination *d,
			  const struct delivery_destination *dest, uint64_t now)
{
	const struct delivery_queue *queue = &dest->queues[DELIVERY_RETRY];
	uint64_t due = d->frozen[DELIVERY_RETRY] ? now : SCHEDULE_NEVER;

	for (size_t i = 0; i < dest->n_held; i++) {
		const struct delivery_held *x = &dest->held[i];
		uint64_t at = x->next_try_usec;

		if (x->state == DELIVERY_GIVEN_UP)
			continue;
		if (select_is_due(s, x, now))
			at = now;
		due = at < due ? at : due;
	}
	if (due != SCHEDULE_NEVER && queue->tries > 0 && s->mode == SENDER_FOLLOW)
		due = queue->next_try_usec > due ? queue->next_try_usec : due;
	return due;
}

uint64_t queue_due(const struct sender *s, const struct destination *d,
		   enum delivery_queue_name name, uint64_t now_usec)
{
	const struct delivery_destination *dest = sender_done(s, d);
	struct schedule_queue l = {
		.queue = &dest->queues[name],
		.frozen = d->frozen[name],
		.summary_usec = SCHEDULE_NEVER,
		.interval_usec = s->config->interval_usec,
	};
	uint64_t due;

	if (name == DELIVERY_RETRY)
		return aside_due(s, d, dest, now_usec);
	l.waiting = d->newest[name] > l.queue->done_up_to;
	l.fresh = l.waiting && d->fresh[name];
	if (name == DELIVERY_LOGIN)
		l.summary_usec =
			schedule_summary_due(dest, s->config->repeat_interval_usec, now_usec);
	due = schedule_queue_due(&l, now_usec);
	/* No pause, no back-off. */
	if (s->mode != SENDER_FOLLOW && (l.frozen || l.waiting || l.summary_usec <= now_usec))
		due = now_usec;
	return due;
}

enum queue_step queue_step(struct sender *s, struct destination *d, enum delivery_queue_name name)
{
	struct delivery_destination *dest = sender_done(s, d);
	AUTO_JOB struct job job = {
		.s = s, .d = d, .dest = dest, .queue = &dest->queues[name], .name = name};
	int r;

	/* What failed in this run is for the next one. */
	if (job.queue->tries > 0 && job.queue->last_try_usec >= s->run_usec)
		return QUEUE_IDLE;
	if (queue_due(s, d, name, clock_now()) > clock_now())
		return QUEUE_IDLE;
	spool_name(dest->name, name, job.file);
	job_thaw(&job);
	if (job.o && !adapt(&job))
		return QUEUE_AGAIN;
	if (!job.o) {
		r = make(&job);
		if (r < 0) {
			log_error("%s: no mail can be made: %s",
				  dest->name[0] ? dest->name : "[Mail]", strerror(-r));
			job.queue->tries++;
			job.queue->last_try_usec = clock_now();
			job.queue->next_try_usec =
				job.queue->last_try_usec + schedule_backoff_usec(job.queue->tries);
			return QUEUE_IDLE;
		}
		if (r == 0)
			return QUEUE_IDLE;
	}
	return send(&job);
}
