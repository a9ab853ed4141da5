/*
 * IP addresses and networks as numbers. An IPv4 address is stored as its IPv4-mapped IPv6 address
 * (RFC 4291, section 2.5.5.2), so that ::ffff:192.0.2.1 and 192.0.2.1 are equal, and all addresses
 * have one order.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

#define ADDRESS_TEXT_MAX 64 /* bytes of the longest text made here, with its NUL */

struct address {
	uint8_t bytes[16]; /* network byte order */
};

struct network {
	struct address base; /* bits after the prefix are 0 */
	uint8_t prefix;	     /* 0 to 128, counted in the mapped form: 192.0.2.0/24 has 120 */
};

/*
 * Parses all of @s as a numeric address: dotted quad without leading zeros or short forms, or IPv6
 * as in RFC 4291, section 2.2, with an optional zone ("%eth0", not empty, no white space, no '/'),
 * which is ignored. -EINVAL.
 */
int address_parse(struct slice s, struct address *ret);

/*
 * Takes "ADDRESS" or "ADDRESS/PREFIX"; a prefix of an IPv4 address counts from 0 to 32. Bits set
 * after the prefix are an error (-EDOM), since the author meant another network; *ret is then the
 * network that contains the address. A prefix out of range is -ERANGE, everything else -EINVAL.
 */
int network_parse(struct slice s, struct network *ret);

/* The last address of a network; n->base is the first. */
struct address network_last(const struct network *n);

/* As memcmp(3). */
int address_compare(const struct address *a, const struct address *b);

/* Canonical text: RFC 5952, IPv4 as dotted quad, a single address without prefix. Returns @ret. */
char *address_format(const struct address *a, char ret[ADDRESS_TEXT_MAX]);
char *network_format(const struct network *n, char ret[ADDRESS_TEXT_MAX]);
