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

/* A copy of the value's one text; *ret stays NULL if @v is NULL. */
static int copy_text(const struct config_value *v, char **ret)
{
	if (!v)
		return 0;
	*ret = strdup(v->list.items[0]);
	return *ret ? 0 : -ENOMEM;
}

static int copy_list(const struct config_value *v, const char *const *otherwise,
		     struct config_list *ret)
{
	int r = 0;

	for (size_t i = 0; v && i < v->list.n && r == 0; i++)
		r = config_list_add(ret, slice_of(v->list.items[i]));
	for (size_t i = 0; !v && otherwise[i] && r == 0; i++)
		r = config_list_add(ret, slice_of(otherwise[i]));
	return r;
}

struct text_key {
	enum config_key key;
	char **ret;
};

static int copy_texts(chain c, const struct text_key *keys, size_t n)
{
	int r = 0;

	for (size_t i = 0; i < n && r == 0; i++)
		r = copy_text(find(c, keys[i].key), keys[i].ret);
	return r;
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
	const struct text_key of_chain[] = {
		{CONFIG_KEY_CA_FILE, &ret->ca_file},
		{CONFIG_KEY_PINNED_KEY, &ret->pinned_key},
	};
	const struct text_key of_client[] = {
		{CONFIG_KEY_CLIENT_CERT, &ret->client_cert},
		{CONFIG_KEY_CLIENT_KEY, &ret->client_key},
	};
	const struct text_key of_auth[] = {
		{CONFIG_KEY_USER, &ret->user},
		{CONFIG_KEY_PASSWORD_FILE, &ret->password_file},
		{CONFIG_KEY_AUTH, &ret->auth},
	};
	enum config_scheme scheme;
	bool loopback;
	int r;

	ret->url = strdup(url);
	if (!ret->url)
		return -ENOMEM;
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
	r = copy_texts(c, of_chain, ARRAY_SIZE(of_chain));
	if (r == 0)
		r = copy_texts(client, of_client, ARRAY_SIZE(of_client));
	if (r == 0)
		r = copy_texts(auth, of_auth, ARRAY_SIZE(of_auth));
	return r;
}

/* @mail: its own section, NULL if there is no [Mail]; @parent: [Mail] for a named one. */
static int resolve_destination(struct config_sections *all, const struct config_section *mail,
			       const struct config_section *parent, const struct config *config,
			       struct config_destination *ret)
{
	static const char *const to_default[] = {"root", NULL};
	static const char *const server_default[] = {"smtp://localhost", NULL};
	chain c = {mail ? mail : parent, mail ? parent : NULL};
	const struct text_key texts[] = {
		{CONFIG_KEY_FROM, &ret->from},
		{CONFIG_KEY_ENVELOPE_FROM, &ret->envelope_from},
		{CONFIG_KEY_EHLO_NAME, &ret->ehlo_name},
		{CONFIG_KEY_SUBJECT, &ret->subject},
		{CONFIG_KEY_BODY_FILE, &ret->body_file},
	};
	struct config_list urls = {NULL, 0};
	int r;

	ret->name = strdup(mail && mail->name ? mail->name : "");
	if (!ret->name)
		return -ENOMEM;
	ret->timeout_usec = number(find(c, CONFIG_KEY_TIMEOUT), 5 * USEC_PER_MIN);
	ret->events = (unsigned)number(find(c, CONFIG_KEY_EVENTS), config->events);
	/* Events= of a further destination lists all that it gets. */
	if (config->heartbeat && !(parent && value_in(mail, CONFIG_KEY_EVENTS)))
		ret->events |= 1U << ALERT_HEARTBEAT;
	r = copy_texts(c, texts, ARRAY_SIZE(texts));
	if (r == 0)
		r = copy_list(find(c, CONFIG_KEY_TO), to_default, &ret->to);
	if (r == 0)
		r = copy_list(find(c, CONFIG_KEY_SERVER), server_default, &urls);
	if (r == 0) {
		ret->servers = calloc(urls.n, sizeof(*ret->servers));
		if (!ret->servers)
			r = -ENOMEM;
	}
	for (size_t i = 0; i < urls.n && r == 0; i++) {
		ret->n_servers++;
		r = resolve_server(all, mail, parent, urls.items[i], &ret->servers[i]);
	}
	config_list_done(&urls);
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

static int resolve_rest(const struct config_sections *all, struct config *c)
{
	static const char *const programs[] = {"sshd", "sshd-session", "dropbear", NULL};
	static const char *const whitelists[] = {"/etc/loginbell/whitelist",
						 "/etc/loginbell/whitelist.d/*.rules", NULL};
	static const char *const none[] = {NULL};
	chain source = {config_section_find(all, CONFIG_SECTION_SOURCE, NULL)};
	chain match = {config_section_find(all, CONFIG_SECTION_MATCH, NULL)};
	chain whitelist = {config_section_find(all, CONFIG_SECTION_WHITELIST, NULL)};
	chain alert = {config_section_find(all, CONFIG_SECTION_ALERT, NULL)};
	const struct config_value *pattern = find(match, CONFIG_KEY_PATTERN);
	int r;

	c->source_kind =
		(enum config_source_kind)number(find(source, CONFIG_KEY_KIND), CONFIG_SOURCE_AUTO);
	c->events = (unsigned)number(find(alert, CONFIG_KEY_EVENTS), EVENTS_DEFAULT);
	c->interval_usec = number(find(alert, CONFIG_KEY_INTERVAL), USEC_PER_MIN);
	c->repeat_interval_usec = number(find(alert, CONFIG_KEY_REPEAT_INTERVAL), USEC_PER_HOUR);
	c->give_up_after_usec = number(find(alert, CONFIG_KEY_GIVE_UP_AFTER), 7 * USEC_PER_DAY);
	c->heartbeat = number(find(alert, CONFIG_KEY_HEARTBEAT), false);
	c->max_per_mail = number(find(alert, CONFIG_KEY_MAX_PER_MAIL), 1000);
	c->whitelist_is_default = !find(whitelist, CONFIG_KEY_FILE);
	r = copy_text(find(source, CONFIG_KEY_DIRECTORY), &c->directory);
	if (r == 0)
		r = copy_text(find(source, CONFIG_KEY_LOG_FILE), &c->log_file);
	if (r == 0)
		r = copy_list(find(source, CONFIG_KEY_PROGRAMS), programs, &c->programs);
	if (r == 0)
		r = copy_list(find(match, CONFIG_KEY_METHODS), none, &c->methods);
	if (r == 0)
		r = copy_list(find(whitelist, CONFIG_KEY_FILE), whitelists, &c->whitelist_files);
	if (r == 0)
		r = copy_text(pattern, &c->pattern);
	if (r == 0 && pattern) {
		c->pattern_line = pattern->line;
		c->pattern_file = strdup(pattern->file);
		r = c->pattern_file ? 0 : -ENOMEM;
	}
	return r;
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

int config_resolve(struct config_sections *all, struct config **ret)
{
	AUTO_CONFIG struct config *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return -ENOMEM;
	r = resolve_rest(all, c);
	if (r == 0)
		r = resolve_destinations(all, c);
	if (r < 0)
		return r;
	check_groups(all);
	check_servers_used(all);
	*ret = STEAL_PTR(c);
	return 0;
}
