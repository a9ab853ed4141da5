/* Numbers at both ends of their range, and what is none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "base/number.h"

static void assert_decimal(const char *text, uint64_t max, int result, uint64_t expected)
{
	uint64_t v = 7;

	assert_int_equal(number_parse_u64(slice_of(text), max, &v), result);
	assert_true(v == (result == 0 ? expected : 7));
}

static void assert_hex(const char *text, uint64_t max, int result, uint64_t expected)
{
	uint64_t v = 7;

	assert_int_equal(number_parse_hex(slice_of(text), max, &v), result);
	assert_true(v == (result == 0 ? expected : 7));
}

static void decimal_is_taken_up_to_the_maximum(void **state)
{
	(void)state;
	assert_decimal("0", 0, 0, 0);
	assert_decimal("1", 0, -ERANGE, 0);
	assert_decimal("9", 5, -ERANGE, 0);
	assert_decimal("10", 9, -ERANGE, 0);
	assert_decimal("000065535", 65535, 0, 65535);
	assert_decimal("65536", 65535, -ERANGE, 0);
	assert_decimal("18446744073709551615", UINT64_MAX, 0, UINT64_MAX);
	assert_decimal("18446744073709551616", UINT64_MAX, -ERANGE, 0);
	assert_decimal("184467440737095516150", UINT64_MAX, -ERANGE, 0);
}

static void hex_is_taken_up_to_the_maximum(void **state)
{
	(void)state;
	assert_hex("0", 0, 0, 0);
	assert_hex("f", 14, -ERANGE, 0);
	assert_hex("F", 15, 0, 15);
	assert_hex("09afAF", UINT64_MAX, 0, 0x9afaf);
	assert_hex("ffffffffffffffff", UINT64_MAX, 0, UINT64_MAX);
	assert_hex("10000000000000000", UINT64_MAX, -ERANGE, 0);
}

static void anything_but_digits_is_refused(void **state)
{
	static const char *const texts[] = {"",	 " 1", "1 ", "+1", "-1", "0x1", "1.0",
					    "/", ":",  "g",  "@",  "`",	 "\xb1"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		assert_decimal(texts[i], UINT64_MAX, -EINVAL, 0);
		assert_hex(texts[i], UINT64_MAX, -EINVAL, 0);
	}
	assert_decimal("a", UINT64_MAX, -EINVAL, 0);
}

static void number_ends_with_the_slice(void **state)
{
	uint64_t v = 7;

	(void)state;
	assert_int_equal(number_parse_u64((struct slice){"1234", 2}, 99, &v), 0);
	assert_true(v == 12);
	assert_int_equal(number_parse_u64(SLICE_LITERAL("12\0"), 99, &v), -EINVAL);
	assert_int_equal(number_parse_u64((struct slice){NULL, 0}, 99, &v), -EINVAL);
	assert_true(v == 12);
}

static void digits_are_written(void **state)
{
	static const uint64_t numbers[] = {0, 9, 10, 4711, 1795406706123456, UINT64_MAX};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		char text[NUMBER_U64_MAX], expected[NUMBER_U64_MAX + 1];
		size_t n = (size_t)(number_put_u64(text, numbers[i]) - text);

		assert_int_equal(sprintf(expected, "%" PRIu64, numbers[i]), n);
		assert_memory_equal(text, expected, n);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(decimal_is_taken_up_to_the_maximum),
		cmocka_unit_test(digits_are_written),
		cmocka_unit_test(hex_is_taken_up_to_the_maximum),
		cmocka_unit_test(anything_but_digits_is_refused),
		cmocka_unit_test(number_ends_with_the_slice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
