/* The CRC by a half-byte table, which is fast enough for a ledger; FNV-1a without a 128-bit type.
 */
#include "base/hash.h"

uint32_t hash_crc32(uint32_t crc, const void *p, size_t n)
{
	static const uint32_t table[16] = {
		0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4,
		0x4db26158, 0x5005713c, 0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
		0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
	};
	const unsigned char *at = p;

	crc = ~crc;
	for (size_t i = 0; i < n; i++) {
		crc = table[(crc ^ at[i]) & 15] ^ (crc >> 4);
		crc = table[(crc ^ (at[i] >> 4)) & 15] ^ (crc >> 4);
	}
	return ~crc;
}

/* Offset basis and prime: http://www.isthe.com/chongo/tech/comp/fnv/ */
struct hash128 hash_fnv_init(void)
{
	return (struct hash128){0x6c62272e07bb0142, 0x62b821756295c58d};
}

struct hash128 hash_fnv_add(struct hash128 h, const void *p, size_t n)
{
	const unsigned char *at = p;

	for (size_t i = 0; i < n; i++) {
		uint64_t low = h.low ^ at[i], carry;

		/*
		 * The prime is 2^88 + 0x13b: one shift and one product. The carry is computed apart
		 * from the product, since the next byte depends on that.
		 */
		carry = (low >> 32) * 0x13b + ((low & 0xffffffff) * 0x13b >> 32);
		h.high = h.high * 0x13b + (carry >> 32) + (low << 24);
		h.low = low * 0x13b;
	}
	return h;
}

char *hash128_hex(struct hash128 h, char ret[HASH128_HEX])
{
	for (size_t i = 16; i-- > 0; h.high >>= 4, h.low >>= 4) {
		ret[i] = "0123456789abcdef"[h.high & 15];
		ret[16 + i] = "0123456789abcdef"[h.low & 15];
	}
	ret[HASH128_HEX - 1] = '\0';
	return ret;
}
