/* The buffer up to its maximum and one beyond; what fails leaves it as it was. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>

#include "base/buffer.h"

static void append_takes_every_kind(void **state)
{
	AUTO_BUFFER struct buffer b = BUFFER_INIT(100);

	(void)state;
	assert_int_equal(buffer_append(&b, "a\0b", 3), 0);
	assert_int_equal(buffer_append_slice(&b, SLICE_LITERAL("cd")), 0);
	assert_int_equal(buffer_append_str(&b, "ef"), 0);
	assert_int_equal(buffer_append_char(&b, 'g'), 0);
	assert_int_equal(buffer_printf(&b, "%d%s", 12, "h"), 0);
	assert_true(slice_eq(buffer_slice(&b), SLICE_LITERAL("a\0bcdefg12h")));
}

static void numbers_are_written_whole_or_not_at_all(void **state)
{
	AUTO_BUFFER struct buffer b = BUFFER_INIT(25);

	(void)state;
	assert_int_equal(buffer_append_u64(&b, 0), 0);
	assert_int_equal(buffer_append_u64(&b, 9), 0);
	assert_int_equal(buffer_append_u64(&b, 10), 0);
	assert_int_equal(buffer_append_u64(&b, UINT64_MAX), 0);
	assert_string_equal(buffer_cstr(&b), "091018446744073709551615");
	assert_int_equal(buffer_append_u64(&b, 10), -E2BIG);
	assert_int_equal(b.len, 24);
}

static void empty_buffer_gives_an_empty_text(void **state)
{
	AUTO_BUFFER struct buffer b = BUFFER_INIT(0);

	(void)state;
	assert_non_null(buffer_slice(&b).p);
	assert_int_equal(buffer_append(&b, NULL, 0), 0);
	assert_int_equal(buffer_append_slice(&b, (struct slice){NULL, 0}), 0);
	assert_int_equal(buffer_printf(&b, "%s", ""), 0);
	assert_int_equal(b.len, 0);
	assert_int_equal(buffer_append_char(&b, 'x'), -E2BIG);
	assert_string_equal(buffer_cstr(&b), "");
}

static void maximum_is_reached_and_not_passed(void **state)
{
	AUTO_BUFFER struct buffer b = BUFFER_INIT(5);

	(void)state;
	assert_int_equal(buffer_append_str(&b, "123456"), -E2BIG);
	assert_int_equal(b.len, 0);
	assert_int_equal(buffer_append_str(&b, "123"), 0);
	assert_int_equal(buffer_printf(&b, "%s", "456"), -E2BIG);
	assert_int_equal(buffer_append_str(&b, "456"), -E2BIG);
	assert_int_equal(buffer_reserve(&b, 3), -E2BIG);
	assert_int_equal(buffer_reserve(&b, SIZE_MAX), -E2BIG);
	assert_string_equal(buffer_cstr(&b), "123");
	assert_int_equal(buffer_printf(&b, "%s", "45"), 0);
	assert_int_equal(buffer_append_char(&b, '6'), -E2BIG);
	assert_string_equal(buffer_cstr(&b), "12345");
}

static void nul_fits_behind_a_full_block(void **state)
{
	AUTO_BUFFER struct buffer b = BUFFER_INIT(128);

	(void)state;
	for (int i = 0; i < 128; i++)
		assert_int_equal(buffer_append_char(&b, 'x'), 0);
	assert_int_equal(strlen(buffer_cstr(&b)), 128);
	assert_int_equal(b.len, 128);
}

static void growth_keeps_the_content(void **state)
{
	AUTO_BUFFER struct buffer b = BUFFER_INIT(100000);

	(void)state;
	for (unsigned i = 0; i < 100000; i++)
		assert_int_equal(buffer_append_char(&b, (char)(i % 251)), 0);
	for (unsigned i = 0; i < 100000; i++)
		assert_int_equal(b.data[i], (char)(i % 251));
	assert_int_equal(buffer_append_char(&b, 0), -E2BIG);
}

static void reserve_gives_room_without_length(void **state)
{
	AUTO_BUFFER struct buffer b = BUFFER_INIT(1000);

	(void)state;
	assert_int_equal(buffer_append_str(&b, "ab"), 0);
	assert_int_equal(buffer_reserve(&b, 998), 0);
	assert_int_equal(b.len, 2);
	memset(b.data + b.len, 'x', 998);
	assert_memory_equal(b.data, "abx", 3);
}

static void buffer_is_used_again_after_clear_and_done(void **state)
{
	struct buffer b = BUFFER_INIT(10);

	(void)state;
	assert_int_equal(buffer_append_str(&b, "one"), 0);
	buffer_clear(&b);
	assert_int_equal(buffer_append_str(&b, "two"), 0);
	assert_string_equal(buffer_cstr(&b), "two");
	buffer_done(&b);
	assert_null(b.data);
	assert_int_equal(buffer_append_str(&b, "0123456789"), 0);
	assert_string_equal(buffer_cstr(&b), "0123456789");
	buffer_done(&b);
	buffer_done(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(append_takes_every_kind),
		cmocka_unit_test(numbers_are_written_whole_or_not_at_all),
		cmocka_unit_test(empty_buffer_gives_an_empty_text),
		cmocka_unit_test(maximum_is_reached_and_not_passed),
		cmocka_unit_test(nul_fits_behind_a_full_block),
		cmocka_unit_test(growth_keeps_the_content),
		cmocka_unit_test(reserve_gives_room_without_length),
		cmocka_unit_test(buffer_is_used_again_after_clear_and_done),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
