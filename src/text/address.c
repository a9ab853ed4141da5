/*
 * inet_pton(3) parses the address itself: glibc and musl both reject short forms and leading zeros.
 * inet_ntop(3) is not used: neither follows RFC 5952 (glibc writes ::1:1 as ::0.1.0.1, musl
 * shortens a single group of zeros).
 */
#include "text/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/number.h"

#define MAPPED_BITS  96
#define ADDRESS_BITS 128

static const uint8_t mapped_prefix[MAPPED_BITS / 8] = {[10] = 0xff, [11] = 0xff};

static bool is_mapped(const struct address *a)
{
	return memcmp(a->bytes, mapped_prefix, sizeof(mapped_prefix)) == 0;
}

/* An interface's name: the kernel (dev_valid_name()) rejects white space and '/'. */
static bool zone_valid(struct slice s)
{
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (c <= ' ' || c == 0x7f || c == '/')
			return false;
	}
	return s.n > 0;
}

static int parse(struct slice s, struct address *ret, bool *ret_ipv4)
{
	char text[INET6_ADDRSTRLEN];
	struct address a;
	const char *zone;

	if (s.n == 0)
		return -EINVAL;
	zone = memchr(s.p, '%', s.n);
	if (zone) {
		size_t n = (size_t)(zone - s.p);

		if (!zone_valid(slice_from(s, n + 1)))
			return -EINVAL;
		s.n = n;
	}
	if (s.n == 0 || s.n >= sizeof(text) || memchr(s.p, '\0', s.n))
		return -EINVAL;
	memcpy(text, s.p, s.n);
	text[s.n] = '\0';
	if (memchr(s.p, ':', s.n)) {
		if (inet_pton(AF_INET6, text, a.bytes) != 1)
			return -EINVAL;
		*ret_ipv4 = false;
	} else {
		if (zone || inet_pton(AF_INET, text, a.bytes + sizeof(mapped_prefix)) != 1)
			return -EINVAL;
		memcpy(a.bytes, mapped_prefix, sizeof(mapped_prefix));
		*ret_ipv4 = true;
	}
	*ret = a;
	return 0;
}

int address_parse(struct slice s, struct address *ret)
{
	bool ipv4;

	return parse(s, ret, &ipv4);
}

/* The bits of byte @i that the prefix covers. */
static uint8_t byte_mask(unsigned prefix, size_t i)
{
	if (prefix >= 8 * (i + 1))
		return 0xff;
	if (prefix <= 8 * i)
		return 0;
	return (uint8_t)(0xff << (8 * (i + 1) - prefix));
}

/* Only digits, so that -ERANGE means a number. */
static int prefix_parse(struct slice s, unsigned max, uint64_t *ret)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < '0' || s.p[i] > '9')
			return -EINVAL;
	if (s.n > 1 && s.p[0] == '0')
		return -EINVAL;
	return number_parse_u64(s, max, ret);
}

int network_parse(struct slice s, struct network *ret)
{
	const char *slash = s.n > 0 ? memchr(s.p, '/', s.n) : NULL;
	uint64_t prefix = ADDRESS_BITS;
	struct network n;
	bool ipv4;
	int r;

	r = parse(slash ? (struct slice){s.p, (size_t)(slash - s.p)} : s, &n.base, &ipv4);
	if (r < 0)
		return r;
	if (slash) {
		r = prefix_parse(slice_from(s, (size_t)(slash - s.p) + 1),
				 ipv4 ? ADDRESS_BITS - MAPPED_BITS : ADDRESS_BITS, &prefix);
		if (r < 0)
			return r;
		if (ipv4)
			prefix += MAPPED_BITS;
	}
	n.prefix = (uint8_t)prefix;
	*ret = n;
	for (size_t i = 0; i < sizeof(n.base.bytes); i++)
		ret->base.bytes[i] &= byte_mask(n.prefix, i);
	return address_compare(&ret->base, &n.base) == 0 ? 0 : -EDOM;
}

struct address network_last(const struct network *n)
{
	struct address a = n->base;

	for (size_t i = 0; i < sizeof(a.bytes); i++)
		a.bytes[i] |= (uint8_t)~byte_mask(n->prefix, i);
	return a;
}

int address_compare(const struct address *a, const struct address *b)
{
	return memcmp(a->bytes, b->bytes, sizeof(a->bytes));
}

/* RFC 5952, section 4.2: the longest run of two zero groups or more, the first among equals. */
static unsigned longest_zeros(const unsigned group[8], unsigned *ret_at)
{
	unsigned best = 1;

	*ret_at = 8;
	for (unsigned at = 0; at < 8; at++) {
		unsigned n = 0;

		while (at + n < 8 && group[at + n] == 0)
			n++;
		if (n > best) {
			best = n;
			*ret_at = at;
		}
	}
	return best;
}

char *address_format(const struct address *a, char ret[ADDRESS_TEXT_MAX])
{
	const uint8_t *b = a->bytes;
	unsigned group[8], at, zeros;
	int n = 0;

	if (is_mapped(a)) {
		(void)snprintf(ret, ADDRESS_TEXT_MAX, "%u.%u.%u.%u", b[12], b[13], b[14], b[15]);
		return ret;
	}
	for (unsigned i = 0; i < 8; i++)
		group[i] = (unsigned)b[2 * i] << 8 | b[2 * i + 1];
	zeros = longest_zeros(group, &at);
	for (unsigned i = 0; i < 8;) {
		const char *separator = i == 0 || i == at + zeros ? "" : ":";

		if (i == at) {
			n += snprintf(ret + n, (size_t)(ADDRESS_TEXT_MAX - n), "::");
			i += zeros;
			continue;
		}
		n += snprintf(ret + n, (size_t)(ADDRESS_TEXT_MAX - n), "%s%x", separator, group[i]);
		i++;
	}
	return ret;
}

char *network_format(const struct network *n, char ret[ADDRESS_TEXT_MAX])
{
	unsigned prefix = n->prefix;
	size_t len;

	(void)address_format(&n->base, ret);
	if (prefix == ADDRESS_BITS)
		return ret;
	if (is_mapped(&n->base) && prefix >= MAPPED_BITS)
		prefix -= MAPPED_BITS;
	len = strlen(ret);
	(void)snprintf(ret + len, ADDRESS_TEXT_MAX - len, "/%u", prefix);
	return ret;
}
