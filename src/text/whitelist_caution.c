/*
 * Expressions that allow more than their author sees. One that names no user, address or key
 * matches logins that have only sshd's own words in common. An address is recognised by its numbers
 * and dots: as text, 192.0.2.7 is also part of 192.0.2.70, and 92.0.2.7 of 192.0.2.7.
 */
#include "text/whitelist_caution.h"

#include "base/ascii.h"
#include "base/cleanup.h"

static bool finds(const struct pattern *pattern, struct pattern_memory *memory, struct slice text)
{
	return pattern_search(pattern, memory, text) == PATTERN_FOUND;
}

static bool finds_every_login(const struct pattern *pattern, struct pattern_memory *memory)
{
	static const char *const logins[][2] = {
		{"Accepted publickey for ovz from 198.51.100.44 port 50918 ssh2: ED25519 "
		 "SHA256:4Vb7kQ1yXhZ0sWm2nDq8uRj5tLc9eFa3gIoPzYxHwBk",
		 "Accepted publickey for k.u from 203.0.113.6 port 33072 ssh2: RSA "
		 "SHA256:Jd6GfNlTCsEiAaKrM+pUOvSH/8w5y1hx4Z7c3bq2tRe"},
		{"Accepted password for ovz from 198.51.100.44 port 50918 ssh2",
		 "Accepted password for k.u from 203.0.113.6 port 33072 ssh2"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(logins); i++)
		if (finds(pattern, memory, slice_of(logins[i][0])) &&
		    finds(pattern, memory, slice_of(logins[i][1])))
			return true;
	return false;
}

struct dotted {
	unsigned numbers; /* "192.0.2.": 3 */
	bool bare_dot;	  /* without a backslash before it */
	bool ends;	  /* with a digit */
};

/* The length of numbers with dots between them at the beginning of @s. */
static size_t skip_dotted(struct slice s, struct dotted *ret)
{
	struct dotted d = {0};
	size_t at = 0;

	while (at < s.n) {
		size_t digits = 0;

		while (at + digits < s.n && ascii_is_digit(s.p[at + digits]))
			digits++;
		if (digits == 0)
			break;
		d.numbers++;
		d.ends = true;
		at += digits;
		if (at + 1 < s.n && s.p[at] == '\\' && s.p[at + 1] == '.')
			at += 2;
		else if (at < s.n && s.p[at] == '.') {
			d.bare_dot = true;
			at++;
		} else
			break;
		d.ends = false;
	}
	*ret = d;
	return at;
}

/* Three numbers, or two and a dot, are part of an address; "9.2" could be a version. */
static unsigned address_cautions(struct slice text)
{
	unsigned cautions = 0;

	for (size_t at = 0; at < text.n;) {
		struct dotted d;
		size_t n = skip_dotted(slice_from(text, at), &d), end = at + n;
		bool open_left = at == 0 || text.p[at - 1] == '|' || (at == 1 && text.p[0] == '(');
		bool open_right = d.ends && (end == text.n || text.p[end] == '|');

		if (d.numbers >= 3 || (d.numbers == 2 && !d.ends)) {
			if (d.bare_dot)
				cautions |= WHITELIST_CAUTION_DOTS;
			if (open_left || (open_right && d.numbers == 4))
				cautions |= WHITELIST_CAUTION_LONGER;
		}
		at = n > 0 ? end : at + 1;
	}
	return cautions;
}

static bool has_comment(struct slice text)
{
	for (size_t i = 1; i < text.n; i++)
		if (text.p[i] == '#' && ascii_is_blank(text.p[i - 1]))
			return true;
	return false;
}

unsigned whitelist_caution_expression(struct slice text, const struct pattern *pattern,
				      struct pattern_memory *memory)
{
	unsigned cautions = address_cautions(text);

	if (finds(pattern, memory, SLICE_LITERAL("")))
		cautions |= WHITELIST_CAUTION_EMPTY;
	else if (finds_every_login(pattern, memory))
		cautions |= WHITELIST_CAUTION_EVERY_LOGIN;
	if (has_comment(text))
		cautions |= WHITELIST_CAUTION_COMMENT;
	return cautions;
}

bool whitelist_caution_wide(const struct network *n)
{
	static const struct network ipv4 = {.base = {{[10] = 0xff, [11] = 0xff}}, .prefix = 96};
	struct address ipv4_last, last;

	if (n->prefix >= ipv4.prefix + 8)
		return false;
	ipv4_last = network_last(&ipv4);
	last = network_last(n);
	if (address_compare(&n->base, &ipv4.base) >= 0 && address_compare(&last, &ipv4_last) <= 0)
		return true;
	return n->prefix < 16 || (address_compare(&n->base, &ipv4.base) <= 0 &&
				  address_compare(&last, &ipv4.base) >= 0);
}

const char *whitelist_caution_text(enum whitelist_caution caution)
{
	switch (caution) {
	case WHITELIST_CAUTION_WIDE:
		return "this network contains a large part of all addresses";
	case WHITELIST_CAUTION_ANYBODY:
		return "this rule names no user, address or key: it allows everybody's "
		       "logins if the rest of it matches";
	case WHITELIST_CAUTION_EMPTY:
		return "this expression matches the empty text: it allows every login";
	case WHITELIST_CAUTION_EVERY_LOGIN:
		return "this expression names no user, address or key: it allows "
		       "everybody's logins";
	case WHITELIST_CAUTION_DOTS:
		return "the dots of an address in an expression stand for any character: "
		       "write \\. or better allow from=ADDRESS";
	case WHITELIST_CAUTION_LONGER:
		return "an address in an expression is compared as text, and found within "
		       "longer ones too: better allow from=ADDRESS";
	case WHITELIST_CAUTION_COMMENT:
		return "\" #\" is part of the expression: a comment can follow an address "
		       "or an allow rule only";
	case WHITELIST_CAUTION_IDLE:
		return "earlier rules contain all of these addresses: this one never decides";
	}
	return "";
}
