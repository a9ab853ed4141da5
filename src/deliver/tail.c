/*
 * One reader stays open and only notes numbers. The alerts themselves are read when a message is
 * made, so that an idle sender holds none.
 */
#include "deliver/tail.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

void tail_forget(struct sender *s)
{
	s->tail.reader = ledger_reader_free(s->tail.reader);
	s->tail.last_seq = s->tail.selected_seq = 0;
	for (size_t i = 0; i < s->n_destinations; i++) {
		for (int q = 0; q < DELIVERY_QUEUES; q++) {
			s->destinations[i].queues[q].newest = 0;
			s->destinations[i].queues[q].fresh = false;
		}
	}
}

/* Nothing of another ledger was sent. */
static void check_ledger_id(struct sender *s, const char *id)
{
	const char *before = s->delivery->ledger_id;

	if (!id[0] || strcmp(before, id) == 0)
		return;
	if (delivery_set_ledger(s->delivery, id))
		log_error("the ledger is not the same as before: all of its alerts are sent");
	s->changed = true;
}

/* Progress beyond the ledger's end, e.g. after a restored backup, would hide new alerts. */
static void check_progress(struct sender *s)
{
	uint64_t last = s->tail.last_seq;

	for (size_t i = 0; i < s->n_destinations && last > 0; i++) {
		struct delivery_destination *dest = s->destinations[i].progress;

		/* Their numbers will be those of other alerts. */
		for (size_t k = 0; k < dest->n_dropped; k++)
			if (dest->dropped[k].seq > last)
				dest->dropped[k--] = dest->dropped[--dest->n_dropped];
		for (int c = 0; c < DELIVERY_CLASSES; c++) {
			struct delivery_queue *queue = &dest->queues[c];

			if (queue->done_up_to <= last)
				continue;
			log_error("%s: sent up to alert %" PRIu64
				  ", but the ledger ends at %" PRIu64 ": continues from there",
				  destination_name(dest->name), queue->done_up_to, last);
			queue->done_up_to = last;
			dest->n_repeats = 0;
			s->changed = true;
		}
	}
}

static void note(struct sender *s, const struct alert *a, bool fresh)
{
	enum delivery_queue_id class = delivery_class(a->kind);

	if (a->seq > s->tail.last_seq)
		s->tail.last_seq = a->seq;
	for (size_t i = 0; i < s->n_destinations; i++) {
		const struct destination *d = &s->destinations[i];
		struct queue_state *queue = &s->destinations[i].queues[class];

		if (!view_wants(d->config, a) || delivery_is_dropped(d->progress, class, a->seq))
			continue;
		if (a->seq > queue->newest)
			queue->newest = a->seq;
		queue->fresh |= fresh;
	}
}

static int open_reader(struct sender *s)
{
	struct error err;
	int r;

	tail_forget(s);
	r = ledger_reader_open(s->ledger_dirfd, 0, &s->tail.reader, &err);
	if (r < 0)
		log_error_struct(LOG_ERR, &err);
	return r;
}

int tail_read(struct sender *s)
{
	bool first = !s->tail.reader;
	uint64_t damaged;
	struct alert a;
	int r = first ? open_reader(s) : 0;

	if (r < 0)
		return r;
	while ((r = ledger_reader_next(s->tail.reader, &a)) > 0) {
		if (r != LEDGER_E_REPLACED) {
			note(s, &a, !first);
			continue;
		}
		first = true;
		r = open_reader(s);
		if (r < 0)
			return r;
	}
	damaged = ledger_reader_damaged(s->tail.reader);
	if (damaged > s->tail.damaged)
		log_crit("%" PRIu64 " damaged alerts in the ledger are skipped",
			 damaged - s->tail.damaged);
	s->tail.damaged = damaged;
	if (r < 0) {
		log_error("the ledger cannot be read: %s", strerror(-r));
		s->tail.reader = ledger_reader_free(s->tail.reader);
		return r;
	}
	check_ledger_id(s, ledger_reader_id(s->tail.reader));
	if (first)
		check_progress(s);
	return 0;
}

bool tail_has_new(struct sender *s)
{
	uint64_t before = s->tail.last_seq;

	return tail_read(s) == 0 && s->tail.last_seq > before;
}
