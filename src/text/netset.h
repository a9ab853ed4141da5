/*
 * A set of networks, each with a number, that of its rule in the whitelist. A look-up finds the
 * smallest number among the networks that contain an address, by one binary search over disjoint
 * intervals, O(log n).
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "text/address.h"

#define NETSET_NONE UINT32_MAX

struct netset;

/* NULL when out of memory. netset_free() accepts NULL and returns NULL. */
struct netset *netset_new(void);
struct netset *netset_free(struct netset *s);

/* Adds a network; any order, repeats allowed. @number below NETSET_NONE. 0 or -ENOMEM. */
int netset_add(struct netset *s, const struct network *n, uint32_t number);

/* Computes the intervals; after the last netset_add() and before the first look-up. 0 or -ENOMEM.
 */
int netset_build(struct netset *s);

/* The smallest number of a network that contains @a; NETSET_NONE: none does. No allocation. */
uint32_t netset_find(const struct netset *s, const struct address *a);

/* All results that netset_find() can have, with repeats and NETSET_NONE. Returns their count. */
size_t netset_numbers(const struct netset *s, const uint32_t **ret);
