/* Sorted by value to join equal ones, then by count. */
#include "text/message/tally.h"

#include <errno.h>

static int compare_values(struct slice a, struct slice b)
{
	size_t n = a.n < b.n ? a.n : b.n;
	int r = n > 0 ? memcmp(a.p, b.p, n) : 0;

	return r ? r : (a.n > b.n) - (a.n < b.n);
}

static int by_value(const void *a, const void *b)
{
	const struct tally_item *left = a, *right = b;

	return compare_values(left->value, right->value);
}

static int by_count(const void *a, const void *b)
{
	const struct tally_item *left = a, *right = b;

	if (left->count != right->count)
		return left->count < right->count ? 1 : -1;
	return compare_values(left->value, right->value);
}

static size_t join_equal(struct tally_item *items, size_t n)
{
	size_t kept = 0;

	for (size_t i = 0; i < n; i++) {
		if (kept > 0 && slice_eq(items[kept - 1].value, items[i].value))
			items[kept - 1].count += items[i].count;
		else
			items[kept++] = items[i];
	}
	return kept;
}

int tally_make(const struct alert *alerts, size_t n, tally_field field, const void *userdata,
	       uint64_t (*weight)(const struct alert *a), struct tally *ret)
{
	struct tally_item *items = calloc(n ? n : 1, sizeof(*items));
	size_t k = 0;

	if (!items)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		struct slice value = field(&alerts[i], userdata);

		if (value.p)
			items[k++] = (struct tally_item){value, weight(&alerts[i])};
	}
	qsort(items, k, sizeof(*items), by_value);
	k = join_equal(items, k);
	qsort(items, k, sizeof(*items), by_count);
	*ret = (struct tally){items, k};
	return 0;
}

void tally_done(struct tally *t)
{
	free(t->items);
	*t = (struct tally){NULL, 0};
}
