/*
 * The run-time part of a destination is made from the configuration, and its durable part found in,
 * or added to, "delivery".
 */
#include "deliver/state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "store/delivery_file.h"
#include "store/state.h"
#include "text/config_parser.h"

/* Adding and removing moves the list that they point into. */
static void find_done(struct sender *s, struct destination *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		list[i].done = delivery_find(s->delivery, list[i].config->name);
}

static int add_destination(struct sender *s, const char *name)
{
	struct delivery_destination begin, *dest;

	view_begin(s->delivery, s->restart_seq, &begin);
	dest = delivery_add(s->delivery, name);
	if (!dest)
		return -ENOMEM;
	for (int c = 0; c < DELIVERY_CLASSES; c++)
		dest->queues[c] = begin.queues[c];
	s->changed = true;
	return 0;
}

static void free_destinations(struct destination *list, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		(void)attempt_free(list[i].attempt);
		for (int q = 0; q < DELIVERY_QUEUES; q++)
			(void)spool_free(list[i].queues[q].unsaved);
	}
	free(list);
}

/*
 * Numbers of frozen messages are used. "delivery" may not know them: it is saved only after an
 * attempt.
 */
static void find_frozen(struct sender *s, struct destination *d)
{
	const char *ledger_id = s->delivery->ledger_id;

	for (int q = 0; q < DELIVERY_QUEUES; q++) {
		AUTO_SPOOL_MESSAGE struct spool_message *o = NULL;
		char file[SPOOL_NAME_MAX];

		spool_name(d->config->name, (enum delivery_queue_name)q, file);
		d->queues[q].frozen = faccessat(s->dirfd, file, F_OK, 0) == 0;
		if (d->queues[q].frozen && spool_load(s->dirfd, file, &o, NULL) == 0 &&
		    (!ledger_id[0] || strcmp(o->ledger_id, ledger_id) == 0) &&
		    o->serial > d->done->queues[q].serial && o->sequence > d->done->sequence)
			d->done->sequence = o->sequence;
	}
}

static struct destination *make_destinations(struct sender *s, const struct config *config)
{
	struct destination *list = calloc(config->n_destinations, sizeof(*list));
	int r = list ? 0 : -ENOMEM;

	for (size_t i = 0; i < config->n_destinations && r == 0; i++) {
		list[i].config = &config->destinations[i];
		if (!delivery_find(s->delivery, list[i].config->name))
			r = add_destination(s, list[i].config->name);
	}
	find_done(s, s->destinations, s->n_destinations);
	if (r < 0) {
		free(list);
		return NULL;
	}
	find_done(s, list, config->n_destinations);
	for (size_t i = 0; i < config->n_destinations; i++)
		find_frozen(s, &list[i]);
	return list;
}

static bool is_configured(const struct config *config, const char *name)
{
	for (size_t i = 0; i < config->n_destinations; i++)
		if (strcmp(config->destinations[i].name, name) == 0)
			return true;
	return false;
}

static void drop_destinations(struct sender *s)
{
	for (size_t i = 0; i < s->delivery->n_destinations;) {
		struct delivery_destination *dest = &s->delivery->destinations[i];

		if (is_configured(s->config, dest->name)) {
			i++;
			continue;
		}
		log_notice("destination %s is no longer configured and is forgotten",
			   destination_name(dest->name));
		for (int q = 0; q < DELIVERY_QUEUES; q++) {
			char file[SPOOL_NAME_MAX];

			spool_name(dest->name, (enum delivery_queue_name)q, file);
			(void)spool_remove(s->dirfd, file);
		}
		delivery_remove(s->delivery, dest);
		s->changed = true;
	}
}

static void drop_rcpts(struct sender *s, const struct destination *d)
{
	for (size_t i = 0; i < d->done->n_held;) {
		struct delivery_held *x = &d->done->held[i];

		if (!x->rcpt || view_has_rcpt(d->config, x->rcpt)) {
			i++;
			continue;
		}
		log_notice("recipient %s is no longer configured and is forgotten", x->rcpt);
		free(x->rcpt);
		*x = d->done->held[--d->done->n_held];
		s->changed = true;
	}
}

int state_configure_readonly(struct sender *s, struct config *config)
{
	struct destination *list = make_destinations(s, config);

	if (!list)
		return -ENOMEM;
	free_destinations(s->destinations, s->n_destinations);
	(void)config_free(s->config);
	s->config = config;
	s->destinations = list;
	s->n_destinations = config->n_destinations;
	hostname_init(&s->host);
	return 0;
}

int state_configure(struct sender *s, struct config *config)
{
	int r = state_configure_readonly(s, config);

	if (r < 0)
		return r;
	drop_destinations(s);
	find_done(s, s->destinations, s->n_destinations);
	for (size_t i = 0; i < s->n_destinations; i++)
		drop_rcpts(s, &s->destinations[i]);
	return 0;
}

void state_close(struct sender *s)
{
	free_destinations(s->destinations, s->n_destinations);
	(void)ledger_reader_free(s->tail.reader);
	(void)delivery_free(s->delivery);
	(void)config_free(s->config);
	if (s->ledger_dirfd >= 0)
		(void)close(s->ledger_dirfd);
	*s = (struct sender){.dirfd = -1, .ledger_dirfd = -1};
}

int state_open_ledger(struct sender *s)
{
	struct error err;
	int r;

	if (s->ledger_dirfd >= 0)
		(void)close(s->ledger_dirfd);
	s->ledger_dirfd = -1;
	r = state_open(s->path, STATE_READER, STATE_SHOW, &s->ledger_dirfd, &err);
	if (r == -ENOENT) /* the reader was never started */
		return 0;
	if (r < 0)
		log_error_struct(LOG_ERR, &err);
	return r;
}

struct view_queue state_queue(const struct sender *s, const struct destination *d,
			      enum delivery_queue_name name)
{
	static const enum view_run runs[] = {
		[SENDER_FOLLOW] = VIEW_WHEN_DUE,
		[SENDER_ONCE] = VIEW_ONCE,
		[SENDER_FLUSH] = VIEW_FLUSH,
		[SENDER_APPLY] = VIEW_ONCE,
	};

	return (struct view_queue){.config = s->config,
				   .done = d->done,
				   .name = name,
				   .newest = d->queues[name].newest,
				   .fresh = d->queues[name].fresh,
				   .frozen = d->queues[name].frozen,
				   .run = runs[s->run.mode],
				   .begin_usec = s->run.begin_usec};
}

void state_advance_idle(struct sender *s)
{
	for (size_t i = 0; i < s->n_destinations; i++) {
		struct destination *d = &s->destinations[i];

		for (int c = 0; c < DELIVERY_CLASSES; c++) {
			struct delivery_queue *queue = &d->done->queues[c];

			if (d->queues[c].newest > queue->done_up_to || d->queues[c].frozen ||
			    s->tail.last_seq <= queue->done_up_to)
				continue;
			queue->done_up_to = s->tail.last_seq;
			s->changed = true;
		}
	}
}

void state_save(struct sender *s)
{
	int r;

	state_advance_idle(s);
	for (size_t i = 0; i < s->n_destinations; i++)
		delivery_drop_expire(s->destinations[i].done);
	r = delivery_save(s->dirfd, s->delivery);
	s->changed = r < 0;
	if (r < 0)
		log_crit(DELIVERY_FILE
			 " cannot be written: %s; after a restart, messages that were "
			 "accepted are sent again",
			 strerror(-r));
}
