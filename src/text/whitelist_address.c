/*
 * As an expression an address is dangerous: "10.1.*" matches in "port 10713", "[2001:db8::1]" is
 * one byte of a set. So a line that consists of nothing but address-like text, in any notation of
 * other programs (lists, ranges, globs, netmasks, brackets, ports), is an error unless it is one
 * address, one network or one dotted prefix. A backslash shows that the author means an expression:
 * then "*" and "|" are allowed.
 */
#include "text/whitelist_address.h"

#include <errno.h>
#include <string.h>

#include "base/ascii.h"
#include "base/number.h"
#include "text/login.h"

#define PLAIN_MAX 128 /* longer than any address with zone and prefix */

static bool is_one_of(char c, const char *set)
{
	return c != '\0' && strchr(set, c);
}

/* "10.1.": one to three numbers, each with its dot, as in hosts_access(5). */
static int dotted_prefix(struct slice s, struct network *ret)
{
	struct network n = {.base = {{[10] = 0xff, [11] = 0xff}}, .prefix = 96};

	for (size_t octet = 12; s.n > 0; octet++) {
		const char *dot = memchr(s.p, '.', s.n);
		uint64_t v;
		size_t len;

		if (!dot || octet == 15)
			return -EINVAL;
		len = (size_t)(dot - s.p);
		if ((len > 1 && s.p[0] == '0') ||
		    number_parse_u64((struct slice){s.p, len}, 255, &v) < 0)
			return -EINVAL;
		n.base.bytes[octet] = (uint8_t)v;
		n.prefix = (uint8_t)(n.prefix + 8);
		s = slice_from(s, len + 1);
	}
	if (n.prefix == 96)
		return -EINVAL;
	*ret = n;
	return 0;
}

static int parse(struct slice s, struct network *ret)
{
	if (s.n > 0 && s.p[s.n - 1] == '.')
		return dotted_prefix(s, ret);
	return network_parse(s, ret);
}

/*
 * Says what parse() found wrong with @plain, which is @raw in the line; @right is as of
 * network_parse().
 */
static int fault(int r, struct slice plain, struct slice raw, const char *line,
		 const struct network *right, struct error *err)
{
	const char *slash = raw.n > 0 ? memchr(raw.p, '/', raw.n) : NULL;
	unsigned column = (unsigned)(raw.p - line) + 1;
	char text[ADDRESS_TEXT_MAX];

	if (r == -ERANGE && slash) {
		error_set(err, NULL, 0, (unsigned)(slash - line) + 2,
			  "the prefix is out of range: 0 to %s",
			  memchr(plain.p, ':', plain.n) ? "128" : "32");
	} else if (r == -EDOM && slash) {
		error_set(err, NULL, 0, column,
			  "%.*s has bits set after its prefix: the network is %s", (int)plain.n,
			  plain.p, network_format(right, text));
	} else
		error_set(err, NULL, 0, column,
			  "not a valid address: write one address, or "
			  "NETWORK/PREFIX, or a prefix that ends in a dot (192.0.2.)");
	return WHITELIST_ADDRESS_E_SYNTAX;
}

enum likeness {
	UNLIKE,	 /* it contains something else */
	NEUTRAL, /* punctuation only */
	LIKE,
};

/* "1.2.3.": three numbers, whatever comes then. */
static bool begins_dotted(struct slice s)
{
	unsigned dots = 0;

	for (size_t i = 0; i < s.n && dots < 3; i++) {
		if (s.p[i] == '.')
			dots++;
		else if (!ascii_is_digit(s.p[i]) && s.p[i] != '\\')
			return false;
	}
	return dots == 3 && ascii_is_digit(s.p[0]);
}

/* Without what other notations put around an address: quotes, brackets, "!", an anchor. */
static struct slice unwrap(struct slice s, bool escaped)
{
	while (s.n > 0 && is_one_of(s.p[0], escaped ? "[" : "\"'<([!=~^"))
		s = slice_from(s, 1);
	while (s.n > 0 && is_one_of(s.p[s.n - 1], escaped ? "]" : "\"'>)]$"))
		s.n--;
	return s;
}

static enum likeness token_likeness(struct slice s, bool escaped)
{
	size_t digits = 0, alnums = 0, colons = 0, odd = 0, hexes = 0;
	const char *zone;

	s = unwrap(s, escaped);
	zone = s.n > 1 ? memchr(s.p + 1, '%', s.n - 1) : NULL;
	if (zone)
		s.n = (size_t)(zone - s.p);
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];

		if (c == '\\' && i + 1 < s.n && is_one_of(s.p[i + 1], ".:/"))
			continue;
		/* "[2001:db8::1]:22", "[2001:db8::]/32" */
		if (c == ']' && i + 1 < s.n && is_one_of(s.p[i + 1], ":/"))
			continue;
		if (!ascii_is_alnum(c) && !is_one_of(c, escaped ? ".:/-%" : ".:/-%*?"))
			return UNLIKE;
		digits += ascii_is_digit(c);
		alnums += ascii_is_alnum(c);
		hexes += ascii_hex(c) >= 0;
		colons += c == ':';
		odd += ascii_is_alnum(c) && !ascii_is_digit(c) &&
		       (escaped || ascii_lower(c) != 'x');
	}
	if (alnums == 0)
		return NEUTRAL;
	if ((digits > 0 && odd == 0) || begins_dotted(s))
		return LIKE;
	if ((s.p[0] != ':' && ascii_hex(s.p[0]) < 0) || login_is_md5(s))
		return UNLIKE;
	return colons > 1 || (colons == 1 && hexes == alnums) ? LIKE : UNLIKE;
}

static bool looks_like_address(struct slice s)
{
	bool escaped = memchr(s.p, '\\', s.n), any = false;
	const char *separators = escaped ? " \t,;" : " \t,;|";
	const char *hash = memchr(s.p, '#', s.n);

	if (hash)
		s.n = (size_t)(hash - s.p);
	while (s.n > 0) {
		enum likeness likeness;
		size_t n = 0;

		while (n < s.n && !is_one_of(s.p[n], separators))
			n++;
		likeness = token_likeness((struct slice){s.p, n}, escaped);
		if (likeness == UNLIKE)
			return false;
		any |= likeness == LIKE;
		s = slice_from(s, n < s.n ? n + 1 : n);
	}
	return any;
}

static struct slice without_comment(struct slice s)
{
	for (size_t i = 1; i < s.n; i++)
		if (s.p[i] == '#' && ascii_is_blank(s.p[i - 1])) {
			s.n = i;
			break;
		}
	return slice_trim(s);
}

int whitelist_address_line(struct slice line, struct network *ret, struct error *err)
{
	struct slice s = without_comment(slice_trim(line)), plain;
	bool ends = false;
	char text[PLAIN_MAX];
	size_t n = 0;
	int r = -EINVAL;

	if (s.n > 0 && s.p[0] == '^')
		s = slice_from(s, 1);
	if (s.n > 0 && s.p[s.n - 1] == '$') {
		ends = true;
		s.n--;
	}
	if (s.n == 0)
		return -ENOENT;
	for (size_t i = 0; i < s.n && n < sizeof(text); i++) {
		if (s.p[i] == '\\' && i + 1 < s.n && is_one_of(s.p[i + 1], ".:/"))
			continue;
		text[n++] = s.p[i];
	}
	plain = (struct slice){text, n};
	/* "10.1.$" ends there as an expression, so it is not meant as a network. */
	if (n < sizeof(text) && !(ends && text[n - 1] == '.'))
		r = parse(plain, ret);
	if (r == 0)
		return 0;
	if (r == -EINVAL && !looks_like_address(s))
		return -ENOENT;
	return fault(r, plain, s, line.p, ret, err);
}

int whitelist_address_value(struct slice text, struct network *ret, const char *line,
			    struct error *err)
{
	int r = parse(text, ret);

	return r == 0 ? 0 : fault(r, text, text, line, ret, err);
}
