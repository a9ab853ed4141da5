/*
 * "delivery" is read before the ledger: what is mailed meanwhile is shown as it was a moment ago.
 * It is replaced as a whole, so it is never seen half written.
 */
#include "command/queue_list.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "command/state_view.h"
#include "store/config_file.h"
#include "store/delivery_file.h"
#include "store/ledger/reader.h"

static void tell_fault(const struct error *fault, void *userdata)
{
	(void)userdata;
	log_error_struct(LOG_ERR, fault);
}

static void load_frozen(struct queue *q, struct queue_to *to)
{
	for (int l = 0; l < DELIVERY_QUEUES; l++) {
		struct spool_message *o = NULL;
		char file[SPOOL_NAME_MAX];
		struct error err = {0};
		int r;

		spool_name(to->config->name, (enum delivery_queue_name)l, file);
		r = spool_load(q->deliver_dirfd, file, &o, &err);
		if (r == SPOOL_E_DAMAGED)
			log_error_struct(LOG_ERR, &err);
		else if (r < 0)
			log_error("%s: %s", file, strerror(-r));
		q->faults |= r != 0 && r != SPOOL_E_NONE;
		/* One that is done with, or of another ledger, says nothing of what waits. */
		if (o && (!to->done || o->serial <= to->done->queues[l].serial ||
			  strcmp(o->ledger_id, q->delivery->ledger_id) != 0))
			o = spool_free(o);
		to->frozen[l] = o;
	}
}

/* As the sender does it: a new destination begins where the others are. */
static void find_done(const struct queue *q, struct queue_to *to)
{
	if (!q->delivery)
		return;
	to->done = delivery_find(q->delivery, to->config->name);
	if (to->done)
		return;
	for (size_t i = 0; i < q->delivery->n_destinations; i++)
		for (int c = 0; c < DELIVERY_CLASSES; c++)
			if (q->delivery->destinations[i].queues[c].done_up_to >
			    to->begin.queues[c].done_up_to)
				to->begin.queues[c].done_up_to =
					q->delivery->destinations[i].queues[c].done_up_to;
	to->done = &to->begin;
}

static int load(struct queue *q)
{
	struct ledger_reader *reader = NULL;
	struct error err = {0};
	int r = delivery_load(q->deliver_dirfd, &q->delivery, &err);

	if (r == DELIVERY_E_DAMAGED)
		log_error_struct(LOG_ERR, &err);
	else if (r < 0)
		log_error(DELIVERY_FILE ": %s", strerror(-r));
	if (r != 0 && r != DELIVERY_E_NONE)
		return STATUS_FAILED;
	r = ledger_reader_open(q->dirfd, 0, &reader, &err);
	if (r < 0) {
		log_error_struct(LOG_ERR, &err);
		return STATUS_FAILED;
	}
	/* Of another ledger nothing was mailed. */
	if (q->delivery && ledger_reader_id(reader)[0] &&
	    strcmp(ledger_reader_id(reader), q->delivery->ledger_id) != 0)
		q->delivery = delivery_free(q->delivery);
	(void)ledger_reader_free(reader);
	if (q->dirfd < 0 || faccessat(q->dirfd, LEDGER_NAME, F_OK, 0) < 0) {
		log_error("%s/reader/" LEDGER_NAME ": %s", q->path.data,
			  strerror(q->dirfd < 0 ? ENOENT : errno));
		return STATUS_FAILED;
	}
	for (size_t i = 0; i < q->n; i++) {
		q->to[i].config = &q->config->destinations[i];
		find_done(q, &q->to[i]);
		load_frozen(q, &q->to[i]);
	}
	return STATUS_DONE;
}

int queue_open(struct queue *q, const struct options *options)
{
	struct error err = {0};
	int r;

	*q = (struct queue){.dirfd = -1,
			    .deliver_dirfd = -1,
			    .path = BUFFER_INIT(4096),
			    .now_usec = clock_now()};
	r = config_file_load(options->config, NULL, &q->config, tell_fault, NULL, &err);
	if (r == CONFIG_E_INVALID)
		return STATUS_WRONG;
	if (r != 0) {
		log_error_struct(LOG_ERR, &err);
		return r == -ENOMEM ? STATUS_FAILED : STATUS_WRONG;
	}
	r = shown_open(options, &q->path, &q->dirfd, &q->deliver_dirfd);
	if (r != STATUS_DONE)
		return r;
	q->to = calloc(q->config->n_destinations, sizeof(*q->to));
	if (!q->to) {
		log_error("out of memory");
		return STATUS_FAILED;
	}
	q->n = q->config->n_destinations;
	return load(q);
}

void queue_close(struct queue *q)
{
	for (size_t i = 0; i < q->n; i++)
		for (int l = 0; l < DELIVERY_QUEUES; l++)
			(void)spool_free(q->to[i].frozen[l]);
	free(q->to);
	(void)delivery_free(q->delivery);
	(void)config_free(q->config);
	buffer_done(&q->path);
	if (q->dirfd >= 0)
		(void)close(q->dirfd);
	if (q->deliver_dirfd >= 0)
		(void)close(q->deliver_dirfd);
}

static bool same_rcpt(const struct spool_message *o, const char *rcpt)
{
	return o->one_rcpt ? rcpt && strcmp(o->rcpts[0].addr, rcpt) == 0 : !rcpt;
}

static void add_frozen(struct queue_entry *e, enum delivery_queue_name lane)
{
	const struct spool_message *o = e->to->frozen[lane];

	if (!o || !spool_has_alert(o, e->alert->seq) ||
	    (lane == DELIVERY_RETRY &&
	     (o->class != delivery_class(e->alert->kind) || !same_rcpt(o, e->rcpt))))
		return;
	e->mail = o->message_id;
	e->tries += o->tries;
	e->last_try_usec = o->last_try_usec;
}

struct entries {
	struct queue_entry *list; /* owned */
	size_t n, cap;
};

static int add(struct entries *all, const struct queue_entry *e)
{
	if (all->n == all->cap) {
		size_t cap = all->cap ? all->cap * 2 : 8;
		struct queue_entry *list = reallocarray(all->list, cap, sizeof(*list));

		if (!list)
			return -ENOMEM;
		all->list = list;
		all->cap = cap;
	}
	all->list[all->n++] = *e;
	return 0;
}

/* The alert waits behind its class's mark. */
static int add_waiting(const struct queue_to *to, const struct alert *a, struct entries *all)
{
	struct queue_entry e = {.alert = a, .to = to, .state = DELIVERY_WAITING};
	enum delivery_queue_name lane = delivery_class(a->kind);

	if (!((to->config->events >> a->kind) & 1))
		return 0;
	add_frozen(&e, lane);
	if (to->done && to->done->queues[lane].tries > 0)
		e.next_try_usec = to->done->queues[lane].next_try_usec;
	return add(all, &e);
}

static int add_exceptions(const struct queue_to *to, const struct alert *a, struct entries *all)
{
	const struct delivery_queue *aside = &to->done->queues[DELIVERY_RETRY];
	int r = 0;

	for (size_t i = 0; i < to->done->n_held && r == 0; i++) {
		const struct delivery_held *x = &to->done->held[i];
		struct queue_entry e = {.alert = a,
					.to = to,
					.state = x->state,
					.rcpt = x->rcpt,
					.tries = x->tries,
					.last_try_usec = x->last_try_usec};

		if (x->class != delivery_class(a->kind) || a->seq < x->first || x->last < a->seq)
			continue;
		if (x->state != DELIVERY_GIVEN_UP) {
			add_frozen(&e, DELIVERY_RETRY);
			e.next_try_usec = x->next_try_usec;
			if (aside->tries > 0 && aside->next_try_usec > e.next_try_usec)
				e.next_try_usec = aside->next_try_usec;
		}
		r = add(all, &e);
	}
	return r;
}

static int add_entries(const struct queue_to *to, const struct alert *a, struct entries *all)
{
	if (!to->done || delivery_state_of(to->done, a->kind, a->seq) == DELIVERY_WAITING)
		return add_waiting(to, a, all);
	return add_exceptions(to, a, all);
}

int queue_walk(struct queue *q, const struct queue_to *to, queue_each each, void *userdata)
{
	struct ledger_reader *reader = NULL;
	struct entries all = {0};
	struct error err = {0};
	struct alert a;
	int r = ledger_reader_open(q->dirfd, 0, &reader, &err);

	if (r < 0)
		return r;
	while ((r = ledger_reader_next(reader, &a)) > 0) {
		if (r == LEDGER_E_REPLACED)
			continue;
		all.n = 0;
		r = 0;
		for (size_t i = 0; i < q->n && r == 0; i++)
			if (!to || to == &q->to[i])
				r = add_entries(&q->to[i], &a, &all);
		if (r == 0)
			r = each(userdata, &a, all.list, all.n);
		if (r != 0)
			break;
	}
	if (r == 0 && ledger_reader_damaged(reader) > 0 && !q->faults) {
		log_error(LEDGER_NAME ": %" PRIu64 " damaged alerts are not shown",
			  ledger_reader_damaged(reader));
		q->faults = true;
	}
	(void)ledger_reader_free(reader);
	free(all.list);
	return r;
}
