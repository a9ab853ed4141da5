/*
 * A message that does not fit its size limit is made of fewer alerts, and at last without log
 * lines.
 *
 * A message that is made again keeps its number, since no recipient has seen it. If that is in
 * doubt, it gets the next number, so that no two messages share one.
 */
#include "deliver/job.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/timetext.h"
#include "deliver/content.h"
#include "deliver/select.h"

void job_init(struct job *job, struct sender *s, struct destination *d,
	      enum delivery_queue_id queue_id)
{
	*job = (struct job){.s = s,
			    .d = d,
			    .queue_id = queue_id,
			    .queue = &d->progress->queues[queue_id],
			    .state = &d->queues[queue_id]};
	spool_name(d->progress->name, queue_id, job->file);
}

static void free_message(struct job *job)
{
	if (job->state->unsaved != job->o)
		(void)spool_free(job->o);
	job->o = NULL;
}

void job_done(struct job *job)
{
	free_message(job);
}

uint64_t job_alerts(const struct spool_message *o)
{
	uint64_t n = 0;

	for (size_t i = 0; i < o->n_ranges; i++)
		n += o->ranges[i].last - o->ranges[i].first + 1;
	for (size_t i = 0; i < o->n_repeats; i++)
		n += o->repeats[i].repeats > 0;
	return n;
}

void job_freeze(struct job *job)
{
	int r = spool_save(job->s->dirfd, job->file, job->o);

	/* An alert that waits for room on the disk would be one that an intruder can silence. */
	if (r < 0)
		log_crit("%s cannot be written: %s; the message is sent from memory", job->file,
			 strerror(-r));
	job->state->frozen = true;
	if (job->state->unsaved != job->o)
		(void)spool_free(job->state->unsaved);
	job->state->unsaved = r < 0 ? job->o : NULL;
}

void job_drop(struct job *job)
{
	int r;

	if (job->state->unsaved == job->o)
		job->state->unsaved = NULL;
	job->o = spool_free(job->o);
	job->state->frozen = false;
	/* Until "delivery" is saved, the frozen message is the only record of what was done. */
	if (job->s->changed)
		return;
	r = spool_remove(job->s->dirfd, job->file);
	if (r < 0)
		log_error("%s cannot be removed: %s", job->file, strerror(-r));
}

void job_thaw(struct job *job)
{
	char damaged[SPOOL_NAME_MAX + 16];
	struct error err;
	int r;

	if (!job->state->frozen)
		return;
	job->o = job->state->unsaved;
	if (!job->o) {
		job->state->frozen = false;
		r = spool_load(job->s->dirfd, job->file, &job->o, &err);
		if (r == SPOOL_E_DAMAGED) {
			log_error_struct(LOG_ERR, &err);
			(void)snprintf(damaged, sizeof(damaged), "%s.damaged", job->file);
			(void)renameat(job->s->dirfd, job->file, job->s->dirfd, damaged);
		} else if (r < 0) {
			log_error("%s cannot be read: %s", job->file, strerror(-r));
		}
		if (r != 0)
			return;
		if (job->o->queue != job->queue_id || job->o->serial <= job->queue->serial) {
			log_debug("%s is done already", job->file);
			job->o = spool_free(job->o);
			(void)spool_remove(job->s->dirfd, job->file);
			return;
		}
		job->state->frozen = true;
	}
	job->of_other_ledger = strcmp(job->o->ledger_id, job->s->delivery->ledger_id) != 0;
}

int job_add_rcpts(const struct job *job, struct spool_message *o)
{
	const struct config_destination *config = job->d->config;
	int r = 0;

	for (size_t i = 0; i < config->to.n && r == 0 && !o->one_rcpt; i++)
		r = spool_add_rcpt(o, config->to.items[i], SPOOL_OPEN);
	return r;
}

/* The next message of the destination reports alerts that were given up. */
static int compose(struct job *job, struct spool_message *o, const struct batch *batch)
{
	char note[256], after[TIMETEXT_MAX];
	uint64_t n = job->queue_id != DELIVERY_RETRY ? job->d->progress->unreported : 0;

	o->reported = n;
	if (n > 0)
		(void)snprintf(note, sizeof(note),
			       "%" PRIu64
			       " earlier alert%s could not be delivered within %s and "
			       "%s given up. \"loginbell queue\" lists them.",
			       n, n == 1 ? "" : "s",
			       timetext_duration(job->s->config->give_up_after_usec, after),
			       n == 1 ? "was" : "were");
	return content_compose(o, batch, job->s->config, job->d->config, &job->s->host,
			       n > 0 ? note : NULL, clock_now());
}

static const struct spool_repeat *summary_of(const struct spool_message *o, uint64_t seq)
{
	for (size_t i = 0; i < o->n_repeats; i++)
		if (o->repeats[i].repeats > 0 && o->repeats[i].seq == seq)
			return &o->repeats[i];
	return NULL;
}

/* Copies from @from what concerns the first @n alerts of @batch. */
static int copy_alerts(struct spool_message *o, const struct spool_message *from,
		       const struct batch *batch, size_t n)
{
	int r = 0;

	for (size_t i = 0; i < n && r == 0; i++) {
		const struct spool_repeat *p = summary_of(from, batch->alerts[i].seq);

		if (p)
			r = spool_add_repeat(o, p->key, p->repeats, p->seq);
		else
			r = spool_add_alert(o, batch->alerts[i].seq);
	}
	/* Windows that begin with these alerts. */
	for (size_t i = 0; i < from->n_repeats && r == 0; i++)
		for (size_t k = 0; k < n && r == 0 && from->repeats[i].repeats == 0; k++)
			if (batch->alerts[k].seq == from->repeats[i].seq)
				r = spool_add_repeat(o, from->repeats[i].key, 0,
						     from->repeats[i].seq);
	return r;
}

/*
 * Makes a message of the first @n alerts of @batch, which are those of @from, in place of job->o.
 * If it does not fit, of half of them, and so on.
 */
static int rebuild(struct job *job, const struct spool_message *from, struct batch *batch, size_t n,
		   enum message_style style)
{
	AUTO_SPOOL_MESSAGE struct spool_message *o = spool_new();
	int r;

	if (!o)
		return -ENOMEM;
	memcpy(o->ledger_id, from->ledger_id, sizeof(o->ledger_id));
	o->queue = from->queue;
	o->class = from->class;
	o->serial = from->serial;
	o->done_up_to = from->done_up_to;
	o->tries = from->tries;
	o->waited_usec = from->waited_usec;
	o->last_try_usec = from->last_try_usec;
	o->one_rcpt = from->one_rcpt;
	o->sequence = from->sequence;
	if (from->in_doubt || o->sequence == 0)
		o->sequence = job->d->progress->sequence + 1;
	o->style = style;
	if (n < batch->n && !summary_of(from, batch->alerts[n].seq))
		o->done_up_to = batch->alerts[n].seq - 1;
	batch_truncate(batch, n);
	r = copy_alerts(o, from, batch, n);
	if (r == 0 && o->one_rcpt)
		r = spool_add_rcpt(o, from->rcpts[0].addr, SPOOL_OPEN);
	if (r == 0)
		r = job_add_rcpts(job, o);
	if (r == 0)
		r = compose(job, o, batch);
	if (r == -E2BIG && n > 1)
		return rebuild(job, o, batch, (n + 1) / 2, style);
	if (r == -E2BIG && style == MESSAGE_FULL)
		return rebuild(job, o, batch, n, MESSAGE_NO_LOGS);
	if (r < 0)
		return r;
	if (o->sequence > job->d->progress->sequence)
		job->d->progress->sequence = o->sequence;
	if (job->state->unsaved == job->o)
		job->state->unsaved = NULL;
	(void)spool_free(job->o);
	job->o = STEAL_PTR(o);
	return 0;
}

int job_remake(struct job *job, enum message_style style, enum job_part part)
{
	AUTO_BATCH struct batch batch = {0};
	int r;

	r = select_again(job->s, job->d, job->o, &batch);
	if (r < 0)
		return r;
	if (batch.n == 0)
		return 0;
	r = rebuild(job, job->o, &batch, part == JOB_HALF ? (batch.n + 1) / 2 : batch.n, style);
	if (r < 0)
		return r;
	job_freeze(job);
	return 1;
}

int job_draft(struct job *job, bool *ret_counted)
{
	AUTO_SPOOL_MESSAGE struct spool_message *o = spool_new();
	AUTO_BATCH struct batch batch = {0};
	struct tail *tail = &job->s->tail;
	int r;

	if (!o)
		return -ENOMEM;
	*ret_counted = false;
	memcpy(o->ledger_id, job->s->delivery->ledger_id, sizeof(o->ledger_id));
	o->queue = job->queue_id;
	o->serial = job->queue->serial + 1;
	if (job->queue_id == DELIVERY_RETRY) {
		r = select_held(job->s, job->d, o, &batch);
	} else {
		o->class = job->queue_id;
		r = select_new(job->s, job->d, o, &batch, ret_counted);
	}
	if (r < 0)
		return r;
	if (o->done_up_to > tail->selected_seq)
		tail->selected_seq = o->done_up_to;
	if (batch.n == 0) {
		if (job->queue_id != DELIVERY_RETRY && o->done_up_to > job->queue->done_up_to) {
			job->queue->done_up_to = o->done_up_to;
			job->s->changed = true;
		}
		return 0;
	}
	r = rebuild(job, o, &batch, batch.n, MESSAGE_FULL);
	return r < 0 ? r : 1;
}
