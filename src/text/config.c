/* What a configuration owns. */
#include "text/config.h"

#include <errno.h>

#include "base/cleanup.h"

int config_list_add(struct config_list *l, struct slice s)
{
	char **items, *copy;

	for (size_t i = 0; i < l->n; i++)
		if (slice_eq_str(s, l->items[i]))
			return 0;
	copy = strndup(s.p, s.n);
	if (!copy)
		return -ENOMEM;
	items = reallocarray(l->items, l->n + 2, sizeof(*items));
	if (!items) {
		free(copy);
		return -ENOMEM;
	}
	items[l->n++] = copy;
	items[l->n] = NULL;
	l->items = items;
	return 0;
}

void config_list_done(struct config_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->items[i]);
	free(l->items);
	*l = (struct config_list){NULL, 0};
}

static void server_done(struct config_server *s)
{
	free(s->url);
	free(s->ca_file);
	free(s->pinned_key);
	free(s->client_cert);
	free(s->client_key);
	free(s->user);
	free(s->password_file);
	free(s->auth);
}

static void destination_done(struct config_destination *d)
{
	free(d->name);
	config_list_done(&d->to);
	for (size_t i = 0; i < d->n_servers; i++)
		server_done(&d->servers[i]);
	free(d->servers);
	free(d->from);
	free(d->envelope_from);
	free(d->ehlo_name);
	free(d->subject);
	free(d->body_file);
}

struct config *config_free(struct config *c)
{
	if (!c)
		return NULL;
	free(c->directory);
	free(c->log_file);
	config_list_done(&c->programs);
	config_list_done(&c->methods);
	free(c->pattern);
	free(c->pattern_file);
	config_list_done(&c->whitelist_files);
	for (size_t i = 0; i < c->n_destinations; i++)
		destination_done(&c->destinations[i]);
	free(c->destinations);
	free(c);
	return NULL;
}
