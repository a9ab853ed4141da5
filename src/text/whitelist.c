/*
 * Rules are numbered in the order of files and lines. All plain addresses and networks are one
 * netset, which finds the smallest number among them; the other rules are tried in order while
 * their number is smaller. So a hundred thousand addresses cost one look-up.
 *
 * Nothing doubtful is allowed: no rule is tried on an ambiguous login, fields at the end of a cut
 * message do not match, nor does an expression that reaches a limit.
 *
 * Expressions search a copy of the message in which each part that sshd did not write is one NUL
 * byte: the text around it must not join to something that nobody wrote, and "." matches it.
 */
#include "text/whitelist.h"

#include <errno.h>
#include <stdlib.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "text/netset.h"
#include "text/pattern.h"
#include "text/whitelist_rule.h"

/* sshd cuts at 500 bytes, Dropbear at 1024; what is longer is no message of theirs. */
#define SEARCHED_MAX 4096

struct place {
	uint32_t line;
	uint32_t file;
	unsigned cautions;
};

struct other {
	uint32_t number;
	struct rule rule;
};

struct whitelist {
	char **files;
	size_t n_files;
	struct place *places; /* by number */
	size_t n_places, cap_places;
	struct netset *networks;
	struct other *others; /* `allow` rules and expressions, ascending */
	size_t n_others, cap_others;
	struct pattern_memory *memory;
	struct buffer message, user, cert_id; /* working memory, made once */
};

struct whitelist *whitelist_new(void)
{
	AUTO_WHITELIST struct whitelist *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	w->message.max = w->user.max = w->cert_id.max = SEARCHED_MAX;
	w->networks = netset_new();
	w->memory = pattern_memory_new();
	if (!w->networks || !w->memory)
		return NULL;
	return STEAL_PTR(w);
}

struct whitelist *whitelist_free(struct whitelist *w)
{
	if (!w)
		return NULL;
	for (size_t i = 0; i < w->n_files; i++)
		free(w->files[i]);
	free(w->files);
	free(w->places);
	for (size_t i = 0; i < w->n_others; i++)
		rule_done(&w->others[i].rule);
	free(w->others);
	(void)netset_free(w->networks);
	(void)pattern_memory_free(w->memory);
	buffer_done(&w->message);
	buffer_done(&w->user);
	buffer_done(&w->cert_id);
	free(w);
	return NULL;
}

/* @array of @n items of @size bytes, with room for one more; NULL when out of memory. */
static void *grow(void *array, size_t n, size_t *cap, size_t size)
{
	size_t more = *cap ? 2 * *cap : 16;
	void *p;

	if (n < *cap)
		return array;
	p = reallocarray(array, more, size);
	if (p)
		*cap = more;
	return p;
}

/* On 0, owns the content of @rule. */
static int add_rule(struct whitelist *w, struct rule *rule, uint32_t line)
{
	uint32_t number = (uint32_t)w->n_places;
	struct place *places;
	struct other *others;
	int r;

	if (w->n_places >= NETSET_NONE)
		return -ENOMEM;
	places = grow(w->places, w->n_places, &w->cap_places, sizeof(*places));
	if (!places)
		return -ENOMEM;
	w->places = places;
	if (rule->kind == RULE_NETWORK) {
		r = netset_add(w->networks, &rule->network, number);
		if (r < 0)
			return r;
	} else {
		others = grow(w->others, w->n_others, &w->cap_others, sizeof(*others));
		if (!others)
			return -ENOMEM;
		w->others = others;
		w->others[w->n_others++] = (struct other){number, *rule};
	}
	w->places[w->n_places++] = (struct place){
		line, (uint32_t)w->n_files - 1,
		rule->cautions | (rule->kind == RULE_NETWORK ? WHITELIST_CAUTION_IDLE : 0)};
	return 0;
}

static int add_line(struct whitelist *w, struct slice text, uint32_t line, struct error *err)
{
	struct error fault;
	struct rule rule;
	int r;

	r = rule_parse(text, w->memory, &rule, &fault);
	if (r == RULE_E_SYNTAX) {
		error_set(err, w->files[w->n_files - 1], line, fault.column, "%s", fault.text);
		return WHITELIST_E_SYNTAX;
	}
	if (r < 0 || rule.kind == RULE_BLANK)
		return r;
	r = add_rule(w, &rule, line);
	if (r < 0)
		rule_done(&rule);
	return r;
}

static int add_file(struct whitelist *w, const char *name)
{
	char **files = reallocarray(w->files, w->n_files + 1, sizeof(*files));

	if (!files)
		return -ENOMEM;
	w->files = files;
	w->files[w->n_files] = strdup(name);
	if (!w->files[w->n_files])
		return -ENOMEM;
	w->n_files++;
	return 0;
}

int whitelist_add(struct whitelist *w, struct slice text, const char *name, struct error *err)
{
	int r = add_file(w, name);

	if (slice_starts_with(text, "\xef\xbb\xbf"))
		text = slice_from(text, 3);
	for (uint32_t line = 1; r == 0 && text.n > 0; line++)
		r = add_line(w, slice_cut_line(&text), line, err);
	return r;
}

int whitelist_build(struct whitelist *w)
{
	const uint32_t *numbers;
	size_t n;
	int r;

	r = buffer_reserve(&w->message, SEARCHED_MAX);
	if (r == 0)
		r = buffer_reserve(&w->user, SEARCHED_MAX);
	if (r == 0)
		r = buffer_reserve(&w->cert_id, SEARCHED_MAX);
	if (r == 0)
		r = netset_build(w->networks);
	if (r < 0)
		return r;
	n = netset_numbers(w->networks, &numbers);
	for (size_t i = 0; i < n; i++)
		if (numbers[i] != NETSET_NONE)
			w->places[numbers[i]].cautions &= ~(unsigned)WHITELIST_CAUTION_IDLE;
	return 0;
}

size_t whitelist_size(const struct whitelist *w)
{
	return w->n_places;
}

/* The login that the rules are compared with; copies are made when a rule first needs them. */
struct matching {
	struct whitelist *w;
	const struct whitelist_query *q;
	struct slice searched, user, cert_id; /* p == NULL: not made yet */
};

enum answer {
	ANSWER_NO,
	ANSWER_YES,
	ANSWER_LIMIT,
	ANSWER_CUT, /* it needs a field at the end of a cut message */
};

/* The field without sshd's escapes; absent if it is too long for a name. */
static struct slice unescaped(const struct matching *m, struct slice s, struct buffer *b)
{
	if (!m->q->login->vis_escaped || !s.p || !memchr(s.p, '\\', s.n))
		return s;
	buffer_clear(b);
	return login_unescape(s, b) < 0 ? (struct slice){NULL, 0} : buffer_slice(b);
}

static bool user_holds(struct matching *m, const struct rule *rule)
{
	if (!m->user.p)
		m->user = unescaped(m, m->q->login->user, &m->w->user);
	for (size_t i = 0; m->user.p && i < rule->n_users; i++)
		if (slice_eq(rule->users[i], m->user))
			return true;
	return false;
}

static bool cert_id_holds(struct matching *m, struct slice wanted)
{
	if (!m->cert_id.p)
		m->cert_id = unescaped(m, m->q->login->cert_id, &m->w->cert_id);
	return m->cert_id.p && slice_eq(wanted, m->cert_id);
}

/* "keyboard-interactive" also means each of its submethods. */
static bool method_holds(struct slice wanted, struct slice method)
{
	if (method.n > wanted.n && method.p[wanted.n] == '/')
		method.n = wanted.n;
	return slice_eq(wanted, method);
}

static bool expired(const struct rule *rule, uint64_t now_usec)
{
	return rule->keys & 1U << RULE_UNTIL && now_usec > rule->until_usec;
}

static bool field_holds(struct matching *m, const struct rule *rule, enum rule_key key)
{
	const struct login *login = m->q->login;
	struct slice wanted = rule->value[key];

	switch (key) {
	case RULE_USER:
		return user_holds(m, rule);
	case RULE_FROM:
		return login->addr_known && netset_find(rule->from, &login->address) != NETSET_NONE;
	case RULE_METHOD:
		return method_holds(wanted, login->method);
	case RULE_KEY:
		return slice_eq(wanted, login->fingerprint);
	case RULE_CA:
		return slice_eq(wanted, login->ca_fingerprint);
	case RULE_CERT_ID:
		return cert_id_holds(m, wanted);
	case RULE_HOST:
		return slice_eq_nocase(wanted, m->q->host); /* RFC 4343 */
	case RULE_UNTIL:
		return !expired(rule, m->q->now_usec);
	case RULE_KEYS:
		break;
	}
	return false;
}

static enum answer fields_hold(struct matching *m, const struct rule *rule)
{
	const unsigned at_end = 1U << RULE_CA | 1U << RULE_CERT_ID;
	unsigned asked = rule->keys;

	if (m->q->login->cut)
		asked &= ~at_end;
	for (enum rule_key key = 0; key < RULE_KEYS; key++)
		if (asked & 1U << key && !field_holds(m, rule, key))
			return ANSWER_NO;
	return asked == rule->keys ? ANSWER_YES : ANSWER_CUT;
}

/* The message without the parts that sshd did not write; -E2BIG. */
static int make_searched(struct matching *m)
{
	const struct login *login = m->q->login;
	struct slice rest = m->q->message;
	struct buffer *b = &m->w->message;
	int r = 0;

	buffer_clear(b);
	for (size_t i = 0; i < login->n_foreign && r == 0; i++) {
		struct slice foreign = login->foreign[i];
		size_t before = (size_t)(foreign.p - rest.p);

		r = buffer_append(b, rest.p, before);
		if (r == 0)
			r = buffer_append_char(b, '\0');
		rest = slice_from(rest, before + foreign.n);
	}
	if (r == 0)
		r = buffer_append_slice(b, rest);
	if (r == 0)
		m->searched = buffer_slice(b);
	return r;
}

static enum answer expression_holds(struct matching *m, const struct rule *rule)
{
	enum pattern_answer found;

	if (m->q->login->cut)
		return ANSWER_CUT;
	if (!m->searched.p && make_searched(m) < 0)
		return ANSWER_LIMIT;
	found = pattern_search(rule->pattern, m->w->memory, m->searched);
	if (found == PATTERN_FAILED)
		return ANSWER_LIMIT;
	return found == PATTERN_FOUND ? ANSWER_YES : ANSWER_NO;
}

static void allow(const struct whitelist *w, uint32_t number, struct verdict *ret)
{
	const struct place *place = &w->places[number];

	*ret = (struct verdict){
		.allowed = true, .file = w->files[place->file], .line = place->line};
}

/* Only the first refusal is kept. */
static void refuse(const struct whitelist *w, uint32_t number, enum whitelist_refusal refusal,
		   struct verdict *ret)
{
	const struct place *place = &w->places[number];

	if (ret->refusal != WHITELIST_REFUSAL_NONE)
		return;
	ret->refusal = refusal;
	ret->refusal_file = w->files[place->file];
	ret->refusal_line = place->line;
}

void whitelist_judge(struct whitelist *w, const struct whitelist_query *q, struct verdict *ret)
{
	struct matching m = {.w = w, .q = q};
	uint32_t network = NETSET_NONE;

	*ret = (struct verdict){0};
	if (q->login->ambiguous) {
		ret->refusal = WHITELIST_REFUSAL_AMBIGUOUS;
		return;
	}
	if (q->login->addr_known)
		network = netset_find(w->networks, &q->login->address);
	for (size_t i = 0; i < w->n_others && w->others[i].number < network; i++) {
		const struct other *other = &w->others[i];
		enum answer answer = other->rule.kind == RULE_FIELDS
					     ? fields_hold(&m, &other->rule)
					     : expression_holds(&m, &other->rule);

		if (answer == ANSWER_YES) {
			allow(w, other->number, ret);
			return;
		}
		if (answer == ANSWER_LIMIT)
			refuse(w, other->number, WHITELIST_REFUSAL_MATCH_LIMIT, ret);
		else if (answer == ANSWER_CUT)
			refuse(w, other->number, WHITELIST_REFUSAL_CUT, ret);
	}
	if (network != NETSET_NONE)
		allow(w, network, ret);
}

void whitelist_warnings(const struct whitelist *w, uint64_t now_usec,
			void (*warn)(const struct error *what, void *userdata), void *userdata)
{
	struct error what;
	size_t next = 0;

	for (size_t i = 0; i < w->n_places; i++) {
		const struct place *place = &w->places[i];
		const char *file = w->files[place->file];

		for (unsigned caution = 1; caution <= place->cautions; caution <<= 1)
			if (place->cautions & caution) {
				error_set(&what, file, place->line, 0, "%s",
					  whitelist_caution_text((enum whitelist_caution)caution));
				warn(&what, userdata);
			}
		if (next == w->n_others || w->others[next].number != i)
			continue;
		if (expired(&w->others[next++].rule, now_usec)) {
			error_set(&what, file, place->line, 0, "this rule ended with its until=");
			warn(&what, userdata);
		}
	}
}
