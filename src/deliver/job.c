/*
 * The making of a queue's mail, from the ledger or from its frozen bytes.
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
#include "deliver/select.h"

void job_freeze(struct job *job)
{
	int r = spool_save(job->s->dirfd, job->file, job->o);

	job->d->frozen[job->name] = true;
	if (r == 0) {
		if (job->d->unsaved[job->name] != job->o)
			(void)spool_free(job->d->unsaved[job->name]);
		job->d->unsaved[job->name] = NULL;
		return;
	}
	/* An alert that waits for room on the disk would be one that an intruder can silence. */
	log_crit("%s cannot be written: %s; the mail is sent from memory", job->file, strerror(-r));
	if (job->d->unsaved[job->name] != job->o)
		(void)spool_free(job->d->unsaved[job->name]);
	job->d->unsaved[job->name] = job->o;
}

void job_drop(struct job *job)
{
	int r;

	if (job->d->unsaved[job->name] == job->o)
		job->d->unsaved[job->name] = NULL;
	job->o = spool_free(job->o);
	job->d->frozen[job->name] = false;
	/* While what was done is not written down, only the frozen mail tells of it. */
	if (job->s->changed)
		return;
	r = spool_remove(job->s->dirfd, job->file);
	if (r < 0)
		log_error("%s cannot be removed: %s", job->file, strerror(-r));
}

void job_done(struct job *job)
{
	if (job->d->unsaved[job->name] != job->o)
		(void)spool_free(job->o);
}

void job_thaw(struct job *job)
{
	char aside[SPOOL_NAME_MAX + 16];
	struct error err;
	int r;

	if (!job->d->frozen[job->name])
		return;
	job->o = job->d->unsaved[job->name];
	if (!job->o) {
		job->d->frozen[job->name] = false;
		r = spool_load(job->s->dirfd, job->file, &job->o, &err);
		if (r == SPOOL_E_DAMAGED) {
			log_error_struct(LOG_ERR, &err);
			(void)snprintf(aside, sizeof(aside), "%s.damaged", job->file);
			(void)renameat(job->s->dirfd, job->file, job->s->dirfd, aside);
		} else if (r < 0) {
			log_error("%s cannot be read: %s", job->file, strerror(-r));
		}
		if (r != 0)
			return;
		if (job->o->queue != job->name || job->o->serial <= job->queue->serial) {
			log_debug("%s was done with already", job->file);
			job->o = spool_free(job->o);
			(void)spool_remove(job->s->dirfd, job->file);
			return;
		}
		job->d->frozen[job->name] = true;
	}
	job->of_other_ledger = strcmp(job->o->ledger_id, job->s->delivery->ledger_id) != 0;
}

int job_add_rcpts(const struct job *job, struct spool_message *o, const struct spool_message *like)
{
	int r = 0;

	if (like && like->one_rcpt) {
		o->one_rcpt = true;
		return spool_add_rcpt(o, like->rcpts[0].addr, SPOOL_OPEN);
	}
	for (size_t i = 0; i < job->d->config->to.n && r == 0; i++)
		r = spool_add_rcpt(o, job->d->config->to.items[i], SPOOL_OPEN);
	return r;
}

static int compose(struct job *job, struct spool_message *o, const struct batch *batch)
{
	char note[256], after[TIMETEXT_MAX];
	bool tell = job->name != DELIVERY_RETRY && job->dest->unreported > 0;

	o->reported = tell ? job->dest->unreported : 0;
	if (tell)
		(void)snprintf(note, sizeof(note),
			       "%" PRIu64
			       " earlier alert%s could not be delivered within %s and "
			       "%s given up. \"loginbell queue\" lists them.",
			       job->dest->unreported, job->dest->unreported == 1 ? "" : "s",
			       timetext_duration(job->s->config->give_up_after_usec, after),
			       job->dest->unreported == 1 ? "was" : "were");
	return compose_mail(o, batch, job->s->config, job->d->config, &job->s->host,
			    tell ? note : NULL, clock_now());
}

static const struct spool_repeat *summary_of(const struct spool_message *o, uint64_t seq)
{
	for (size_t i = 0; i < o->n_repeats; i++)
		if (o->repeats[i].repeats > 0 && o->repeats[i].seq == seq)
			return &o->repeats[i];
	return NULL;
}

/*
 * Makes a mail of the first @n of @batch, which are those of @from, and puts it in the place of
 * job->o. Where it does not fit, half of it, and so on.
 */
static int rebuild(struct job *job, const struct spool_message *from, struct batch *batch, size_t n,
		   enum message_style style)
{
	AUTO_SPOOL_MESSAGE struct spool_message *o = spool_new();
	int r = 0;

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
	o->style = style;
	if (n < batch->n && !summary_of(from, batch->alerts[n].seq))
		o->done_up_to = batch->alerts[n].seq - 1;
	batch_truncate(batch, n);
	for (size_t i = 0; i < n && r == 0; i++) {
		const struct spool_repeat *p = summary_of(from, batch->alerts[i].seq);

		if (p)
			r = spool_add_repeat(o, p->key, p->repeats, p->seq);
		else
			r = spool_add_alert(o, batch->alerts[i].seq);
	}
	/* Windows that begin with the alerts that stayed. */
	for (size_t i = 0; i < from->n_repeats && r == 0; i++)
		for (size_t k = 0; k < n && r == 0 && from->repeats[i].repeats == 0; k++)
			if (batch->alerts[k].seq == from->repeats[i].seq)
				r = spool_add_repeat(o, from->repeats[i].key, 0,
						     from->repeats[i].seq);
	if (r == 0)
		r = job_add_rcpts(job, o, from);
	if (r == 0)
		r = compose(job, o, batch);
	if (r == -E2BIG && n > 1)
		return rebuild(job, o, batch, (n + 1) / 2, style);
	if (r == -E2BIG && style == MESSAGE_FULL)
		return rebuild(job, o, batch, n, MESSAGE_NO_LOGS);
	if (r < 0)
		return r;
	if (job->d->unsaved[job->name] == job->o)
		job->d->unsaved[job->name] = NULL;
	(void)spool_free(job->o);
	job->o = STEAL_PTR(o);
	return 0;
}

int job_remake(struct job *job, enum message_style style, bool half)
{
	AUTO_BATCH struct batch batch = {0};
	int r;

	r = select_again(job->s, job->dest, job->o, &batch);
	if (r < 0)
		return r;
	if (batch.n == 0)
		return 0;
	r = rebuild(job, job->o, &batch, half ? (batch.n + 1) / 2 : batch.n, style);
	if (r < 0)
		return r;
	job_freeze(job);
	return 1;
}

int job_draft(struct job *job, bool *ret_counted)
{
	AUTO_SPOOL_MESSAGE struct spool_message *o = spool_new();
	AUTO_BATCH struct batch batch = {0};
	int r;

	if (!o)
		return -ENOMEM;
	(void)snprintf(o->ledger_id, sizeof(o->ledger_id), "%s", job->s->delivery->ledger_id);
	o->queue = job->name;
	o->serial = job->queue->serial + 1;
	if (job->name == DELIVERY_RETRY) {
		r = select_held(job->s, job->d, job->dest, o, &batch);
	} else {
		o->class = job->name;
		r = select_new(job->s, job->d, job->dest, o, &batch, ret_counted);
	}
	if (r < 0)
		return r;
	if (o->done_up_to > job->s->selected_seq)
		job->s->selected_seq = o->done_up_to;
	if (batch.n == 0) {
		if (job->name != DELIVERY_RETRY && o->done_up_to > job->queue->done_up_to) {
			job->queue->done_up_to = o->done_up_to;
			job->s->changed = true;
		}
		return 0;
	}
	r = rebuild(job, o, &batch, batch.n, MESSAGE_FULL);
	return r < 0 ? r : 1;
}
