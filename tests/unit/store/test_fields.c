/* The text form of state files: there and back, and every way in which it can be wrong. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "store/fields.h"

#define MAGIC "LOGINBELL_TEST=1"

static void write_two(struct buffer *ret)
{
	struct fields_writer w;

	fields_begin(&w, ret, MAGIC);
	fields_add(&w, "WORDS", "%s %d", "a\nb\\c", 7);
	fields_add(&w, "EMPTY", "%s", "");
	assert_int_equal(fields_end(&w), 0);
}

static void a_block_is_lines_and_a_crc(void **state)
{
	AUTO_BUFFER struct buffer text = BUFFER_INIT(1000);

	(void)state;
	assert_int_equal(buffer_append_str(&text, "before"), 0);
	write_two(&text);
	assert_string_equal(buffer_cstr(&text),
			    "before" MAGIC "\nWORDS=a\\nb\\\\c 7\nEMPTY=\nCRC=3ac71a44\n");
}

static void fields_come_back_unescaped_and_in_order(void **state)
{
	AUTO_BUFFER struct buffer text = BUFFER_INIT(1000);
	AUTO_FIELDS struct fields_reader r;
	struct slice key, value, rest;

	(void)state;
	write_two(&text);
	assert_int_equal(buffer_append_str(&text, "CRC=00000000\nrest"), 0);
	assert_int_equal(fields_open(&r, buffer_slice(&text), MAGIC, &rest), 0);
	assert_true(slice_eq_str(rest, "CRC=00000000\nrest"));
	assert_int_equal(fields_next(&r, &key, &value), 1);
	assert_true(slice_eq_str(key, "WORDS"));
	assert_true(slice_eq_str(value, "a\nb\\c 7"));
	assert_int_equal(r.number, 2);
	assert_int_equal(fields_next(&r, &key, &value), 1);
	assert_true(slice_eq_str(key, "EMPTY"));
	assert_int_equal(value.n, 0);
	assert_int_equal(fields_next(&r, &key, &value), 0);
	assert_int_equal(fields_next(&r, &key, &value), 0);
}

static int open_text(struct slice text)
{
	AUTO_FIELDS struct fields_reader r;

	return fields_open(&r, text, MAGIC, NULL);
}

static void every_changed_byte_and_every_cut_is_found(void **state)
{
	AUTO_BUFFER struct buffer text = BUFFER_INIT(1000);

	(void)state;
	write_two(&text);
	assert_int_equal(open_text(buffer_slice(&text)), 0);
	for (size_t i = 0; i < text.len; i++) {
		assert_int_not_equal(open_text((struct slice){text.data, i}), 0);
		for (int bit = 0; bit < 8; bit++) {
			text.data[i] = (char)(text.data[i] ^ (1 << bit));
			/* "CRC=ABCDEF01" is the same number. */
			if (bit != 5 || i < text.len - 9)
				assert_int_not_equal(open_text(buffer_slice(&text)), 0);
			text.data[i] = (char)(text.data[i] ^ (1 << bit));
		}
	}
	assert_int_equal(buffer_append_char(&text, '\n'), 0);
	assert_int_equal(open_text(buffer_slice(&text)), FIELDS_E_DAMAGED);
}

static void another_kind_or_version_is_not_damage(void **state)
{
	(void)state;
	assert_int_equal(open_text(SLICE_LITERAL("")), FIELDS_E_OTHER);
	assert_int_equal(open_text(SLICE_LITERAL("LOGINBELL_TEST=2\nCRC=00000000\n")),
			 FIELDS_E_OTHER);
	assert_int_equal(open_text(SLICE_LITERAL(MAGIC "\nA=1\n")), FIELDS_E_DAMAGED);
}

static void a_line_without_key_or_with_a_wrong_escape_is_refused(void **state)
{
	static const char *const lines[] = {"no key\n", "A=\\q\n", "A=\\x0\n"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		AUTO_BUFFER struct buffer text = BUFFER_INIT(1000);
		AUTO_FIELDS struct fields_reader r;
		struct slice key, value;

		assert_int_equal(buffer_printf(&text, MAGIC "\n%s", lines[i]), 0);
		assert_int_equal(fields_add_crc(&text, 0), 0);
		assert_int_equal(fields_open(&r, buffer_slice(&text), MAGIC, NULL), 0);
		assert_int_equal(fields_next(&r, &key, &value), -EINVAL);
	}
}

static void a_block_that_does_not_fit_leaves_nothing(void **state)
{
	(void)state;
	for (size_t max = 0; max < 58; max++) {
		AUTO_BUFFER struct buffer text = BUFFER_INIT(max);
		struct fields_writer w;

		if (max > 0)
			assert_int_equal(buffer_append_char(&text, 'x'), 0);
		fields_begin(&w, &text, MAGIC);
		fields_add(&w, "A", "%s", "0123456789\n");
		fields_add(&w, "B", "%s", "0123456789");
		assert_int_equal(fields_end(&w), -E2BIG);
		assert_int_equal(text.len, max > 0);
	}
}

static void words_of_a_value(void **state)
{
	static const char *const names[] = {"one", "two"};
	struct slice value = SLICE_LITERAL("two 1 2 000000000000000100000000000000ff x y");
	struct hash128 hash;
	uint64_t a, b;
	unsigned name;
	char text[4];

	(void)state;
	assert_int_equal(fields_name(&value, names, 2, &name), 0);
	assert_int_equal(name, 1);
	assert_int_equal(fields_numbers(&value, 2, (uint64_t *[]){&a, &b}), 0);
	assert_int_equal(a, 1);
	assert_int_equal(b, 2);
	assert_int_equal(fields_hash(&value, &hash), 0);
	assert_int_equal(hash.high, 1);
	assert_int_equal(hash.low, 255);
	assert_int_equal(fields_string(value, text, sizeof(text)), 0);
	assert_string_equal(text, "x y");
	assert_int_equal(fields_string(SLICE_LITERAL("x yz"), text, sizeof(text)), -EINVAL);
	assert_int_equal(fields_string(SLICE_LITERAL("x\0"), text, sizeof(text)), -EINVAL);
	assert_int_equal(fields_name(&value, names, 2, &name), -EINVAL);
	assert_int_not_equal(fields_numbers(&value, 1, (uint64_t *[]){&a}), 0);
	assert_int_equal(fields_hash(&value, &hash), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_block_is_lines_and_a_crc),
		cmocka_unit_test(fields_come_back_unescaped_and_in_order),
		cmocka_unit_test(every_changed_byte_and_every_cut_is_found),
		cmocka_unit_test(another_kind_or_version_is_not_damage),
		cmocka_unit_test(a_line_without_key_or_with_a_wrong_escape_is_refused),
		cmocka_unit_test(a_block_that_does_not_fit_leaves_nothing),
		cmocka_unit_test(words_of_a_value),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
