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
	int r = outgoing_save(w->s->dirfd, w->file, w->o);

	w->t->frozen[w->name] = true;
	if (r == 0) {
		if (w->t->unsaved[w->name] != w->o)
			(void)outgoing_free(w->t->unsaved[w->name]);
		w->t->unsaved[w->name] = NULL;
		return;
	}
	/* An alert that waits for room on the disk would be one that an intruder can silence. */
	log_crit("%s cannot be written: %s; the mail is sent from memory", w->file, strerror(-r));
	if (w->t->unsaved[w->name] != w->o)
		(void)outgoing_free(w->t->unsaved[w->name]);
	w->t->unsaved[w->name] = w->o;
}

void work_drop(struct work *w)
{
	int r;

	if (w->t->unsaved[w->name] == w->o)
		w->t->unsaved[w->name] = NULL;
	w->o = outgoing_free(w->o);
	w->t->frozen[w->name] = false;
	/* While what was done is not written down, only the frozen mail tells of it. */
	if (w->s->changed)
		return;
	r = outgoing_remove(w->s->dirfd, w->file);
	if (r < 0)
		log_error("%s cannot be removed: %s", w->file, strerror(-r));
}

void work_done(struct work *w)
{
	if (w->t->unsaved[w->name] != w->o)
		(void)outgoing_free(w->o);
}

void work_thaw(struct work *w)
{
	char aside[OUTGOING_NAME_MAX + 16];
	struct error err;
	int r;

	if (!w->t->frozen[w->name])
		return;
	w->o = w->t->unsaved[w->name];
	if (!w->o) {
		w->t->frozen[w->name] = false;
		r = outgoing_load(w->s->dirfd, w->file, &w->o, &err);
		if (r == OUTGOING_E_DAMAGED) {
			log_error_struct(LOG_ERR, &err);
			(void)snprintf(aside, sizeof(aside), "%s.damaged", w->file);
			(void)renameat(w->s->dirfd, w->file, w->s->dirfd, aside);
		} else if (r < 0) {
			log_error("%s cannot be read: %s", w->file, strerror(-r));
		}
		if (r != 0)
			return;
		if (w->o->lane != w->name || w->o->serial <= w->lane->serial) {
			log_debug("%s was done with already", w->file);
			w->o = outgoing_free(w->o);
			(void)outgoing_remove(w->s->dirfd, w->file);
			return;
		}
		w->t->frozen[w->name] = true;
	}
	w->foreign = strcmp(w->o->ledger_id, w->s->delivery->ledger_id) != 0;
}

int work_add_rcpts(const struct work *w, struct outgoing *o, const struct outgoing *like)
{
	int r = 0;

	if (like && like->one_rcpt) {
		o->one_rcpt = true;
		return outgoing_add_rcpt(o, like->rcpts[0].addr, OUTGOING_OPEN);
	}
	for (size_t i = 0; i < w->t->config->to.n && r == 0; i++)
		r = outgoing_add_rcpt(o, w->t->config->to.items[i], OUTGOING_OPEN);
	return r;
}

static int compose(struct work *w, struct outgoing *o, const struct batch *batch)
{
	char note[256], after[TIMETEXT_MAX];
	bool tell = w->name != DELIVERY_ASIDE && w->dest->untold > 0;

	o->noted = tell ? w->dest->untold : 0;
	if (tell)
		(void)snprintf(note, sizeof(note),
			       "%" PRIu64
			       " earlier alert%s could not be delivered within %s and "
			       "%s given up. \"loginbell queue\" lists them.",
			       w->dest->untold, w->dest->untold == 1 ? "" : "s",
			       timetext_duration(w->s->config->give_up_after_usec, after),
			       w->dest->untold == 1 ? "was" : "were");
	return compose_outgoing(o, batch, w->s->config, w->t->config, &w->s->host,
				tell ? note : NULL, sender_now());
}

static const struct outgoing_repeat *summary_of(const struct outgoing *o, uint64_t seq)
{
	for (size_t i = 0; i < o->n_repeats; i++)
		if (o->repeats[i].told > 0 && o->repeats[i].seq == seq)
			return &o->repeats[i];
	return NULL;
}

/*
 * Makes a mail of the first @n of @batch, which are those of @from, and puts it in the place of
 * w->o. Where it does not fit, half of it, and so on.
 */
static int rebuild(struct work *w, const struct outgoing *from, struct batch *batch, size_t n,
		   enum message_style style)
{
	AUTO_OUTGOING struct outgoing *o = outgoing_new();
	int r = 0;

	if (!o)
		return -ENOMEM;
	memcpy(o->ledger_id, from->ledger_id, sizeof(o->ledger_id));
	o->lane = from->lane;
	o->class = from->class;
	o->serial = from->serial;
	o->mark = from->mark;
	o->tries = from->tries;
	o->waited_usec = from->waited_usec;
	o->last_try_usec = from->last_try_usec;
	o->style = style;
	if (n < batch->n && !summary_of(from, batch->alerts[n].seq))
		o->mark = batch->alerts[n].seq - 1;
	batch_truncate(batch, n);
	for (size_t i = 0; i < n && r == 0; i++) {
		const struct outgoing_repeat *p = summary_of(from, batch->alerts[i].seq);

		if (p)
			r = outgoing_add_repeat(o, p->key, p->told, p->seq);
		else
			r = outgoing_add_alert(o, batch->alerts[i].seq);
	}
	/* Windows that begin with the alerts that stayed. */
	for (size_t i = 0; i < from->n_repeats && r == 0; i++)
		for (size_t k = 0; k < n && r == 0 && from->repeats[i].told == 0; k++)
			if (batch->alerts[k].seq == from->repeats[i].seq)
				r = outgoing_add_repeat(o, from->repeats[i].key, 0,
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
	(void)outgoing_free(w->o);
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
	AUTO_OUTGOING struct outgoing *o = outgoing_new();
	AUTO_BATCH struct batch batch = {0};
	int r;

	if (!o)
		return -ENOMEM;
	(void)snprintf(o->ledger_id, sizeof(o->ledger_id), "%s", w->s->delivery->ledger_id);
	o->lane = w->name;
	o->serial = w->lane->serial + 1;
	if (w->name == DELIVERY_ASIDE) {
		r = gather_exceptions(w->s, w->t, w->dest, o, &batch);
	} else {
		o->class = w->name;
		r = gather_new(w->s, w->t, w->dest, o, &batch, ret_counted);
	}
	if (r < 0)
		return r;
	if (o->mark > w->s->gathered_seq)
		w->s->gathered_seq = o->mark;
	if (batch.n == 0) {
		if (w->name != DELIVERY_ASIDE && o->mark > w->lane->mark) {
			w->lane->mark = o->mark;
			w->s->changed = true;
		}
		return 0;
	}
	r = rebuild(w, o, &batch, batch.n, MESSAGE_FULL);
	return r < 0 ? r : 1;
}
