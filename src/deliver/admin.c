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
#include "base/clock.h"
#include "base/log.h"
#include "deliver/job.h"
#include "deliver/signals.h"
#include "store/file.h"
#include "store/request.h"

#define LIMIT_MSEC 30000
#define TICK_MSEC  50

const char *admin_destination(const struct delivery_destination *dest)
{
	return dest->name[0] ? dest->name : "[Mail]";
}

/* What is done with one alert: its number and class, and the answer. */
struct action {
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
static int find(struct action *action)
{
	struct ledger_reader *reader = NULL;
	struct error err;
	struct alert a;
	int r = ledger_reader_open(action->s->dirfd, 0, &reader, &err);

	if (r < 0)
		return r;
	while ((r = ledger_reader_next(reader, &a)) > 0) {
		if (r == LEDGER_E_REPLACED || !slice_eq_str(a.id, action->id))
			continue;
		action->seq = a.seq;
		action->kind = a.kind;
		action->class = delivery_class(a.kind);
		action->mailed = a.mailed;
	}
	(void)ledger_reader_free(reader);
	return r;
}

static void changed(struct action *action, struct delivery_destination *dest, bool was_given_up)
{
	size_t n = strlen(action->to);

	if (was_given_up && dest->unreported > 0)
		dest->unreported--;
	action->s->changed = true;
	/* More names than fit are left out. */
	(void)snprintf(action->to + n, sizeof(action->to) - n, "%s%s", n ? ", " : "",
		       admin_destination(dest));
}

static int retry(struct action *action)
{
	for (size_t i = 0; i < action->s->n_destinations; i++) {
		struct destination *d = &action->s->destinations[i];
		struct delivery_destination *dest = sender_done(action->s, d);
		int r = delivery_retry(dest, action->class, action->seq, clock_now());

		if (r < 0)
			return r;
		if (r == 0)
			continue;
		changed(action, dest, true);
		/* No wait of another mail's, and none that would count as this one's. */
		if (!d->frozen[DELIVERY_RETRY])
			dest->queues[DELIVERY_RETRY].tries = 0;
	}
	if (!action->to[0]) {
		(void)snprintf(action->text, sizeof(action->text), "it was not given up");
		return 0;
	}
	action->s->retried = true;
	(void)snprintf(action->text, sizeof(action->text), "tried again: %s", action->to);
	return 1;
}

/*
 * Goes over the frozen mails that tell of the alert: with @take out of each, else only to look.
 * -EBUSY where one of them has to stay as it is.
 */
static int over_frozen(struct action *action, bool take)
{
	const enum delivery_queue_name queues[] = {action->class, DELIVERY_RETRY};
	struct sender *s = action->s;

	for (size_t i = 0; i < s->n_destinations * ARRAY_SIZE(queues); i++) {
		struct destination *d = &s->destinations[i / ARRAY_SIZE(queues)];
		AUTO_JOB struct job job = {.s = s,
					   .d = d,
					   .dest = sender_done(s, d),
					   .name = queues[i % ARRAY_SIZE(queues)]};
		int r;

		job.queue = &job.dest->queues[job.name];
		spool_name(job.dest->name, job.name, job.file);
		job_thaw(&job);
		if (!job.o || job.of_other_ledger || job.o->class != action->class ||
		    !spool_has_alert(job.o, action->seq))
			continue;
		if (!take) {
			if (job_alerts(job.o) > 1 &&
			    (job.o->in_doubt || spool_count(job.o, SPOOL_ACCEPTED) > 0))
				return -EBUSY;
			continue;
		}
		r = spool_remove_alert(job.o, action->seq);
		if (r < 0)
			return r;
		if (job_alerts(job.o) == 0) {
			outcome_dropped(&job);
			continue;
		}
		r = job_remake(&job, job.o->style, false);
		if (r < 0)
			return r;
		if (r == 0)
			log_error("%s: the ledger has its alerts no more; it goes as it is",
				  job.file);
	}
	return 0;
}

/* Whether it waits for the destination, or was given up. */
static bool is_queued(const struct action *action, const struct destination *d,
		      const struct delivery_destination *dest, bool *ret_given_up)
{
	enum delivery_state state = delivery_state_of(dest, action->kind, action->seq);

	*ret_given_up = state == DELIVERY_GIVEN_UP;
	if (state == DELIVERY_WAITING)
		return ((d->config->events >> action->kind) & 1) && !action->mailed;
	return state != DELIVERY_DONE;
}

static int drop(struct action *action)
{
	struct sender *s = action->s;
	int r = over_frozen(action, false);

	if (r == -EBUSY) {
		(void)snprintf(action->text, sizeof(action->text),
			       "the mail that tells of it and of others may have been taken by a "
			       "server already; it has to go again as it is");
		return 0;
	}
	for (size_t i = 0; i < s->n_destinations && r == 0; i++) {
		struct delivery_destination *dest = sender_done(s, &s->destinations[i]);
		bool given_up;

		if (!is_queued(action, &s->destinations[i], dest, &given_up))
			continue;
		r = delivery_drop(dest, action->class, action->seq);
		changed(action, dest, given_up);
	}
	if (s->changed)
		sender_save(s);
	if (r == 0 && s->changed)
		r = -EIO; /* told already */
	if (r == 0)
		r = over_frozen(action, true);
	if (r < 0)
		return r;
	if (!action->to[0]) {
		(void)snprintf(action->text, sizeof(action->text), "it does not wait to be mailed");
		return 0;
	}
	(void)snprintf(action->text, sizeof(action->text), "dropped: %s", action->to);
	return 1;
}

/* 1 where it was done, 0 where it was refused (both answered), -errno. */
static int apply(struct sender *s, const struct request *q)
{
	struct action action = {.s = s, .id = q->id, .text = "the ledger has it no more"};
	int r = find(&action), k;

	if (r == 0 && action.seq > 0)
		r = q->kind == REQUEST_RETRY ? retry(&action) : drop(&action);
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
	log_notice("asked to %s alert %s: %s", request_kind_text(q->kind), q->id, action.text);
	k = request_answer(s->dirfd, q, r > 0, action.text);
	if (k < 0)
		log_error("the answer to a request cannot be written: %s", strerror(-k));
	return r;
}

int admin_apply(struct sender *s)
{
	struct request *list = NULL;
	size_t n = 0;
	bool any = false;
	int r = request_list(s->dirfd, clock_now(), &list, &n);

	if (r < 0)
		log_error("the state directory cannot be listed: %s", strerror(-r));
	for (size_t i = 0; i < n; i++)
		any |= apply(s, &list[i]) > 0 && list[i].kind == REQUEST_DROP;
	free(list);
	return any;
}

int admin_wait(int dirfd, int *ret_lock)
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
			return r == 0 ? ADMIN_E_FREE : r;
		if (waited >= LIMIT_MSEC || signals_stop())
			return EX_TEMPFAIL;
		(void)poll(NULL, 0, TICK_MSEC);
	}
}
