/*
 * Dropping goes in an order that may break off anywhere and be done again: "delivery" first says
 * that the alert does not wait, then the frozen mails that tell of it are made anew without it, or
 * go. A frozen mail that some server may have goes again as the same bytes, or not at all: where it
 * tells of other alerts too, dropping one of them is refused.
 */
#include "deliver/admin.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "deliver/job.h"
#include "deliver/signals.h"
#include "store/file.h"
#include "store/request.h"

#define LIMIT_MSEC 30000
#define TICK_MSEC  50

const char *requests_destination(const struct delivery_destination *dest)
{
	return dest->name[0] ? dest->name : "[Mail]";
}

/* What is done with one alert: its number and class, and the answer. */
struct job {
	struct sender *s;
	const char *id;
	uint64_t seq; /* 0: the ledger has it not */
	enum alert_kind kind;
	enum delivery_queue_name class;
	bool mailed;	/* before the ledger took it */
	char to[600];	/* the destinations that were changed */
	char text[700]; /* the answer */
};

/* Finds the alert in the ledger. -errno. */
static int find(struct job *job)
{
	struct ledger_reader *reader = NULL;
	struct error err;
	struct alert a;
	int r = ledger_reader_open(job->s->dirfd, 0, &reader, &err);

	if (r < 0)
		return r;
	while ((r = ledger_reader_next(reader, &a)) > 0) {
		if (r == LEDGER_E_REPLACED || !slice_eq_str(a.id, job->id))
			continue;
		job->seq = a.seq;
		job->kind = a.kind;
		job->class = delivery_class(a.kind);
		job->mailed = a.mailed;
	}
	(void)ledger_reader_free(reader);
	return r;
}

static void changed(struct job *job, struct delivery_destination *dest, bool was_given_up)
{
	size_t n = strlen(job->to);

	if (was_given_up && dest->unreported > 0)
		dest->unreported--;
	job->s->changed = true;
	/* More names than fit are left out. */
	(void)snprintf(job->to + n, sizeof(job->to) - n, "%s%s", n ? ", " : "",
		       requests_destination(dest));
}

static int retry(struct job *job)
{
	for (size_t i = 0; i < job->s->n_targets; i++) {
		struct target *t = &job->s->targets[i];
		struct delivery_destination *dest = sender_done(job->s, t);
		int r = delivery_retry(dest, job->class, job->seq, sender_now());

		if (r < 0)
			return r;
		if (r == 0)
			continue;
		changed(job, dest, true);
		/* No wait of another mail's, and none that would count as this one's. */
		if (!t->frozen[DELIVERY_RETRY])
			dest->queues[DELIVERY_RETRY].tries = 0;
	}
	if (!job->to[0]) {
		(void)snprintf(job->text, sizeof(job->text), "it was not given up");
		return 0;
	}
	job->s->retried = true;
	(void)snprintf(job->text, sizeof(job->text), "tried again: %s", job->to);
	return 1;
}

/*
 * Goes over the frozen mails that tell of the alert: with @take out of each, else only to look.
 * -EBUSY where one of them has to stay as it is.
 */
static int over_frozen(struct job *job, bool take)
{
	const enum delivery_queue_name lanes[] = {job->class, DELIVERY_RETRY};
	struct sender *s = job->s;

	for (size_t i = 0; i < s->n_targets * ARRAY_SIZE(lanes); i++) {
		struct target *t = &s->targets[i / ARRAY_SIZE(lanes)];
		AUTO_WORK struct work w = {.s = s,
					   .t = t,
					   .dest = sender_done(s, t),
					   .name = lanes[i % ARRAY_SIZE(lanes)]};
		int r;

		w.lane = &w.dest->queues[w.name];
		spool_name(w.dest->name, w.name, w.file);
		work_thaw(&w);
		if (!w.o || w.foreign || w.o->class != job->class ||
		    !spool_has_alert(w.o, job->seq))
			continue;
		if (!take) {
			if (work_alerts(w.o) > 1 &&
			    (w.o->in_doubt || spool_count(w.o, SPOOL_ACCEPTED) > 0))
				return -EBUSY;
			continue;
		}
		r = spool_remove_alert(w.o, job->seq);
		if (r < 0)
			return r;
		if (work_alerts(w.o) == 0) {
			settle_dropped(&w);
			continue;
		}
		r = work_remake(&w, w.o->style, false);
		if (r < 0)
			return r;
		if (r == 0)
			log_error("%s: the ledger has its alerts no more; it goes as it is",
				  w.file);
	}
	return 0;
}

/* Whether it waits for the destination, or was given up. */
static bool is_queued(const struct job *job, const struct target *t,
		      const struct delivery_destination *dest, bool *ret_given_up)
{
	enum delivery_state state = delivery_state_of(dest, job->kind, job->seq);

	*ret_given_up = state == DELIVERY_GIVEN_UP;
	if (state == DELIVERY_WAITING)
		return ((t->config->events >> job->kind) & 1) && !job->mailed;
	return state != DELIVERY_DONE;
}

static int drop(struct job *job)
{
	struct sender *s = job->s;
	int r = over_frozen(job, false);

	if (r == -EBUSY) {
		(void)snprintf(job->text, sizeof(job->text),
			       "the mail that tells of it and of others may have been taken by a "
			       "server already; it has to go again as it is");
		return 0;
	}
	for (size_t i = 0; i < s->n_targets && r == 0; i++) {
		struct delivery_destination *dest = sender_done(s, &s->targets[i]);
		bool given_up;

		if (!is_queued(job, &s->targets[i], dest, &given_up))
			continue;
		r = delivery_drop(dest, job->class, job->seq);
		changed(job, dest, given_up);
	}
	if (s->changed)
		sender_save(s);
	if (r == 0 && s->changed)
		r = -EIO; /* told already */
	if (r == 0)
		r = over_frozen(job, true);
	if (r < 0)
		return r;
	if (!job->to[0]) {
		(void)snprintf(job->text, sizeof(job->text), "it does not wait to be mailed");
		return 0;
	}
	(void)snprintf(job->text, sizeof(job->text), "dropped: %s", job->to);
	return 1;
}

/* 1 where it was done, 0 where it was refused (both answered), -errno. */
static int apply(struct sender *s, const struct request *q)
{
	struct job job = {.s = s, .id = q->id, .text = "the ledger has it no more"};
	int r = find(&job), k;

	if (r == 0 && job.seq > 0)
		r = q->kind == REQUEST_RETRY ? retry(&job) : drop(&job);
	if (r >= 0 && s->changed)
		sender_save(s);
	/* What is not written down is not answered, and asked for again in the next run. */
	if (r >= 0 && s->changed)
		r = -EIO;
	if (r < 0) {
		log_error("%s alert %s, as asked for: %s", request_kind_text(q->kind), q->id,
			  strerror(-r));
		return r;
	}
	log_notice("asked to %s alert %s: %s", request_kind_text(q->kind), q->id, job.text);
	k = request_answer(s->dirfd, q, r > 0, job.text);
	if (k < 0)
		log_error("the answer to a request cannot be written: %s", strerror(-k));
	return r;
}

int requests_apply(struct sender *s)
{
	struct request *list = NULL;
	size_t n = 0;
	bool any = false;
	int r = request_list(s->dirfd, sender_now(), &list, &n);

	if (r < 0)
		log_error("the state directory cannot be listed: %s", strerror(-r));
	for (size_t i = 0; i < n; i++)
		any |= apply(s, &list[i]) > 0 && list[i].kind == REQUEST_DROP;
	free(list);
	return any;
}

int requests_wait(int dirfd, int *ret_lock)
{
	for (int waited = 0;; waited += TICK_MSEC) {
		struct request *list = NULL;
		size_t n = 0;
		pid_t pid;
		int r = request_list(dirfd, 0, &list, &n);

		free(list);
		if (r < 0 || n == 0)
			return r;
		r = file_lock(dirfd, "sender.lock", ret_lock, &pid);
		if (r <= 0)
			return r == 0 ? REQUESTS_E_FREE : r;
		if (waited >= LIMIT_MSEC || signals_stop())
			return EX_TEMPFAIL;
		(void)poll(NULL, 0, TICK_MSEC);
	}
}
