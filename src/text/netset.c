/*
 * Two networks nest or are disjoint. So one sweep in order of their first address (the wider one
 * first) with a stack of the open ones gives disjoint intervals, each with the smallest number of
 * all networks that are open there. Only where an interval begins is kept, as two 64-bit numbers;
 * it ends where the next begins. No more than 129 networks are open at a time, one a prefix.
 */
#include "text/netset.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

#define OPEN_MAX 129

struct member {
	struct network network;
	uint32_t number;
};

struct start {
	uint64_t high, low;
};

struct netset {
	struct member *members; /* until netset_build() */
	size_t n_members, cap_members;
	struct start *starts; /* ascending; before the first there is NETSET_NONE */
	uint32_t *numbers;    /* numbers[i]: from starts[i] on */
	size_t n;
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
	free(s);
	return NULL;
}

int netset_add(struct netset *s, const struct network *n, uint32_t number)
{
	if (s->n_members == s->cap_members) {
		size_t cap = s->cap_members ? 2 * s->cap_members : 16;
		struct member *members = reallocarray(s->members, cap, sizeof(*members));

		if (!members)
			return -ENOMEM;
		s->members = members;
		s->cap_members = cap;
	}
	s->members[s->n_members++] = (struct member){{network_first(n), n->prefix}, number};
	return 0;
}

static int compare_members(const void *pa, const void *pb)
{
	const struct member *a = pa, *b = pb;
	int c = address_compare(&a->network.base, &b->network.base);

	if (c != 0)
		return c;
	if (a->network.prefix != b->network.prefix)
		return a->network.prefix < b->network.prefix ? -1 : 1;
	return (a->number > b->number) - (a->number < b->number);
}

static struct start start_of(const struct address *a)
{
	struct start s = {0, 0};

	for (size_t i = 0; i < 8; i++) {
		s.high = s.high << 8 | a->bytes[i];
		s.low = s.low << 8 | a->bytes[8 + i];
	}
	return s;
}

/* From @at on, @number holds. Neighbours with one number are one interval. */
static void begin(struct netset *s, struct start at, uint32_t number)
{
	if (s->n > 0 && s->starts[s->n - 1].high == at.high && s->starts[s->n - 1].low == at.low)
		s->n--;
	if ((s->n > 0 ? s->numbers[s->n - 1] : NETSET_NONE) == number)
		return;
	s->starts[s->n] = at;
	s->numbers[s->n++] = number;
}

struct open {
	struct address last;
	uint32_t smallest; /* of this one and of all around it */
};

/* Closes the innermost open network. */
static void end(struct netset *s, const struct open *open, size_t depth)
{
	struct start at = start_of(&open[depth - 1].last);

	if (++at.low == 0 && ++at.high == 0)
		return;
	begin(s, at, depth > 1 ? open[depth - 2].smallest : NETSET_NONE);
}

int netset_build(struct netset *s)
{
	AUTO_FREE struct member *members = TAKE_PTR(s->members);
	size_t n = s->n_members, depth = 0;
	struct open open[OPEN_MAX];

	s->n_members = s->cap_members = 0;
	if (n == 0)
		return 0;
	/* A network begins an interval, and what is around it goes on behind it. */
	s->starts = calloc(n, 2 * sizeof(*s->starts));
	s->numbers = calloc(n, 2 * sizeof(*s->numbers));
	if (!s->starts || !s->numbers)
		return -ENOMEM;
	qsort(members, n, sizeof(*members), compare_members);
	for (size_t i = 0; i < n; i++) {
		const struct member *m = &members[i];
		uint32_t smallest = m->number;

		if (i > 0 && m->network.prefix == m[-1].network.prefix &&
		    address_compare(&m->network.base, &m[-1].network.base) == 0)
			continue;
		while (depth > 0 && address_compare(&open[depth - 1].last, &m->network.base) < 0)
			end(s, open, depth--);
		if (depth > 0 && open[depth - 1].smallest < smallest)
			smallest = open[depth - 1].smallest;
		open[depth++] = (struct open){network_last(&m->network), smallest};
		begin(s, start_of(&m->network.base), smallest);
	}
	for (; depth > 0; depth--)
		end(s, open, depth);
	return 0;
}

uint32_t netset_find(const struct netset *s, const struct address *a)
{
	struct start at = start_of(a);
	size_t low = 0, n = s->n;

	/* All before @low begin at or below @at; what is sought is the last of these. */
	while (n > 0) {
		size_t half = n / 2;
		const struct start *m = &s->starts[low + half];
		bool below = m->high < at.high || (m->high == at.high && m->low <= at.low);

		low += below ? half + 1 : 0;
		n = below ? n - half - 1 : half;
	}
	return low > 0 ? s->numbers[low - 1] : NETSET_NONE;
}

size_t netset_numbers(const struct netset *s, const uint32_t **ret)
{
	*ret = s->numbers;
	return s->n;
}
