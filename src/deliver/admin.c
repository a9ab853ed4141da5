/*
 * Dropping may be interrupted anywhere and done again: first "delivery" says that the alert does
 * not wait, then the frozen messages that report it are made again without it, or removed. A frozen
 * message that a server may have accepted stays as it is; if it reports other alerts too, the
 * request is refused.
 */
#include "deliver/admin.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "deliver/job.h"
#include "deliver/outcome.h"
#include "deliver/select.h"
#include "deliver/signals.h"
#include "store/request.h"
#include "store/state.h"

#define LIMIT_MSEC 30000
#define TICK_MSEC  50

/* A request for one alert, and the answer. */
struct action {
	struct sender *s;
	struct alert a;
	enum delivery_queue_id class;
	char to[600];	/* the destinations that were changed */
	char text[700]; /* the answer */
};

static void changed(struct action *action, struct delivery_destination *dest, bool was_given_up)
{
	size_t n = strlen(action->to);

	if (was_given_up && dest->unreported > 0)
		dest->unreported--;
	action->s->changed = true;
	/* Names that do not fit are left out. */
	(void)snprintf(action->to + n, sizeof(action->to) - n, "%s%s", n ? ", " : "",
		       destination_name(dest->name));
}

/* The answer: 1 if @done was done to any destination, else 0. */
static int answer(struct action *action, const char *done, const char *otherwise)
{
	if (action->to[0])
		(void)snprintf(action->text, sizeof(action->text), "%s: %s", done, action->to);
	else
		(void)snprintf(action->text, sizeof(action->text), "%s", otherwise);
	return action->to[0] ? 1 : 0;
}

static int retry(struct action *action)
{
	for (size_t i = 0; i < action->s->n_destinations; i++) {
		struct destination *d = &action->s->destinations[i];
		int r = delivery_revive(d->progress, action->class, action->a.seq, clock_now());

		if (r < 0)
			return r;
		if (r == 0)
			continue;
		changed(action, d->progress, true);
		/* Without the back-off of another message, which would count as this one's wait. */
		if (!d->queues[DELIVERY_RETRY].frozen)
			d->progress->queues[DELIVERY_RETRY].tries = 0;
	}
	action->s->run.retried |= action->to[0] != '\0';
	return answer(action, "tried again", "it was not given up");
}

/* Whether @job has a frozen message that reports the alert. */
static bool find_frozen(const struct action *action, size_t i, struct job *job)
{
	job_init(job, action->s, &action->s->destinations[i / 2],
		 i % 2 ? DELIVERY_RETRY : action->class);
	job_thaw(job);
	return job->o && !job->of_other_ledger && job->o->class == action->class &&
	       spool_has_alert(job->o, action->a.seq);
}

/* Whether a server may have a message that reports the alert with others. */
static bool is_in_doubt(const struct action *action)
{
	for (size_t i = 0; i < action->s->n_destinations * 2; i++) {
		AUTO_JOB struct job job;

		if (find_frozen(action, i, &job) && job_alerts(job.o) > 1 &&
		    (job.o->in_doubt || spool_count(job.o, SPOOL_ACCEPTED) > 0))
			return true;
	}
	return false;
}

static int remove_from_frozen(const struct action *action)
{
	for (size_t i = 0; i < action->s->n_destinations * 2; i++) {
		AUTO_JOB struct job job;
		int r;

		if (!find_frozen(action, i, &job))
			continue;
		r = spool_remove_alert(job.o, action->a.seq);
		if (r < 0)
			return r;
		if (job_alerts(job.o) == 0) {
			outcome_dropped(&job);
			continue;
		}
		r = job_remake(&job, job.o->style, JOB_WHOLE);
		if (r < 0)
			return r;
		if (r == 0)
			log_error("%s: the ledger does not have its alerts; it is sent unchanged",
				  job.file);
	}
	return 0;
}

static int drop(struct action *action)
{
	struct sender *s = action->s;
	int r = 0;

	if (is_in_doubt(action))
		return answer(action, "",
			      "a server may have accepted the message that reports it and others; "
			      "it will be sent again unchanged");
	for (size_t i = 0; i < s->n_destinations && r == 0; i++) {
		struct destination *d = &s->destinations[i];
		enum delivery_state state = view_state(d->config, d->progress, &action->a);

		if (state == DELIVERY_DONE)
			continue;
		r = delivery_drop(d->progress, action->class, action->a.seq);
		changed(action, d->progress, state == DELIVERY_GIVEN_UP);
	}
	if (s->changed)
		state_save(s);
	if (r == 0 && s->changed)
		r = -EIO; /* logged already */
	if (r == 0)
		r = remove_from_frozen(action);
	return r < 0 ? r : answer(action, "dropped", "it does not wait to be sent");
}

/* 1 if it was done, 0 if it was refused, -errno if it stays for the next run. */
static int apply(struct sender *s, const struct request *q)
{
	struct action action = {.s = s};
	int r = select_find(s->ledger_dirfd, q->id, &action.a), k;

	action.class = delivery_class(action.a.kind);
	if (r == -ENOENT)
		r = answer(&action, "", "the ledger does not have it");
	else if (r == 0)
		r = q->kind == REQUEST_RETRY ? retry(&action) : drop(&action);
	if (r >= 0 && s->changed)
		state_save(s);
	if (r >= 0 && s->changed)
		r = -EIO;
	if (r < 0) {
		log_error("request to %s alert %s: %s", request_kind_text(q->kind), q->id,
			  strerror(-r));
		return r;
	}
	log_notice("request to %s alert %s: %s", request_kind_text(q->kind), q->id, action.text);
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
		r = state_lock(dirfd, STATE_DELIVER, ret_lock, &pid);
		if (r <= 0)
			return r == 0 ? ADMIN_E_FREE : r;
		if (waited >= LIMIT_MSEC || signals_stop())
			return EX_TEMPFAIL;
		(void)poll(NULL, 0, TICK_MSEC);
	}
}
