/* How often each value of a field occurs among alerts. Private to text/message. */
#pragma once

#include "text/alert.h"

struct tally_item {
	struct slice value;
	uint64_t count; /* sum of weights */
};

struct tally {
	struct tally_item *items; /* owned; the most frequent first, then by value */
	size_t n;
};

typedef struct slice (*tally_field)(const struct alert *a, const void *userdata);

/*
 * Counts the values of @field over @n alerts, each with its @weight. Absent values are left out.
 * The alerts must outlive *ret, which needs tally_done(). -ENOMEM.
 */
int tally_make(const struct alert *alerts, size_t n, tally_field field, const void *userdata,
	       uint64_t (*weight)(const struct alert *a), struct tally *ret);
void tally_done(struct tally *t);
