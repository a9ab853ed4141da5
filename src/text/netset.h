/*
 * A set of networks, each with a number (its rule's place in the whitelist). It answers: which is
 * the smallest number among the networks that hold this address? Networks nest or are disjoint, so
 * they are flattened into disjoint intervals, and a look-up is one binary search, O(log n).
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "text/address.h"

#define NETSET_NONE UINT32_MAX

struct netset;

/* NULL when out of memory. netset_free() takes NULL, and gives it. */
struct netset *netset_new(void);
struct netset *netset_free(struct netset *s);

/* Adds a network; any order, repeats allowed. @number below NETSET_NONE. 0 or -ENOMEM. */
int netset_add(struct netset *s, const struct network *n, uint32_t number);

/* Makes the intervals; after the last netset_add() and before the first look-up. 0 or -ENOMEM. */
int netset_build(struct netset *s);

/* The smallest number of a network that holds @a; NETSET_NONE where none does. No allocation. */
uint32_t netset_find(const struct netset *s, const struct address *a);

/* The numbers that netset_find() can give, repeats and NETSET_NONE among them. Gives how many. */
size_t netset_numbers(const struct netset *s, const uint32_t **ret);
