/*
 * The making of a lane's mail, from the ledger or from its frozen bytes.
 */
#include "deliver/job.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/timetext.h"
#include "deliver/select.h"

void work_freeze(struct work *w)
{
	int r = spool_save(w->s->dirfd, w->file, w->o);

	w->t->frozen[w->name] = true;
	if (r == 0) {
		if (w->t->unsaved[w->name] != w->o)
			(void)spool_free(w->t->unsaved[w->name]);
		w->t->unsaved[w->name] = NULL;
		return;
	}
	/* An alert that waits for room on the disk would be one that an intruder can silence. */
	log_crit("%s cannot be written: %s; the mail is sent from memory", w->file, strerror(-r));
	if (w->t->unsaved[w->name] != w->o)
		(void)spool_free(w->t->unsaved[w->name]);
	w->t->unsaved[w->name] = w->o;
}

void work_drop(struct work *w)
{
	int r;

	if (w->t->unsaved[w->name] == w->o)
		w->t->unsaved[w->name] = NULL;
	w->o = spool_free(w->o);
	w->t->frozen[w->name] = false;
	/* While what was done is not written down, only the frozen mail tells of it. */
	if (w->s->changed)
		return;
	r = spool_remove(w->s->dirfd, w->file);
	if (r < 0)
		log_error("%s cannot be removed: %s", w->file, strerror(-r));
}

void work_done(struct work *w)
{
	if (w->t->unsaved[w->name] != w->o)
		(void)spool_free(w->o);
}

void work_thaw(struct work *w)
{
	char aside[SPOOL_NAME_MAX + 16];
	struct error err;
	int r;

	if (!w->t->frozen[w->name])
		return;
	w->o = w->t->unsaved[w->name];
	if (!w->o) {
		w->t->frozen[w->name] = false;
		r = spool_load(w->s->dirfd, w->file, &w->o, &err);
		if (r == SPOOL_E_DAMAGED) {
			log_error_struct(LOG_ERR, &err);
			(void)snprintf(aside, sizeof(aside), "%s.damaged", w->file);
			(void)renameat(w->s->dirfd, w->file, w->s->dirfd, aside);
		} else if (r < 0) {
			log_error("%s cannot be read: %s", w->file, strerror(-r));
		}
		if (r != 0)
			return;
		if (w->o->queue != w->name || w->o->serial <= w->lane->serial) {
			log_debug("%s was done with already", w->file);
			w->o = spool_free(w->o);
			(void)spool_remove(w->s->dirfd, w->file);
			return;
		}
		w->t->frozen[w->name] = true;
	}
	w->foreign = strcmp(w->o->ledger_id, w->s->delivery->ledger_id) != 0;
}

int work_add_rcpts(const struct work *w, struct spool_message *o, const struct spool_message *like)
{
	int r = 0;

	if (like && like->one_rcpt) {
		o->one_rcpt = true;
		return spool_add_rcpt(o, like->rcpts[0].addr, SPOOL_OPEN);
	}
	for (size_t i = 0; i < w->t->config->to.n && r == 0; i++)
		r = spool_add_rcpt(o, w->t->config->to.items[i], SPOOL_OPEN);
	return r;
}

static int compose(struct work *w, struct spool_message *o, const struct batch *batch)
{
	char note[256], after[TIMETEXT_MAX];
	bool tell = w->name != DELIVERY_RETRY && w->dest->unreported > 0;

	o->reported = tell ? w->dest->unreported : 0;
	if (tell)
		(void)snprintf(note, sizeof(note),
			       "%" PRIu64
			       " earlier alert%s could not be delivered within %s and "
			       "%s given up. \"loginbell queue\" lists them.",
			       w->dest->unreported, w->dest->unreported == 1 ? "" : "s",
			       timetext_duration(w->s->config->give_up_after_usec, after),
			       w->dest->unreported == 1 ? "was" : "were");
	return compose_mail(o, batch, w->s->config, w->t->config, &w->s->host, tell ? note : NULL,
			    sender_now());
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
 * w->o. Where it does not fit, half of it, and so on.
 */
static int rebuild(struct work *w, const struct spool_message *from, struct batch *batch, size_t n,
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
		r = work_add_rcpts(w, o, from);
	if (r == 0)
		r = compose(w, o, batch);
	if (r == -E2BIG && n > 1)
		return rebuild(w, o, batch, (n + 1) / 2, style);
	if (r == -E2BIG && style == MESSAGE_FULL)
		return rebuild(w, o, batch, n, MESSAGE_NO_LOGS);
	if (r < 0)
		return r;
	if (w->t->unsaved[w->name] == w->o)
		w->t->unsaved[w->name] = NULL;
	(void)spool_free(w->o);
	w->o = STEAL_PTR(o);
	return 0;
}

int work_remake(struct work *w, enum message_style style, bool half)
{
	AUTO_BATCH struct batch batch = {0};
	int r;

	r = gather_again(w->s, w->dest, w->o, &batch);
	if (r < 0)
		return r;
	if (batch.n == 0)
		return 0;
	r = rebuild(w, w->o, &batch, half ? (batch.n + 1) / 2 : batch.n, style);
	if (r < 0)
		return r;
	work_freeze(w);
	return 1;
}

int work_draft(struct work *w, bool *ret_counted)
{
	AUTO_SPOOL_MESSAGE struct spool_message *o = spool_new();
	AUTO_BATCH struct batch batch = {0};
	int r;

	if (!o)
		return -ENOMEM;
	(void)snprintf(o->ledger_id, sizeof(o->ledger_id), "%s", w->s->delivery->ledger_id);
	o->queue = w->name;
	o->serial = w->lane->serial + 1;
	if (w->name == DELIVERY_RETRY) {
		r = gather_exceptions(w->s, w->t, w->dest, o, &batch);
	} else {
		o->class = w->name;
		r = gather_new(w->s, w->t, w->dest, o, &batch, ret_counted);
	}
	if (r < 0)
		return r;
	if (o->done_up_to > w->s->gathered_seq)
		w->s->gathered_seq = o->done_up_to;
	if (batch.n == 0) {
		if (w->name != DELIVERY_RETRY && o->done_up_to > w->lane->done_up_to) {
			w->lane->done_up_to = o->done_up_to;
			w->s->changed = true;
		}
		return 0;
	}
	r = rebuild(w, o, &batch, batch.n, MESSAGE_FULL);
	return r < 0 ? r : 1;
}
