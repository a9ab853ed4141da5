/*
 * A line is the first of blank, `allow`, address, and expression that fits. A line with KEY=VALUE
 * but without `allow` is a rule whose author forgot or misspelt it, not an expression. The slices
 * of an `allow` rule point into a copy of its line. A quoted value has no escapes, for DOMAIN\user.
 */
#include "text/whitelist_rule.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/timetext.h"
#include "text/login.h"
#include "text/whitelist_address.h"

static const char *const key_names[RULE_KEYS] = {
	[RULE_USER] = "user", [RULE_FROM] = "from",   [RULE_METHOD] = "method",
	[RULE_KEY] = "key",   [RULE_CA] = "ca",	      [RULE_CERT_ID] = "cert-id",
	[RULE_HOST] = "host", [RULE_UNTIL] = "until",
};

/* An `allow` line being read. */
struct fields {
	const char *begin; /* columns are counted from here */
	struct slice at;   /* what is not yet read */
	struct error *err;
};

#define FAULT(f, where, ...)                                                                       \
	(error_set((f)->err, NULL, 0, (unsigned)((where) - (f)->begin) + 1, __VA_ARGS__),          \
	 RULE_E_SYNTAX)

static bool is_word(char c)
{
	return ascii_is_alnum(c) || c == '-' || c == '_';
}

static int find_key(struct slice s)
{
	for (int i = 0; i < RULE_KEYS; i++)
		if (slice_eq_str(s, key_names[i]))
			return i;
	return -1;
}

/* One value, or one of a list: bare, or between double quotes. */
static int read_value(struct fields *f, bool list, struct slice *ret)
{
	struct slice s = f->at;
	size_t n = 0;

	if (s.n > 0 && s.p[0] == '"') {
		const char *end = memchr(s.p + 1, '"', s.n - 1);

		if (!end)
			return FAULT(f, s.p, "the quotation is not closed");
		n = (size_t)(end - s.p) + 1;
		if (n < s.n && !ascii_is_blank(s.p[n]) && !(list && s.p[n] == ','))
			return FAULT(f, s.p + n, "the quotation ends within the value");
		*ret = (struct slice){s.p + 1, n - 2};
	} else {
		while (n < s.n && !ascii_is_blank(s.p[n]) && !(list && s.p[n] == ',')) {
			if (s.p[n] == '"')
				return FAULT(f, s.p + n, "the quotation begins within the value");
			n++;
		}
		*ret = (struct slice){s.p, n};
	}
	if (ret->n == 0)
		return FAULT(f, s.p, "the value is empty");
	f->at = slice_from(s, n);
	return 0;
}

/* Whether the list has another value. */
static bool skip_comma(struct fields *f)
{
	if (f->at.n == 0 || f->at.p[0] != ',')
		return false;
	f->at = slice_from(f->at, 1);
	return true;
}

static int read_users(struct fields *f, struct rule *rule)
{
	do {
		struct slice *users =
			reallocarray(rule->users, rule->n_users + 1, sizeof(*rule->users));
		int r;

		if (!users)
			return -ENOMEM;
		rule->users = users;
		r = read_value(f, true, &users[rule->n_users]);
		if (r != 0)
			return r;
		rule->n_users++;
	} while (skip_comma(f));
	return 0;
}

static int read_networks(struct fields *f, struct rule *rule)
{
	rule->from = netset_new();
	if (!rule->from)
		return -ENOMEM;
	do {
		struct network n;
		struct slice s;
		int r;

		r = read_value(f, true, &s);
		if (r == 0)
			r = whitelist_address_value(s, &n, f->begin, f->err);
		if (r == 0)
			r = netset_add(rule->from, &n, 0);
		if (r != 0)
			return r;
		if (whitelist_caution_wide(&n))
			rule->cautions |= WHITELIST_CAUTION_WIDE;
	} while (skip_comma(f));
	return netset_build(rule->from);
}

/*
 * A day alone lasts to its end. The text must name a day: "tomorrow" would move each time the file
 * is read.
 */
static int until_parse(struct slice s, uint64_t *ret)
{
	static const char end_of_day[] = " 23:59:59.999999";
	const size_t day = strlen("2026-11-23"), end = strlen(end_of_day);
	char text[TIMETEXT_MAX];

	if (s.n > 0 && s.p[0] == '@')
		return timetext_parse(s, 0, ret);
	if (s.n < day || s.p[4] != '-' || s.n + end > sizeof(text))
		return -EINVAL;
	/* The day is followed by a time, by nothing, or by a zone. */
	if (s.n > day + 1 && strchr(" Tt", s.p[day]) && ascii_is_digit(s.p[day + 1]))
		return timetext_parse(s, 0, ret);
	memcpy(text, s.p, day);
	memcpy(text + day, end_of_day, end);
	memcpy(text + day + end, s.p + day, s.n - day);
	return timetext_parse((struct slice){text, s.n + end}, 0, ret);
}

static int read_single(struct fields *f, enum rule_key key, struct rule *rule)
{
	struct slice s;
	int r;

	r = read_value(f, false, &s);
	if (r != 0)
		return r;
	switch (key) {
	case RULE_METHOD:
		if (!login_method_known(s))
			return FAULT(f, s.p, "no method of sshd is named \"%.*s\"", (int)s.n, s.p);
		break;
	case RULE_KEY:
	case RULE_CA:
		if (!login_is_sha256(s))
			return FAULT(f, s.p,
				     "a fingerprint is SHA256: and 43 characters of base64, as "
				     "ssh-keygen -l writes it");
		break;
	case RULE_UNTIL:
		if (until_parse(s, &rule->until_usec) < 0)
			return FAULT(f, s.p,
				     "expected a date: 2027-01-31 (to the end of that day), or "
				     "\"2027-01-31 12:00\"");
		break;
	default:
		break;
	}
	rule->value[key] = s;
	return 0;
}

static int read_field(struct fields *f, struct rule *rule)
{
	struct slice s = f->at;
	size_t n = 0;
	int key;

	while (n < s.n && !ascii_is_blank(s.p[n]) && s.p[n] != '=')
		n++;
	if (n == s.n || s.p[n] != '=')
		return FAULT(f, s.p, "expected KEY=VALUE after allow");
	key = find_key((struct slice){s.p, n});
	if (key < 0)
		return FAULT(f, s.p,
			     "unknown key \"%.*s\": user, from, method, key, ca, cert-id, host and "
			     "until are known",
			     (int)n, s.p);
	if (rule->keys & 1U << key)
		return FAULT(f, s.p, "%s= is repeated", key_names[key]);
	rule->keys |= 1U << key;
	f->at = slice_from(s, n + 1);
	if (key == RULE_USER)
		return read_users(f, rule);
	if (key == RULE_FROM)
		return read_networks(f, rule);
	return read_single(f, (enum rule_key)key, rule);
}

static int fields_parse(struct slice line, size_t allow, struct rule *rule, struct error *err)
{
	const unsigned naming = 1U << RULE_USER | 1U << RULE_FROM | 1U << RULE_KEY | 1U << RULE_CA |
				1U << RULE_CERT_ID;
	struct fields f = {.err = err};

	rule->kind = RULE_FIELDS;
	rule->text = strndup(line.p, line.n); /* no NUL: see parse() */
	if (!rule->text)
		return -ENOMEM;
	f.begin = rule->text;
	f.at = slice_from((struct slice){rule->text, line.n}, allow);
	if (f.at.n > 0 && !ascii_is_blank(f.at.p[0]))
		return FAULT(&f, f.at.p, "expected a space after allow");
	for (;;) {
		int r;

		f.at = slice_trim(f.at);
		if (f.at.n == 0 || f.at.p[0] == '#')
			break;
		r = read_field(&f, rule);
		if (r != 0)
			return r;
	}
	if (rule->keys == 0)
		return FAULT(&f, f.begin + allow,
			     "allow with nothing after it would allow everybody");
	if (!(rule->keys & naming))
		rule->cautions |= WHITELIST_CAUTION_ANYBODY;
	return 0;
}

/* The offset of the end of `allow`, if the line begins with it; else 0. */
static size_t allow_length(struct slice line)
{
	static const char word[] = "allow";
	struct slice s = line;
	size_t indent;

	while (s.n > 0 && ascii_is_blank(s.p[0]))
		s = slice_from(s, 1);
	indent = line.n - s.n;
	if (!slice_starts_with(s, word))
		return 0;
	s = slice_from(s, strlen(word));
	return s.n == 0 || !is_word(s.p[0]) ? indent + strlen(word) : 0;
}

/* The first KEY=VALUE: any word at the beginning of the line, a known key anywhere. */
static const char *find_field(struct slice line)
{
	struct slice s = slice_trim(line);

	for (bool first = true; s.n > 0; first = false) {
		size_t n = 0, equals;

		while (n < s.n && is_word(s.p[n]))
			n++;
		equals = n;
		while (first && equals < s.n && ascii_is_blank(s.p[equals]))
			equals++;
		if (n > 0 && equals < s.n && s.p[equals] == '=' &&
		    (first || find_key((struct slice){s.p, n}) >= 0))
			return s.p;
		while (n < s.n && !ascii_is_blank(s.p[n]))
			n++;
		s = slice_trim(slice_from(s, n));
	}
	return NULL;
}

static int expression_parse(struct slice line, struct pattern_memory *memory, struct rule *rule,
			    struct error *err)
{
	const char *field = find_field(line);
	int r;

	rule->kind = RULE_EXPRESSION;
	if (field) {
		error_set(err, NULL, 0, (unsigned)(field - line.p) + 1,
			  "this looks like KEY=VALUE: such a rule must begin with allow");
		return RULE_E_SYNTAX;
	}
	r = pattern_new(line, &rule->pattern, err);
	if (r == PATTERN_E_SYNTAX)
		return RULE_E_SYNTAX;
	if (r < 0)
		return r;
	rule->cautions = whitelist_caution_expression(line, rule->pattern, memory);
	return 0;
}

static int parse(struct slice line, struct pattern_memory *memory, struct rule *rule,
		 struct error *err)
{
	size_t allow;
	int r;

	for (size_t i = 0; i < line.n; i++) {
		unsigned char c = (unsigned char)line.p[i];

		if ((c < ' ' && c != '\t') || c == 0x7f) {
			error_set(err, NULL, 0, (unsigned)i + 1, "control character 0x%02x", c);
			return RULE_E_SYNTAX;
		}
	}
	allow = allow_length(line);
	if (allow > 0)
		return fields_parse(line, allow, rule, err);
	rule->kind = RULE_NETWORK;
	r = whitelist_address_line(line, &rule->network, err);
	if (r == -ENOENT)
		return expression_parse(line, memory, rule, err);
	if (r == 0 && whitelist_caution_wide(&rule->network))
		rule->cautions |= WHITELIST_CAUTION_WIDE;
	return r;
}

int rule_parse(struct slice line, struct pattern_memory *memory, struct rule *ret,
	       struct error *err)
{
	struct slice trimmed = slice_trim(line);
	struct rule rule = {.kind = RULE_BLANK};
	int r = 0;

	if (trimmed.n > 0 && trimmed.p[0] != '#')
		r = parse(line, memory, &rule, err);
	if (r != 0) {
		rule_done(&rule);
		return r;
	}
	*ret = rule;
	return 0;
}

void rule_done(struct rule *r)
{
	(void)pattern_free(r->pattern);
	(void)netset_free(r->from);
	free(r->users);
	free(r->text);
}
