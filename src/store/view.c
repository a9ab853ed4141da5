/*
 * An alert waits for a destination while the progress of its class has not reached it, or while it
 * is held. Everything else follows from that: what is frozen, repeats, times.
 *
 * "delivery" is replaced as a whole and read before the ledger: what is sent meanwhile is shown as
 * it was a moment ago.
 */
#include "store/view.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "store/delivery_file.h"
#include "store/ledger/reader.h"

bool view_wants(const struct config_destination *to, const struct alert *a)
{
	return (to->events >> a->kind) & 1;
}

bool view_has_rcpt(const struct config_destination *to, const char *addr)
{
	for (size_t i = 0; i < to->to.n; i++)
		if (strcmp(to->to.items[i], addr) == 0)
			return true;
	return false;
}

/* ---- queues ---- */

static bool has_new(const struct view_queue *q)
{
	return q->queue_id < DELIVERY_CLASSES &&
	       q->newest > q->progress->queues[q->queue_id].done_up_to;
}

bool view_queue_waits(const struct view_queue *q)
{
	if (q->frozen || has_new(q))
		return true;
	for (size_t i = 0; q->queue_id == DELIVERY_RETRY && i < q->progress->n_held; i++)
		if (q->progress->held[i].state != DELIVERY_GIVEN_UP)
			return true;
	return false;
}

bool view_held_is_due(const struct view_queue *q, const struct delivery_held *x, uint64_t now_usec)
{
	if (x->state == DELIVERY_GIVEN_UP || x->last_try_usec >= q->begin_usec)
		return false;
	return x->next_try_usec <= now_usec || q->run == VIEW_FLUSH ||
	       (q->run == VIEW_ONCE && x->state == DELIVERY_DEFERRED);
}

static uint64_t retry_due(const struct view_queue *q, uint64_t now_usec)
{
	const struct delivery_queue *queue = &q->progress->queues[DELIVERY_RETRY];
	uint64_t due = q->frozen ? now_usec : SCHEDULE_NEVER;

	for (size_t i = 0; i < q->progress->n_held; i++) {
		const struct delivery_held *x = &q->progress->held[i];
		uint64_t at = view_held_is_due(q, x, now_usec) ? now_usec : x->next_try_usec;

		if (x->state != DELIVERY_GIVEN_UP && at < due)
			due = at;
	}
	if (due != SCHEDULE_NEVER && queue->tries > 0 && q->run == VIEW_WHEN_DUE &&
	    queue->next_try_usec > due)
		due = queue->next_try_usec;
	return due;
}

uint64_t view_queue_due(const struct view_queue *q, uint64_t now_usec)
{
	struct schedule_queue s = {
		.queue = &q->progress->queues[q->queue_id],
		.frozen = q->frozen,
		.waiting = has_new(q),
		.fresh = has_new(q) && q->fresh,
		.summary_usec = SCHEDULE_NEVER,
		.interval_usec = q->config->interval_usec,
	};

	if (q->queue_id == DELIVERY_RETRY)
		return retry_due(q, now_usec);
	if (q->queue_id == DELIVERY_LOGIN)
		s.summary_usec = schedule_summary_due(q->progress, q->config->repeat_interval_usec,
						      now_usec);
	/* Neither Interval= nor back-off. */
	if (q->run != VIEW_WHEN_DUE && (s.frozen || s.waiting || s.summary_usec <= now_usec))
		return now_usec;
	return schedule_queue_due(&s, now_usec);
}

/* ---- alerts ---- */

enum delivery_state view_state(const struct config_destination *to,
			       const struct delivery_destination *progress, const struct alert *a)
{
	enum delivery_state state = delivery_state_of(progress, a->kind, a->seq);

	/* What is held was to be sent when it was new, and still is. */
	return state == DELIVERY_WAITING && !view_wants(to, a) ? DELIVERY_DONE : state;
}

static bool is_repeat(const struct view_destination *v, const struct alert *a)
{
	const struct delivery_repeat *p;

	if (v->config->repeat_interval_usec == 0 || a->kind != ALERT_LOGIN || !a->readable)
		return false;
	p = delivery_repeat_find(v->progress, delivery_repeat_key(a));
	return p && p->count > 0 && p->first_seq <= a->seq && a->seq <= p->last_seq;
}

static void fill_new(const struct view_destination *v, const struct alert *a, uint64_t now_usec,
		     struct view_entry *e)
{
	enum delivery_queue_id class = delivery_class(a->kind);
	const struct delivery_queue *queue = &v->progress->queues[class];
	const struct spool_message *o = v->frozen[class];
	const struct view_queue q = {.config = v->config,
				     .progress = v->progress,
				     .queue_id = class,
				     .newest = a->seq,
				     .fresh = a->noted_usec > queue->last_try_usec,
				     .frozen = o != NULL};

	e->state = DELIVERY_WAITING;
	e->why = queue->tries > 0 ? VIEW_BEHIND : VIEW_NEW;
	e->until_usec = view_queue_due(&q, now_usec);
	if (!o || !spool_has_alert(o, a->seq))
		return;
	e->why = VIEW_FROZEN;
	e->message_id = o->message_id;
	e->reason = v->progress->failure;
	e->tries = o->tries;
	e->last_try_usec = o->last_try_usec;
}

static void fill_repeat(const struct view_destination *v, uint64_t now_usec, struct view_entry *e)
{
	e->state = DELIVERY_DONE;
	e->why = VIEW_REPEAT;
	e->until_usec =
		schedule_summary_due(v->progress, v->config->repeat_interval_usec, now_usec);
}

/* Whether the frozen message is one to these recipients. */
static bool is_to(const struct spool_message *o, const char *rcpt)
{
	return o->one_rcpt ? rcpt && strcmp(o->rcpts[0].addr, rcpt) == 0 : !rcpt;
}

static void fill_held(const struct view_destination *v, const struct alert *a,
		      const struct delivery_held *x, struct view_entry *e)
{
	const struct delivery_queue *queue = &v->progress->queues[DELIVERY_RETRY];
	const struct spool_message *o = v->frozen[DELIVERY_RETRY];

	e->state = x->state;
	e->why = x->state == DELIVERY_DEFERRED	? VIEW_DEFERRED
		 : x->state == DELIVERY_REFUSED ? VIEW_REFUSED
						: VIEW_GIVEN_UP;
	e->rcpt = x->rcpt;
	e->reason = v->progress->failure;
	e->tries = x->tries;
	e->last_try_usec = x->last_try_usec;
	if (x->state == DELIVERY_GIVEN_UP)
		return;
	e->until_usec = x->next_try_usec;
	if (queue->tries > 0 && queue->next_try_usec > e->until_usec)
		e->until_usec = queue->next_try_usec;
	if (!o || o->class != x->class || !is_to(o, x->rcpt) || !spool_has_alert(o, a->seq))
		return;
	e->message_id = o->message_id;
	e->tries += o->tries;
	e->last_try_usec = o->last_try_usec;
}

bool view_next(const struct view_destination *v, const struct alert *a, uint64_t now_usec,
	       size_t *at, struct view_entry *ret)
{
	bool found = false;

	*ret = (struct view_entry){
		.reason = "", .since_usec = a->noted_usec, .until_usec = SCHEDULE_NEVER};
	if (*at == 0) {
		enum delivery_state state = delivery_state_of(v->progress, a->kind, a->seq);

		if (state == DELIVERY_WAITING) {
			found = view_wants(v->to, a);
			fill_new(v, a, now_usec, ret);
		} else if (state == DELIVERY_DONE) {
			found = is_repeat(v, a);
			fill_repeat(v, now_usec, ret);
		}
		*at = 1;
		if (state == DELIVERY_WAITING || state == DELIVERY_DONE) {
			*at += v->progress->n_held;
			return found;
		}
	}
	for (; !found && *at <= v->progress->n_held; (*at)++) {
		const struct delivery_held *x = &v->progress->held[*at - 1];

		found = x->class == delivery_class(a->kind) && x->first <= a->seq &&
			a->seq <= x->last && (!x->rcpt || view_has_rcpt(v->to, x->rcpt));
		if (found)
			fill_held(v, a, x, ret);
	}
	return found;
}

void view_add(struct view_sum *sum, const struct view_destination *v, const struct alert *a,
	      uint64_t now_usec)
{
	bool waiting = false, given_up = false;
	struct view_entry e;

	for (size_t at = 0; view_next(v, a, now_usec, &at, &e);) {
		waiting |= view_is_waiting(&e);
		given_up |= e.why == VIEW_GIVEN_UP;
	}
	if (waiting && sum->waiting++ == 0)
		sum->since_usec = a->noted_usec;
	sum->given_up += given_up;
}

uint64_t view_repeats(const struct view_destination *v)
{
	uint64_t n = 0;

	for (size_t i = 0; i < v->progress->n_repeats; i++)
		n += v->progress->repeats[i].count;
	return n;
}

uint64_t view_retry_usec(const struct view_destination *v)
{
	uint64_t next = 0;

	for (int i = 0; i < DELIVERY_QUEUES; i++) {
		const struct delivery_queue *q = &v->progress->queues[i];

		if (q->tries > 0 && (next == 0 || q->next_try_usec < next))
			next = q->next_try_usec;
	}
	return next;
}

static bool needs_nothing(const struct delivery_destination *progress, uint64_t last_seq)
{
	for (int c = 0; c < DELIVERY_CLASSES; c++)
		if (progress->queues[c].done_up_to < last_seq)
			return false;
	for (size_t i = 0; i < progress->n_held; i++)
		if (progress->held[i].state != DELIVERY_GIVEN_UP)
			return false;
	for (size_t i = 0; i < progress->n_repeats; i++)
		if (progress->repeats[i].count > 0)
			return false;
	return true;
}

bool view_settled(const struct config *config, const struct delivery *d, const char *id,
		  uint64_t last_seq)
{
	if (strcmp(d->ledger_id, id) != 0)
		return false;
	for (size_t i = 0; i < d->n_destinations; i++)
		if (!needs_nothing(&d->destinations[i], last_seq))
			return false;
	for (size_t i = 0; i < config->n_destinations; i++) {
		struct delivery_destination begin;

		view_begin(d, 0, &begin);
		if (!delivery_find(d, config->destinations[i].name) &&
		    !needs_nothing(&begin, last_seq))
			return false;
	}
	return true;
}

/* ---- the files of the state ---- */

void view_begin(const struct delivery *d, uint64_t first_seq, struct delivery_destination *ret)
{
	*ret = (struct delivery_destination){0};
	for (int c = 0; c < DELIVERY_CLASSES; c++) {
		uint64_t done = first_seq > 0 ? first_seq - 1 : 0;

		for (size_t i = 0; i < d->n_destinations; i++)
			if (d->destinations[i].queues[c].done_up_to > done)
				done = d->destinations[i].queues[c].done_up_to;
		ret->queues[c].done_up_to = done;
	}
}

struct loading {
	struct view *v;
	int ledger_dirfd, delivery_dirfd;
	view_fault fault;
	void *userdata;
};

static void report(const struct loading *l, const struct error *err)
{
	l->v->faulty = true;
	l->fault(err, l->userdata);
}

static int load_delivery(const struct loading *l)
{
	struct ledger_reader *reader = NULL;
	struct error err = {0};
	int r = delivery_load(l->delivery_dirfd, &l->v->delivery, &err);

	if (r < 0)
		error_set(&err, DELIVERY_FILE, 0, 0, "%s",
			  r == -EINVAL ? "not a regular file" : strerror(-r));
	if (r != 0 && r != DELIVERY_E_NONE)
		report(l, &err);
	if (r < 0)
		return r;
	l->v->damaged = r == DELIVERY_E_DAMAGED;
	if (r != 0)
		l->v->delivery = delivery_new();
	if (!l->v->delivery)
		return -ENOMEM;
	r = ledger_reader_open(l->ledger_dirfd, 0, &reader, &err);
	if (r < 0) {
		report(l, &err);
		return r;
	}
	(void)delivery_set_ledger(l->v->delivery, ledger_reader_id(reader));
	(void)ledger_reader_free(reader);
	return 0;
}

static void load_frozen(const struct loading *l, struct view_destination *d,
			enum delivery_queue_id queue)
{
	AUTO_SPOOL_MESSAGE struct spool_message *o = NULL;
	char file[SPOOL_NAME_MAX];
	struct error err = {0};
	int r;

	spool_name(d->to->name, queue, file);
	r = spool_load(l->delivery_dirfd, file, &o, &err);
	if (r < 0)
		error_set(&err, file, 0, 0, "%s",
			  r == -EINVAL ? "not a regular file" : strerror(-r));
	if (r != 0 && r != SPOOL_E_NONE)
		report(l, &err);
	/* One that is done with is left over from a crash. */
	if (!o || o->queue != queue || o->serial <= d->progress->queues[queue].serial)
		return;
	if (strcmp(o->ledger_id, l->v->delivery->ledger_id) != 0)
		d->earlier++;
	else
		d->frozen[queue] = STEAL_PTR(o);
}

int view_load(int ledger_dirfd, int delivery_dirfd, const struct config *config, view_fault fault,
	      void *userdata, struct view *ret)
{
	const struct loading l = {ret, ledger_dirfd, delivery_dirfd, fault, userdata};
	int r;

	*ret = (struct view){0};
	r = load_delivery(&l);
	if (r < 0)
		return r;
	ret->destinations = calloc(config->n_destinations, sizeof(*ret->destinations));
	if (!ret->destinations)
		return -ENOMEM;
	ret->n = config->n_destinations;
	for (size_t i = 0; i < ret->n; i++) {
		struct view_destination *d = &ret->destinations[i];

		d->config = config;
		d->to = &config->destinations[i];
		d->progress = delivery_find(ret->delivery, d->to->name);
		if (!d->progress) {
			view_begin(ret->delivery, ret->damaged ? ledger_first_seq(ledger_dirfd) : 0,
				   &d->begin);
			d->progress = &d->begin;
		}
		for (int q = 0; q < DELIVERY_QUEUES; q++)
			load_frozen(&l, d, (enum delivery_queue_id)q);
	}
	return 0;
}

void view_done(struct view *v)
{
	for (size_t i = 0; i < v->n; i++)
		for (int q = 0; q < DELIVERY_QUEUES; q++)
			(void)spool_free(v->destinations[i].frozen[q]);
	free(v->destinations);
	(void)delivery_free(v->delivery);
	*v = (struct view){0};
}
