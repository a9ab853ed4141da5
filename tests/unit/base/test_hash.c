/* Published vectors of CRC-32 and of FNV-1a with 128 bits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/hash.h"

static void assert_fnv(const char *text, uint64_t high, uint64_t low)
{
	struct hash128 h = hash_fnv_add(hash_fnv_init(), text, strlen(text));

	assert_true(hash128_eq(h, (struct hash128){high, low}));
}

static void crc32_gives_the_known_values(void **state)
{
	unsigned char bytes[32];

	(void)state;
	assert_true(hash_crc32(0, "", 0) == 0);
	assert_true(hash_crc32(0, "a", 1) == 0xe8b7be43);
	assert_true(hash_crc32(0, "123456789", 9) == 0xcbf43926);
	assert_true(hash_crc32(0, "The quick brown fox jumps over the lazy dog", 43) == 0x414fa339);
	memset(bytes, 0, sizeof(bytes));
	assert_true(hash_crc32(0, bytes, sizeof(bytes)) == 0x190a55ad);
	memset(bytes, 0xff, sizeof(bytes));
	assert_true(hash_crc32(0, bytes, sizeof(bytes)) == 0xff6cab0b);
}

static void crc32_goes_on_from_every_split(void **state)
{
	(void)state;
	for (size_t i = 0; i <= 9; i++)
		assert_true(hash_crc32(hash_crc32(0, "123456789", i), &"123456789"[i], 9 - i) ==
			    0xcbf43926);
}

static void fnv_gives_the_known_values(void **state)
{
	unsigned char bytes[256];
	struct hash128 h;

	(void)state;
	assert_fnv("", 0x6c62272e07bb0142, 0x62b821756295c58d);
	assert_fnv("a", 0xd228cb696f1a8caf, 0x78912b704e4a8964);
	assert_fnv("foobar", 0x343e1662793c64bf, 0x6f0d3597ba446f18);
	assert_fnv("hello", 0xe3e1efd54283d94f, 0x7081314b599d31b3);
	for (unsigned i = 0; i < 256; i++)
		bytes[i] = (unsigned char)i;
	h = hash_fnv_add(hash_fnv_init(), bytes, sizeof(bytes));
	assert_true(hash128_eq(h, (struct hash128){0x8097249afae7c216, 0x86b07bd6fa33708d}));
}

static void fnv_goes_on_from_every_split(void **state)
{
	(void)state;
	for (size_t i = 0; i <= 6; i++) {
		struct hash128 h = hash_fnv_add(hash_fnv_init(), "foobar", i);

		h = hash_fnv_add(h, &"foobar"[i], 6 - i);
		assert_true(
			hash128_eq(h, (struct hash128){0x343e1662793c64bf, 0x6f0d3597ba446f18}));
	}
}

static void hashes_are_equal_in_both_halves_only(void **state)
{
	(void)state;
	assert_true(hash128_eq((struct hash128){1, 2}, (struct hash128){1, 2}));
	assert_false(hash128_eq((struct hash128){1, 2}, (struct hash128){1, 3}));
	assert_false(hash128_eq((struct hash128){1, 2}, (struct hash128){0, 2}));
}

static void hex_has_all_digits_of_both_halves(void **state)
{
	char text[HASH128_HEX];

	(void)state;
	assert_string_equal(hash128_hex((struct hash128){0x0123456789abcdef, 0xf}, text),
			    "0123456789abcdef000000000000000f");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(crc32_gives_the_known_values),
		cmocka_unit_test(crc32_goes_on_from_every_split),
		cmocka_unit_test(fnv_gives_the_known_values),
		cmocka_unit_test(fnv_goes_on_from_every_split),
		cmocka_unit_test(hashes_are_equal_in_both_halves_only),
		cmocka_unit_test(hex_has_all_digits_of_both_halves),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
