/*
 * A key is looked up in [Server "URL"], [Mail "NAME"] and [Mail], in this order; then comes the
 * default. User=, PasswordFile= and Auth= come from one section, the nearest that sets one of them,
 * so that no password is sent to a server for which another account is configured. So do
 * ClientCert= and ClientKey=.
 */
#include "text/config_resolve.h"

#include <errno.h>

#include "base/timetext.h"
#include "text/config_section.h"
#include "text/config_value.h"

#define EVENTS_DEFAULT (1U << ALERT_LOGIN | 1U << ALERT_FORGED | 1U << ALERT_GAP)

static const struct config_list programs_default = {
	(const char *[]){"sshd", "sshd-session", "dropbear", NULL}, 3};
static const struct config_list methods_default = {NULL, 0};
static const struct config_list whitelists_default = {
	(const char *[]){"/etc/loginbell/whitelist", "/etc/loginbell/whitelist.d/*.rules", NULL},
	2};
static const struct config_list to_default = {(const char *[]){"root", NULL}, 1};
static const struct config_list server_default = {(const char *[]){"smtp://localhost", NULL}, 1};

/* Sections from the nearest to the farthest, NULL-terminated. */
#define CHAIN_MAX 4
typedef const struct config_section *const chain[CHAIN_MAX];

static const struct config_value *value_in(const struct config_section *s, enum config_key key)
{
	return s && s->values[key].list.n > 0 ? &s->values[key] : NULL;
}

static const struct config_value *find(chain c, enum config_key key)
{
	for (size_t i = 0; c[i]; i++)
		if (value_in(c[i], key))
			return &c[i]->values[key];
	return NULL;
}

/* The nearest section that sets one of the @n keys. */
static const struct config_section *find_group(chain c, const enum config_key *group, size_t n)
{
	for (size_t i = 0; c[i]; i++)
		for (size_t k = 0; k < n; k++)
			if (value_in(c[i], group[k]))
				return c[i];
	return NULL;
}

static uint64_t number(const struct config_value *v, uint64_t otherwise)
{
	return v ? v->number : otherwise;
}

/* The value's one text; NULL if @v is NULL. */
static const char *text(const struct config_value *v)
{
	return v ? v->list.items[0] : NULL;
}

static struct config_list list(const struct config_value *v, const struct config_list *otherwise)
{
	return v ? v->list : *otherwise;
}

/* The effective Tls= of one server, and whether that is allowed. */
static void resolve_tls(struct config_sections *all, enum config_scheme scheme, bool loopback,
			const struct config_value *tls, const struct config_value *user,
			struct config_server *ret)
{
	enum config_tls said = (enum config_tls)number(tls, CONFIG_TLS_AUTO);

	if (scheme == CONFIG_SCHEME_SMTPS) {
		ret->tls = CONFIG_TLS_REQUIRED;
		if (said == CONFIG_TLS_NONE)
			config_section_fault(all, tls->file, tls->line,
					     "Tls=: \"none\" is not possible with %s", ret->url);
		return;
	}
	ret->tls = said;
	if (said == CONFIG_TLS_AUTO)
		ret->tls = user || !loopback ? CONFIG_TLS_REQUIRED : CONFIG_TLS_OPPORTUNISTIC;
	if (user && ret->tls != CONFIG_TLS_REQUIRED)
		config_section_fault(all, user->file, user->line,
				     "User=: with Tls=%s the password could be sent to %s in "
				     "the clear; set Tls=required",
				     said == CONFIG_TLS_NONE ? "none" : "opportunistic", ret->url);
}

static int resolve_server(struct config_sections *all, const struct config_section *mail,
			  const struct config_section *parent, const char *url,
			  struct config_server *ret)
{
	static const enum config_key auth_group[] = {CONFIG_KEY_USER, CONFIG_KEY_PASSWORD_FILE,
						     CONFIG_KEY_AUTH};
	static const enum config_key client_group[] = {CONFIG_KEY_CLIENT_CERT,
						       CONFIG_KEY_CLIENT_KEY};
	struct config_section *own = config_section_find(all, CONFIG_SECTION_SERVER, url);
	chain c = {own ? own : mail, own ? mail : parent, own ? parent : NULL, NULL};
	const struct config_section *const auth[CHAIN_MAX] = {
		find_group(c, auth_group, ARRAY_SIZE(auth_group))};
	const struct config_section *const client[CHAIN_MAX] = {
		find_group(c, client_group, ARRAY_SIZE(client_group))};
	enum config_scheme scheme;
	bool loopback;
	int r;

	ret->url = url;
	r = config_value_url(slice_of(url), NULL, &scheme, &loopback, NULL);
	if (r < 0)
		return r;
	if (own)
		own->used = true;
	ret->tls_minimum =
		(enum config_tls_version)number(find(c, CONFIG_KEY_TLS_MINIMUM), CONFIG_TLS_1_2);
	if (scheme == CONFIG_SCHEME_SENDMAIL) {
		ret->tls = CONFIG_TLS_NONE;
		return 0;
	}
	resolve_tls(all, scheme, loopback, find(c, CONFIG_KEY_TLS), find(auth, CONFIG_KEY_USER),
		    ret);
	ret->ca_file = text(find(c, CONFIG_KEY_CA_FILE));
	ret->pinned_key = text(find(c, CONFIG_KEY_PINNED_KEY));
	ret->client_cert = text(find(client, CONFIG_KEY_CLIENT_CERT));
	ret->client_key = text(find(client, CONFIG_KEY_CLIENT_KEY));
	ret->user = text(find(auth, CONFIG_KEY_USER));
	ret->password_file = text(find(auth, CONFIG_KEY_PASSWORD_FILE));
	ret->auth = text(find(auth, CONFIG_KEY_AUTH));
	return 0;
}

/* @mail: its own section, NULL if there is no [Mail]; @parent: [Mail] for a named one. */
static int resolve_destination(struct config_sections *all, const struct config_section *mail,
			       const struct config_section *parent, const struct config *config,
			       struct config_destination *ret)
{
	chain c = {mail ? mail : parent, mail ? parent : NULL};
	struct config_list urls = list(find(c, CONFIG_KEY_SERVER), &server_default);
	int r = 0;

	ret->name = mail && mail->name ? mail->name : "";
	ret->to = list(find(c, CONFIG_KEY_TO), &to_default);
	ret->from = text(find(c, CONFIG_KEY_FROM));
	ret->envelope_from = text(find(c, CONFIG_KEY_ENVELOPE_FROM));
	ret->ehlo_name = text(find(c, CONFIG_KEY_EHLO_NAME));
	ret->subject = text(find(c, CONFIG_KEY_SUBJECT));
	ret->body_file = text(find(c, CONFIG_KEY_BODY_FILE));
	ret->timeout_usec = number(find(c, CONFIG_KEY_TIMEOUT), 5 * USEC_PER_MIN);
	ret->events = (unsigned)number(find(c, CONFIG_KEY_EVENTS), config->events);
	/* Events= of a further destination lists all that it gets. */
	if (config->heartbeat && !(parent && value_in(mail, CONFIG_KEY_EVENTS)))
		ret->events |= 1U << ALERT_HEARTBEAT;
	ret->servers = calloc(urls.n, sizeof(*ret->servers));
	if (!ret->servers)
		return -ENOMEM;
	while (ret->n_servers < urls.n && r == 0) {
		const char *url = urls.items[ret->n_servers];

		r = resolve_server(all, mail, parent, url, &ret->servers[ret->n_servers++]);
	}
	return r;
}

static int resolve_destinations(struct config_sections *all, struct config *c)
{
	const struct config_section *mail = config_section_find(all, CONFIG_SECTION_MAIL, NULL);
	int r;

	c->destinations = calloc(all->n + 1, sizeof(*c->destinations));
	if (!c->destinations)
		return -ENOMEM;
	r = resolve_destination(all, mail, NULL, c, &c->destinations[c->n_destinations++]);
	for (size_t i = 0; i < all->n && r == 0; i++) {
		const struct config_section *s = all->items[i];

		if (s->kind == CONFIG_SECTION_MAIL && s->name)
			r = resolve_destination(all, s, mail, c,
						&c->destinations[c->n_destinations++]);
	}
	return r;
}

static void resolve_rest(const struct config_sections *all, struct config *c)
{
	chain source = {config_section_find(all, CONFIG_SECTION_SOURCE, NULL)};
	chain match = {config_section_find(all, CONFIG_SECTION_MATCH, NULL)};
	chain whitelist = {config_section_find(all, CONFIG_SECTION_WHITELIST, NULL)};
	chain alert = {config_section_find(all, CONFIG_SECTION_ALERT, NULL)};
	const struct config_value *pattern = find(match, CONFIG_KEY_PATTERN);
	const struct config_value *heartbeat = find(alert, CONFIG_KEY_HEARTBEAT);

	c->source_kind =
		(enum config_source_kind)number(find(source, CONFIG_KEY_KIND), CONFIG_SOURCE_AUTO);
	c->directory = text(find(source, CONFIG_KEY_DIRECTORY));
	c->log_file = text(find(source, CONFIG_KEY_LOG_FILE));
	c->programs = list(find(source, CONFIG_KEY_PROGRAMS), &programs_default);
	c->methods = list(find(match, CONFIG_KEY_METHODS), &methods_default);
	c->pattern = text(pattern);
	if (pattern) {
		c->pattern_file = pattern->file;
		c->pattern_line = pattern->line;
	}
	c->whitelist_files = list(find(whitelist, CONFIG_KEY_FILE), &whitelists_default);
	c->whitelist_is_default = !find(whitelist, CONFIG_KEY_FILE);
	c->events = (unsigned)number(find(alert, CONFIG_KEY_EVENTS), EVENTS_DEFAULT);
	c->interval_usec = number(find(alert, CONFIG_KEY_INTERVAL), USEC_PER_MIN);
	c->repeat_interval_usec = number(find(alert, CONFIG_KEY_REPEAT_INTERVAL), USEC_PER_HOUR);
	c->give_up_after_usec = number(find(alert, CONFIG_KEY_GIVE_UP_AFTER), 7 * USEC_PER_DAY);
	c->heartbeat = heartbeat && strcmp(text(heartbeat), "daily") == 0;
	c->max_per_mail = number(find(alert, CONFIG_KEY_MAX_PER_MAIL), 1000);
}

/* Keys that mean nothing without another one in the same section. */
static void check_groups(struct config_sections *all)
{
	static const struct {
		enum config_key key, needs;
		const char *text;
	} rules[] = {
		{CONFIG_KEY_PASSWORD_FILE, CONFIG_KEY_USER,
		 "PasswordFile= needs User= in the same section"},
		{CONFIG_KEY_AUTH, CONFIG_KEY_USER, "Auth= needs User= in the same section"},
		{CONFIG_KEY_CLIENT_KEY, CONFIG_KEY_CLIENT_CERT,
		 "ClientKey= needs ClientCert= in the same section"},
	};

	for (size_t i = 0; i < all->n; i++)
		for (size_t k = 0; k < ARRAY_SIZE(rules); k++) {
			const struct config_value *v = value_in(all->items[i], rules[k].key);

			if (v && !value_in(all->items[i], rules[k].needs))
				config_section_fault(all, v->file, v->line, "%s", rules[k].text);
		}
}

static void check_servers_used(struct config_sections *all)
{
	for (size_t i = 0; i < all->n; i++) {
		const struct config_section *s = all->items[i];

		if (s->kind == CONFIG_SECTION_SERVER && !s->used)
			config_section_fault(all, s->file, s->line,
					     "[Server \"%s\"]: no Server= in [Mail] names it",
					     s->name);
	}
}

int config_resolve(struct config_sections *all, struct config *c)
{
	int r;

	resolve_rest(all, c);
	r = resolve_destinations(all, c);
	if (r < 0)
		return r;
	check_groups(all);
	check_servers_used(all);
	return 0;
}
