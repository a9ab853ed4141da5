/*
 * Two networks nest or are disjoint. So one sweep in order of first addresses, wider networks
 * first, with a stack of the open ones, yields disjoint intervals, each with the smallest number of
 * its open networks. Only the begin of an interval is stored; it ends at the next begin. At most
 * 129 networks are open at once, one per prefix length.
 *
 * The IPv4 part, in which addresses differ in 32 bits only, is stored a second time as such: a
 * hundred thousand networks then fit in a processor's cache.
 */
#include "text/netset.h"

#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"

#define OPEN_MAX 129

struct point {
	uint64_t high, low;
};

struct member {
	struct point first;
	uint32_t number;
	uint8_t prefix;
};

struct netset {
	struct member *members; /* until netset_build() */
	size_t n_members, cap_members;
	struct point *starts; /* ascending; before the first there is NETSET_NONE */
	uint32_t *numbers;    /* numbers[i]: from starts[i] on */
	size_t n;
	uint32_t *ipv4; /* of starts[ipv4_at] and what follows it */
	size_t ipv4_at, n_ipv4;
};

struct netset *netset_new(void)
{
	return calloc(1, sizeof(struct netset));
}

struct netset *netset_free(struct netset *s)
{
	if (!s)
		return NULL;
	free(s->members);
	free(s->starts);
	free(s->numbers);
	free(s->ipv4);
	free(s);
	return NULL;
}

static struct point point_of(const struct address *a)
{
	struct point p = {0, 0};

	for (size_t i = 0; i < 8; i++) {
		p.high = p.high << 8 | a->bytes[i];
		p.low = p.low << 8 | a->bytes[8 + i];
	}
	return p;
}

static int compare_points(struct point a, struct point b)
{
	if (a.high != b.high)
		return a.high < b.high ? -1 : 1;
	return (a.low > b.low) - (a.low < b.low);
}

static bool is_ipv4(struct point p)
{
	return p.high == 0 && p.low >> 32 == 0xffff;
}

/* The bits after the prefix. */
static struct point tail_of(unsigned prefix)
{
	if (prefix < 64)
		return (struct point){UINT64_MAX >> prefix, UINT64_MAX};
	return (struct point){0, prefix < 128 ? UINT64_MAX >> (prefix - 64) : 0};
}

int netset_add(struct netset *s, const struct network *n, uint32_t number)
{
	struct point first = point_of(&n->base), tail = tail_of(n->prefix);

	if (s->n_members == s->cap_members) {
		size_t cap = s->cap_members ? 2 * s->cap_members : 16;
		struct member *members = reallocarray(s->members, cap, sizeof(*members));

		if (!members)
			return -ENOMEM;
		s->members = members;
		s->cap_members = cap;
	}
	first.high &= ~tail.high;
	first.low &= ~tail.low;
	s->members[s->n_members++] = (struct member){first, number, n->prefix};
	return 0;
}

static int compare_members(const void *pa, const void *pb)
{
	const struct member *a = pa, *b = pb;
	int c = compare_points(a->first, b->first);

	if (c != 0)
		return c;
	if (a->prefix != b->prefix)
		return a->prefix < b->prefix ? -1 : 1;
	return (a->number > b->number) - (a->number < b->number);
}

/* @number is that of the addresses from @at on. Neighbours with one number become one interval. */
static void begin(struct netset *s, struct point at, uint32_t number)
{
	if (s->n > 0 && compare_points(s->starts[s->n - 1], at) == 0)
		s->n--;
	if ((s->n > 0 ? s->numbers[s->n - 1] : NETSET_NONE) == number)
		return;
	s->starts[s->n] = at;
	s->numbers[s->n++] = number;
}

struct open {
	struct point last;
	uint32_t smallest; /* of this one and of all around it */
};

/* Closes the innermost open network. */
static void end(struct netset *s, const struct open *open, size_t depth)
{
	struct point at = open[depth - 1].last;

	if (++at.low == 0 && ++at.high == 0)
		return;
	begin(s, at, depth > 1 ? open[depth - 2].smallest : NETSET_NONE);
}

static void sweep(struct netset *s, const struct member *members, size_t n)
{
	struct open open[OPEN_MAX];
	size_t depth = 0;

	for (size_t i = 0; i < n; i++) {
		const struct member *m = &members[i];
		struct point tail = tail_of(m->prefix);
		uint32_t smallest = m->number;

		if (i > 0 && m->prefix == m[-1].prefix &&
		    compare_points(m->first, m[-1].first) == 0)
			continue;
		while (depth > 0 && compare_points(open[depth - 1].last, m->first) < 0)
			end(s, open, depth--);
		if (depth > 0 && open[depth - 1].smallest < smallest)
			smallest = open[depth - 1].smallest;
		open[depth++] = (struct open){{m->first.high | tail.high, m->first.low | tail.low},
					      smallest};
		begin(s, m->first, smallest);
	}
	for (; depth > 0; depth--)
		end(s, open, depth);
}

static int copy_ipv4(struct netset *s)
{
	size_t at = 0;

	while (at < s->n &&
	       compare_points(s->starts[at], (struct point){0, UINT64_C(0xffff) << 32}) < 0)
		at++;
	s->ipv4_at = at;
	while (at < s->n && is_ipv4(s->starts[at]))
		at++;
	s->ipv4 = calloc(at - s->ipv4_at + 1, sizeof(*s->ipv4));
	if (!s->ipv4)
		return -ENOMEM;
	for (; s->ipv4_at + s->n_ipv4 < at; s->n_ipv4++)
		s->ipv4[s->n_ipv4] = (uint32_t)s->starts[s->ipv4_at + s->n_ipv4].low;
	return 0;
}

int netset_build(struct netset *s)
{
	AUTO_FREE struct member *members = STEAL_PTR(s->members);
	size_t n = s->n_members;

	s->n_members = s->cap_members = 0;
	if (n == 0)
		return 0;
	/* A network begins an interval, and the one around it begins another after it. */
	s->starts = calloc(n, 2 * sizeof(*s->starts));
	s->numbers = calloc(n, 2 * sizeof(*s->numbers));
	if (!s->starts || !s->numbers)
		return -ENOMEM;
	qsort(members, n, sizeof(*members), compare_members);
	sweep(s, members, n);
	return copy_ipv4(s);
}

/* How many begin at or below @at, without branches that depend on the data. */
static size_t count_ipv4(const struct netset *s, uint32_t at)
{
	size_t low = 0, n = s->n_ipv4;

	while (n > 0) {
		size_t half = n / 2;
		bool below = s->ipv4[low + half] <= at;

		low += below ? n - half : 0;
		n = half;
	}
	return low;
}

static size_t count(const struct netset *s, struct point at)
{
	size_t low = 0, n = s->n;

	while (n > 0) {
		size_t half = n / 2;
		bool below = compare_points(s->starts[low + half], at) <= 0;

		low += below ? n - half : 0;
		n = half;
	}
	return low;
}

uint32_t netset_find(const struct netset *s, const struct address *a)
{
	struct point at = point_of(a);
	size_t n = is_ipv4(at) ? s->ipv4_at + count_ipv4(s, (uint32_t)at.low) : count(s, at);

	return n > 0 ? s->numbers[n - 1] : NETSET_NONE;
}

size_t netset_numbers(const struct netset *s, const uint32_t **ret)
{
	*ret = s->numbers;
	return s->n;
}
