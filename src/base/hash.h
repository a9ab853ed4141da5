/*
 * CRC-32 (IEEE 802.3, as in zlib) detects damage in state files. FNV-1a with 128 bits names
 * positions and messages. Neither resists an attacker who chooses the input; the inputs here are
 * chosen by journald and by loginbell.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* The CRC of the bytes that @crc covers (0: none) and @n more. */
uint32_t hash_crc32(uint32_t crc, const void *p, size_t n);

#define HASH128_HEX 33

struct hash128 {
	uint64_t high, low;
};

struct hash128 hash_fnv_init(void);
struct hash128 hash_fnv_add(struct hash128 h, const void *p, size_t n);

/* Writes 32 hexadecimal digits and a NUL. Returns @ret. */
char *hash128_hex(struct hash128 h, char ret[HASH128_HEX]);

static inline int hash128_eq(struct hash128 a, struct hash128 b)
{
	return a.high == b.high && a.low == b.low;
}
