/*
 * A queue has at most one frozen message. One that the server refuses for its content is sent again
 * without log lines, then in halves, until the one refused alert is alone and is held in the retry
 * queue. After two such alerts in a row the server seems to refuse everything, and all alerts of
 * the message go there at once.
 */
#include "deliver/queue.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "deliver/content.h"
#include "deliver/job.h"
#include "deliver/outcome.h"
#include "deliver/retry.h"
#include "deliver/select.h"
#include "store/schedule.h"
#include "text/message/batch.h"
#include "text/message/describe.h"

#define REFUSED_IN_A_ROW 2
#define HOLD_TRIES	 4 /* after so many 4xx to a message itself others overtake it */

/* Whether the message should now say how late it is, and can: the ledger has all its alerts. */
static bool is_late(const struct job *job)
{
	AUTO_BATCH struct batch batch = {0};
	uint64_t now_usec = clock_now();

	if (select_again(job->s, job->d, job->o, &batch) < 0 || batch.n < job_alerts(job->o))
		return false;
	for (size_t i = 0; i < batch.n; i++)
		if (describe_delay(&batch.alerts[i], now_usec) > 0)
			return true;
	return false;
}

/* Drops recipients that lack the message and are not configured; how many still lack it. */
static size_t keep_configured(struct job *job)
{
	struct spool_message *o = job->o;
	size_t n = 0;

	for (size_t i = 0; i < o->n_rcpts; i++) {
		if (o->rcpts[i].state == SPOOL_ACCEPTED ||
		    view_has_rcpt(job->d->config, o->rcpts[i].addr)) {
			o->rcpts[n++] = o->rcpts[i];
			continue;
		}
		log_notice("message %s: recipient %s is no longer configured", o->message_id,
			   o->rcpts[i].addr);
		free(o->rcpts[i].addr);
	}
	o->n_rcpts = n;
	return spool_count(o, SPOOL_OPEN);
}

/*
 * Whoever can write to the spool could name any recipient, so only configured ones are used. False:
 * the message is done with.
 */
static bool check_rcpts(struct job *job)
{
	static const struct transport_result gone = {
		.text = "the other recipients are no longer configured"};

	if (keep_configured(job) > 0)
		return true;
	if (spool_count(job->o, SPOOL_ACCEPTED) > 0)
		outcome_done(job, &gone);
	else if (job->of_other_ledger && !job->o->one_rcpt)
		/* It cannot be made again from this ledger. */
		return job_add_rcpts(job, job->o) == 0;
	else
		outcome_forgotten(job);
	return false;
}

/*
 * Since the message was frozen, the configuration may have changed, and it may be later than it
 * says. It is made again if no recipient can have it yet.
 */
static void update(struct job *job)
{
	bool unseen = !job->o->in_doubt && !job->of_other_ledger && !job->o->one_rcpt &&
		      spool_count(job->o, SPOOL_ACCEPTED) == 0;
	struct hash128 settings;

	if (!unseen)
		return;
	settings = content_settings(job->s->config, job->d->config);
	if (!hash128_eq(settings, job->o->config))
		(void)job_remake(job, MESSAGE_FULL, JOB_WHOLE);
	else if (is_late(job))
		(void)job_remake(job, job->o->style, JOB_WHOLE);
}

static int before_data(void *userdata)
{
	struct job *job = userdata;
	int r = 0;

	if (!job->o->in_doubt && job->state->unsaved != job->o)
		r = spool_set_doubt(job->s->dirfd, job->file, true);
	/* Other bytes are sent only if the process dies now and the configuration changes. */
	if (r < 0)
		log_crit("%s cannot be written: %s; the message is sent anyway", job->file,
			 strerror(-r));
	job->o->in_doubt = true;
	return 0;
}

static bool alive(void *userdata)
{
	const struct job *job = userdata;

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
		log_warning("message %s was refused; it is sent again without log lines: %s",
			    job->o->message_id, result->text);
		r = job_remake(job, MESSAGE_NO_LOGS, JOB_WHOLE);
	} else if (n > 1 && job->d->refused_in_a_row < REFUSED_IN_A_ROW) {
		log_warning("message %s with %" PRIu64
			    " alerts was refused; it is sent in halves: %s",
			    job->o->message_id, n, result->text);
		r = job_remake(job, MESSAGE_FULL, JOB_HALF);
	} else {
		log_error("message %s with %" PRIu64
			  " alert%s was refused; it is tried again hourly: %s",
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
static enum queue_step accepted_by_none(struct job *job, const struct transport_result *result)
{
	bool permanent = spool_count(job->o, SPOOL_DEFERRED) == 0;

	for (size_t i = 0; i < job->o->n_rcpts; i++)
		job->o->rcpts[i].state = SPOOL_OPEN;
	if (job->queue_id == DELIVERY_RETRY) {
		outcome_held(job, permanent ? DELIVERY_REFUSED : DELIVERY_DEFERRED, result);
		return QUEUE_AGAIN;
	}
	/* No other recipient is waiting, so it is retried soon. */
	if (permanent)
		log_error("all recipients were refused: %s", result->text);
	outcome_deferred(job, result);
	return QUEUE_IDLE;
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
	job->state->fresh = false;
	switch (attempt_send(job->d->attempt, job->o, &hooks, &result)) {
	case ATTEMPT_DONE:
		outcome_done(job, &result);
		return QUEUE_AGAIN;
	case ATTEMPT_REFUSED:
		return refused(job, &result);
	case ATTEMPT_NOBODY:
		return accepted_by_none(job, &result);
	case ATTEMPT_DEFERRED:
		break;
	}
	/* A message that is deferred again and again for its content must not delay others. */
	if (result.about_mail && !job->of_other_ledger && !job->o->in_doubt &&
	    (job->queue_id == DELIVERY_RETRY ||
	     (job->o->tries + 1 >= HOLD_TRIES && job->state->newest > job->o->done_up_to))) {
		job->o->tries++;
		log_warning("message %s was deferred %" PRIu64 " times; others overtake it: %s",
			    job->o->message_id, job->o->tries, result.text);
		outcome_held(job, DELIVERY_DEFERRED, &result);
		return QUEUE_AGAIN;
	}
	outcome_deferred(job, &result);
	return QUEUE_IDLE;
}

uint64_t queue_due(const struct sender *s, const struct destination *d,
		   enum delivery_queue_id queue_id, uint64_t now_usec)
{
	const struct view_queue q = state_queue(s, d, queue_id);

	return view_queue_due(&q, now_usec);
}

/* Makes and freezes a message of what is due. 1; 0 if there is nothing; -errno. */
static int make(struct job *job)
{
	bool counted;
	int r = job_draft(job, &counted);

	job->s->changed |= counted;
	if (r > 0) {
		/* The progress that is frozen with the message includes the counted repeats. */
		if (counted)
			state_save(job->s);
		job_freeze(job);
	}
	return r;
}

static void make_failed(struct job *job, int r)
{
	struct delivery_queue *queue = job->queue;

	log_error("%s: no message can be made: %s", destination_name(job->d->progress->name),
		  strerror(-r));
	queue->tries++;
	queue->last_try_usec = clock_now();
	queue->next_try_usec = queue->last_try_usec + schedule_backoff_usec(queue->tries);
}

enum queue_step queue_step(struct sender *s, struct destination *d, enum delivery_queue_id queue_id)
{
	AUTO_JOB struct job job;
	uint64_t now = clock_now();
	int r;

	job_init(&job, s, d, queue_id);
	/* What failed in this run is left to the next one. */
	if (job.queue->tries > 0 && job.queue->last_try_usec >= s->run.begin_usec)
		return QUEUE_IDLE;
	if (queue_due(s, d, queue_id, now) > now)
		return QUEUE_IDLE;
	job_thaw(&job);
	if (job.o) {
		update(&job);
		if (!check_rcpts(&job))
			return QUEUE_AGAIN;
	} else {
		r = make(&job);
		if (r < 0)
			make_failed(&job, r);
		if (r <= 0)
			return QUEUE_IDLE;
	}
	return send(&job);
}
