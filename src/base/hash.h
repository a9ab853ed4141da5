/*
 * CRC-32 (IEEE 802.3, as in zlib) guards state files against damage. FNV-1a with 128 bits names
 * things: positions and mails. Neither is meant against somebody who chooses the input; what is
 * named here is chosen by journald and by us.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* The CRC of @n bytes after what @crc covers; begin with 0. */
uint32_t hash_crc32(uint32_t crc, const void *p, size_t n);

#define HASH128_HEX 33

struct hash128 {
	uint64_t high, low;
};

struct hash128 hash_fnv_init(void);
struct hash128 hash_fnv_add(struct hash128 h, const void *p, size_t n);

/* Writes 32 hex digits and a NUL; gives @ret. */
char *hash128_hex(struct hash128 h, char ret[HASH128_HEX]);

static inline int hash128_eq(struct hash128 a, struct hash128 b)
{
	return a.high == b.high && a.low == b.low;
}
