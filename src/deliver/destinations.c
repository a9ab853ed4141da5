/* A new destination gets what nobody was told yet; one that is configured no more is forgotten. */
#include "deliver/destinations.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"

/* A new destination begins where the others are: it gets what nobody was told yet. */
static int add_destination(struct sender *s, const char *name)
{
	struct delivery_destination *dest, old = {0};

	for (size_t i = 0; i < s->delivery->n_destinations; i++)
		for (int c = 0; c < DELIVERY_CLASSES; c++)
			if (s->delivery->destinations[i].queues[c].done_up_to >
			    old.queues[c].done_up_to)
				old.queues[c].done_up_to =
					s->delivery->destinations[i].queues[c].done_up_to;
	dest = delivery_add(s->delivery, name);
	if (!dest)
		return -ENOMEM;
	for (int c = 0; c < DELIVERY_CLASSES; c++) {
		dest->queues[c].done_up_to = old.queues[c].done_up_to;
		if (s->restart_seq > 0 && dest->queues[c].done_up_to < s->restart_seq - 1)
			dest->queues[c].done_up_to = s->restart_seq - 1;
	}
	s->changed = true;
	return 0;
}

static bool is_configured(const struct config *config, const char *name)
{
	for (size_t i = 0; i < config->n_destinations; i++)
		if (strcmp(config->destinations[i].name, name) == 0)
			return true;
	return false;
}

void destinations_drop_unconfigured(struct sender *s)
{
	for (size_t i = 0; i < s->delivery->n_destinations;) {
		struct delivery_destination *dest = &s->delivery->destinations[i];

		if (is_configured(s->config, dest->name)) {
			i++;
			continue;
		}
		log_notice("destination %s is configured no more and is forgotten",
			   dest->name[0] ? dest->name : "[Mail]");
		for (int l = 0; l < DELIVERY_QUEUES; l++) {
			char file[SPOOL_NAME_MAX];

			spool_name(dest->name, (enum delivery_queue_name)l, file);
			(void)spool_remove(s->dirfd, file);
		}
		delivery_remove(s->delivery, dest);
		s->changed = true;
	}
}

void destinations_drop_rcpts(struct sender *s, const struct destination *d)
{
	struct delivery_destination *dest = sender_done(s, d);

	for (size_t i = 0; i < dest->n_held;) {
		struct delivery_held *x = &dest->held[i];
		bool known = !x->rcpt;

		for (size_t k = 0; k < d->config->to.n && !known; k++)
			known = strcmp(d->config->to.items[k], x->rcpt) == 0;
		if (known) {
			i++;
			continue;
		}
		log_notice("recipient %s is configured no more and is forgotten", x->rcpt);
		free(x->rcpt);
		*x = dest->held[--dest->n_held];
		s->changed = true;
	}
}

void destinations_free(struct destination *destinations, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		(void)attempt_free(destinations[i].attempt);
		for (int l = 0; l < DELIVERY_QUEUES; l++)
			(void)spool_free(destinations[i].unsaved[l]);
	}
	free(destinations);
}

int destinations_make(struct sender *s, const struct config *config, struct destination **ret)
{
	struct destination *destinations = calloc(config->n_destinations, sizeof(*destinations));
	int r = 0;

	if (!destinations)
		return -ENOMEM;
	for (size_t i = 0; i < config->n_destinations && r == 0; i++) {
		const char *name = config->destinations[i].name;

		destinations[i].config = &config->destinations[i];
		for (int l = 0; l < DELIVERY_QUEUES; l++) {
			char file[SPOOL_NAME_MAX];

			spool_name(name, (enum delivery_queue_name)l, file);
			destinations[i].frozen[l] = faccessat(s->dirfd, file, F_OK, 0) == 0;
		}
		if (!delivery_find(s->delivery, name))
			r = add_destination(s, name);
	}
	if (r < 0)
		free(destinations);
	else
		*ret = destinations;
	return r;
}
