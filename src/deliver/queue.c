/*
 * A lane has at most one mail in the air. It is frozen first, then sent; settle.c writes down what
 * came of it. A mail that the server refuses for its content goes once more without log lines, then
 * in halves, until the one alert that is refused stands alone and steps aside. Where two in a row
 * were refused alone, the server refuses everything, and the whole digest steps aside at once.
 */
#include "deliver/queue.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/timetext.h"
#include "deliver/job.h"
#include "deliver/select.h"
#include "store/schedule.h"
#include "text/message/describe.h"

#define REFUSED_IN_A_ROW 2
#define STEP_ASIDE_TRIES 4 /* 4xx to the mail itself, until others overtake it */

/* Whether the mail has to say how late it is, and the ledger still has all that it tells of. */
static bool is_late(struct work *w)
{
	AUTO_BATCH struct batch batch = {0};
	uint64_t now_usec = sender_now();

	if (gather_again(w->s, w->dest, w->o, &batch) < 0 || batch.n < work_alerts(w->o))
		return false;
	for (size_t i = 0; i < batch.n; i++)
		if (describe_delay(&batch.alerts[i], now_usec) > 0)
			return true;
	return false;
}

/* Makes a mail of what is due. 1; 0 where there is nothing; -errno. */
static int make(struct work *w)
{
	bool counted = false;
	int r = work_draft(w, &counted);

	w->s->changed |= counted;
	if (r <= 0)
		return r;
	/* After a crash the mark moves past them with this mail: they must be counted by then. */
	if (counted)
		sender_save(w->s);
	work_freeze(w);
	return 1;
}

static bool is_configured(const struct work *w, const char *addr)
{
	for (size_t i = 0; i < w->t->config->to.n; i++)
		if (strcmp(w->t->config->to.items[i], addr) == 0)
			return true;
	return false;
}

/* Leaves out who is no longer configured and has it not; gives how many are left to get it. */
static size_t keep_configured(struct work *w)
{
	struct spool_message *o = w->o;
	size_t n = 0;

	for (size_t i = 0; i < o->n_rcpts; i++) {
		if (o->rcpts[i].state == SPOOL_ACCEPTED || is_configured(w, o->rcpts[i].addr))
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
static bool adapt(struct work *w)
{
	static const struct transport_result gone = {
		.text = "the other recipients are configured no more"};
	struct hash128 config = compose_fingerprint(w->s->config, w->t->config);
	bool accepted = spool_count(w->o, SPOOL_ACCEPTED) > 0;
	bool unseen = !w->o->in_doubt && !w->foreign && !accepted;

	if (hash128_eq(config, w->o->config)) {
		if (unseen && !w->o->one_rcpt && is_late(w))
			(void)work_remake(w, w->o->style, false);
		return true;
	}
	if (w->o->one_rcpt) {
		if (is_configured(w, w->o->rcpts[0].addr))
			return true;
		settle_forgotten(w);
		return false;
	}
	if (unseen && work_remake(w, MESSAGE_FULL, false) > 0)
		return true;
	if (keep_configured(w) > 0)
		return true;
	if (accepted) {
		settle_done(w, &gone);
		return false;
	}
	/* In doubt: the same bytes, to those who are to get them now. */
	return work_add_rcpts(w, w->o, NULL) == 0;
}

static int before_data(void *userdata)
{
	struct work *w = userdata;
	int r = 0;

	if (!w->o->in_doubt && w->t->unsaved[w->name] != w->o)
		r = spool_set_doubt(w->s->dirfd, w->file, true);
	/* Only where the process dies now, and the configuration changes, are other bytes sent. */
	if (r < 0)
		log_crit("%s cannot be written: %s; the mail is sent all the same", w->file,
			 strerror(-r));
	w->o->in_doubt = true;
	return 0;
}

static bool alive(void *userdata)
{
	struct work *w = userdata;

	return !w->s->alive || w->s->alive(w->s->userdata);
}

static enum lane_step refused(struct work *w, const struct transport_result *result)
{
	uint64_t n = work_alerts(w->o);
	int r;

	if (w->foreign) {
		settle_foreign(w, result);
		return LANE_AGAIN;
	}
	if (w->o->style == MESSAGE_FULL) {
		log_warning("mail %s was refused, and goes again without log lines: %s",
			    w->o->message_id, result->text);
		r = work_remake(w, MESSAGE_NO_LOGS, false);
	} else if (n > 1 && w->t->refused_in_a_row < REFUSED_IN_A_ROW) {
		log_warning("mail %s with %" PRIu64 " alerts was refused, and is halved: %s",
			    w->o->message_id, n, result->text);
		r = work_remake(w, MESSAGE_FULL, true);
	} else {
		log_error("mail %s with %" PRIu64
			  " alert%s was refused; it is tried again "
			  "hourly: %s",
			  w->o->message_id, n, n == 1 ? "" : "s", result->text);
		w->t->refused_in_a_row++;
		settle_aside(w, DELIVERY_REFUSED, result);
		return LANE_AGAIN;
	}
	if (r > 0)
		return LANE_AGAIN;
	settle_deferred(w, result);
	return LANE_IDLE;
}

/* All recipients were refused or deferred. */
static void nobody(struct work *w, struct transport_result *result)
{
	bool permanent = spool_count(w->o, SPOOL_DEFERRED) == 0;

	for (size_t i = 0; i < w->o->n_rcpts; i++)
		w->o->rcpts[i].state = SPOOL_OPEN;
	if (w->name == DELIVERY_RETRY) {
		settle_aside(w, permanent ? DELIVERY_REFUSED : DELIVERY_DEFERRED, result);
		return;
	}
	/* Nobody is held up by that: there is nobody else. It is soon seen when it is put right. */
	if (permanent)
		log_error("all recipients were refused: %s", result->text);
	settle_deferred(w, result);
}

static enum lane_step send(struct work *w)
{
	struct carrier_hooks hooks = {before_data, alive, w};
	struct transport_result result;

	if (!w->t->carrier) {
		w->t->carrier = carrier_new(w->t->config, &w->s->host);
		if (!w->t->carrier) {
			log_error("out of memory");
			return LANE_IDLE;
		}
	}
	if (w->name < DELIVERY_CLASSES)
		w->t->fresh[w->name] = false;
	switch (carrier_send(w->t->carrier, w->o, &hooks, &result)) {
	case CARRIER_DONE:
		settle_done(w, &result);
		return LANE_AGAIN;
	case CARRIER_REFUSED:
		return refused(w, &result);
	case CARRIER_NOBODY:
		nobody(w, &result);
		return w->name == DELIVERY_RETRY ? LANE_AGAIN : LANE_IDLE;
	case CARRIER_DEFERRED:
		break;
	}
	/* A mail that is put off again and again for what it is must not hold up the others. */
	if (result.about_mail && !w->foreign && !w->o->in_doubt &&
	    (w->name == DELIVERY_RETRY ||
	     (w->o->tries + 1 >= STEP_ASIDE_TRIES && w->t->newest[w->name] > w->o->done_up_to))) {
		w->o->tries++;
		log_warning("mail %s was put off %" PRIu64 " times and steps aside: %s",
			    w->o->message_id, w->o->tries, result.text);
		settle_aside(w, DELIVERY_DEFERRED, &result);
		return LANE_AGAIN;
	}
	settle_deferred(w, &result);
	return LANE_IDLE;
}

static uint64_t aside_due(const struct sender *s, const struct target *t,
			  const struct delivery_destination *dest, uint64_t now)
{
	const struct delivery_queue *lane = &dest->queues[DELIVERY_RETRY];
	uint64_t due = t->frozen[DELIVERY_RETRY] ? now : SCHEDULE_NEVER;

	for (size_t i = 0; i < dest->n_held; i++) {
		const struct delivery_held *x = &dest->held[i];
		uint64_t at = x->next_try_usec;

		if (x->state == DELIVERY_GIVEN_UP)
			continue;
		if (gather_is_due(s, x, now))
			at = now;
		due = at < due ? at : due;
	}
	if (due != SCHEDULE_NEVER && lane->tries > 0 && s->mode == SENDER_FOLLOW)
		due = lane->next_try_usec > due ? lane->next_try_usec : due;
	return due;
}

uint64_t lane_due(const struct sender *s, const struct target *t, enum delivery_queue_name name,
		  uint64_t now_usec)
{
	const struct delivery_destination *dest = sender_done(s, t);
	struct schedule_queue l = {
		.queue = &dest->queues[name],
		.frozen = t->frozen[name],
		.summary_usec = SCHEDULE_NEVER,
		.interval_usec = s->config->interval_usec,
	};
	uint64_t due;

	if (name == DELIVERY_RETRY)
		return aside_due(s, t, dest, now_usec);
	l.waiting = t->newest[name] > l.queue->done_up_to;
	l.fresh = l.waiting && t->fresh[name];
	if (name == DELIVERY_LOGIN)
		l.summary_usec =
			schedule_summary_due(dest, s->config->repeat_interval_usec, now_usec);
	due = schedule_queue_due(&l, now_usec);
	/* No pause, no back-off. */
	if (s->mode != SENDER_FOLLOW && (l.frozen || l.waiting || l.summary_usec <= now_usec))
		due = now_usec;
	return due;
}

enum lane_step lane_step(struct sender *s, struct target *t, enum delivery_queue_name name)
{
	struct delivery_destination *dest = sender_done(s, t);
	AUTO_WORK struct work w = {
		.s = s, .t = t, .dest = dest, .lane = &dest->queues[name], .name = name};
	int r;

	/* What failed in this run is for the next one. */
	if (w.lane->tries > 0 && w.lane->last_try_usec >= s->run_usec)
		return LANE_IDLE;
	if (lane_due(s, t, name, sender_now()) > sender_now())
		return LANE_IDLE;
	spool_name(dest->name, name, w.file);
	work_thaw(&w);
	if (w.o && !adapt(&w))
		return LANE_AGAIN;
	if (!w.o) {
		r = make(&w);
		if (r < 0) {
			log_error("%s: no mail can be made: %s",
				  dest->name[0] ? dest->name : "[Mail]", strerror(-r));
			w.lane->tries++;
			w.lane->last_try_usec = sender_now();
			w.lane->next_try_usec =
				w.lane->last_try_usec + schedule_backoff_usec(w.lane->tries);
			return LANE_IDLE;
		}
		if (r == 0)
			return LANE_IDLE;
	}
	return send(&w);
}
