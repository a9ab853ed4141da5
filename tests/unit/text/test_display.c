/* What must never reach a terminal, a mail or a JSON reader unescaped, and what passes as it is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "text/display.h"

static void assert_shows(struct slice s, const char *expected)
{
	AUTO_BUFFER struct buffer b = BUFFER_INIT(1 << 16);

	assert_int_equal(display_append(&b, s), 0);
	assert_string_equal(buffer_cstr(&b), expected);
}

static void assert_json(struct slice s, const char *expected)
{
	AUTO_FREE char *text = malloc(DISPLAY_JSON_MAX(s.n)); /* not more, for the sanitizer */
	size_t n;

	assert_non_null(text);
	n = (size_t)(display_put_json(text, s) - text);
	assert_int_equal(n, strlen(expected));
	assert_memory_equal(text, expected, n);
}

static void text_passes_as_it_is(void **state)
{
	static const char *const texts[] = {
		"",
		"root",
		"DOMAIN\\first last",
		"jos\xc3\xa9",
		"\xe5\xb1\xb1\xe7\x94\xb0",
		"\xf0\x9f\x94\x94",
		"e\xcc\x81",
		"\xd7\x90\xd7\x91",
		"a\xc2\xa0z",
		"\xef\xbf\xbd",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		assert_shows(slice_of(texts[i]), texts[i]);
}

static void controls_are_escaped(void **state)
{
	(void)state;
	assert_shows((struct slice){"a\0b", 3}, "a\\x00b");
	assert_shows(slice_of("a\nb\r\tc"), "a\\x0Ab\\x0D\\x09c");
	assert_shows(slice_of("\x1b[31mred\x1b[0m"), "\\x1B[31mred\\x1B[0m");
	assert_shows(slice_of("\x1f \x7f"), "\\x1F \\x7F");
	assert_shows(slice_of("\xc2\x80\xc2\x9b\xc2\x9f"), "\\u{0080}\\u{009B}\\u{009F}");
}

static void bidi_and_invisible_characters_are_escaped(void **state)
{
	static const struct {
		uint32_t first, last;
	} ranges[] = {
		{0xad, 0xad},	    {0x34f, 0x34f},	{0x61c, 0x61c},	      {0x115f, 0x1160},
		{0x17b4, 0x17b5},   {0x180b, 0x180f},	{0x200b, 0x200f},     {0x2028, 0x202e},
		{0x2060, 0x206f},   {0x3164, 0x3164},	{0xfdd0, 0xfdef},     {0xfe00, 0xfe0f},
		{0xfeff, 0xfeff},   {0xffa0, 0xffa0},	{0xfff9, 0xfffb},     {0xfffe, 0xffff},
		{0x1fffe, 0x1ffff}, {0xe0000, 0xe0fff}, {0x10fffe, 0x10ffff},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(ranges); i++) {
		for (uint32_t c = ranges[i].first; c <= ranges[i].last; c++) {
			char utf8[5] = "", expected[16];

			if (c < 0x800) {
				utf8[0] = (char)(0xc0 | c >> 6);
				utf8[1] = (char)(0x80 | (c & 63));
			} else if (c < 0x10000) {
				utf8[0] = (char)(0xe0 | c >> 12);
				utf8[1] = (char)(0x80 | (c >> 6 & 63));
				utf8[2] = (char)(0x80 | (c & 63));
			} else {
				utf8[0] = (char)(0xf0 | c >> 18);
				utf8[1] = (char)(0x80 | (c >> 12 & 63));
				utf8[2] = (char)(0x80 | (c >> 6 & 63));
				utf8[3] = (char)(0x80 | (c & 63));
			}
			(void)snprintf(expected, sizeof(expected), "\\u{%04X}", (unsigned)c);
			assert_shows(slice_of(utf8), expected);
		}
	}
}

static void neighbours_of_escaped_ranges_pass(void **state)
{
	(void)state;
	assert_shows(slice_of("\xc2\xa0\xc2\xac\xc2\xae"), "\xc2\xa0\xc2\xac\xc2\xae");
	assert_shows(slice_of("\xe2\x80\x8a\xe2\x80\x90\xe2\x80\xa7\xe2\x80\xaf"),
		     "\xe2\x80\x8a\xe2\x80\x90\xe2\x80\xa7\xe2\x80\xaf");
	assert_shows(slice_of("\xef\xbf\xbd\xf4\x8f\xbf\xbd"), "\xef\xbf\xbd\xf4\x8f\xbf\xbd");
}

static void invalid_utf8_is_escaped_byte_by_byte(void **state)
{
	(void)state;
	assert_shows(slice_of("a\xff"
			      "b"),
		     "a\\xFFb");
	assert_shows(slice_of("\x80"), "\\x80");
	assert_shows(slice_of("\xc0\xaf"), "\\xC0\\xAF"); /* an overlong '/' */
	assert_shows(slice_of("\xe0\x80\xaf"), "\\xE0\\x80\\xAF");
	assert_shows(slice_of("\xed\xa0\x80"), "\\xED\\xA0\\x80");	    /* a surrogate */
	assert_shows(slice_of("\xf4\x90\x80\x80"), "\\xF4\\x90\\x80\\x80"); /* above U+10FFFF */
	assert_shows((struct slice){"\xe2\x80", 2}, "\\xE2\\x80");
	assert_shows(slice_of("\xc3\n"), "\\xC3\\x0A"); /* a lead swallows nothing behind it */
	assert_shows(slice_of("\xe2\x80\xc3\xa9"), "\\xE2\\x80\xc3\xa9");
}

static void json_quotes_and_escapes(void **state)
{
	(void)state;
	assert_json((struct slice){NULL, 0}, "\"\"");
	assert_json(slice_of("a\"b\\c/d"), "\"a\\\"b\\\\c/d\"");
	assert_json((struct slice){"\0\n\x1b\x7f", 4}, "\"\\u0000\\u000a\\u001b\\u007f\"");
	assert_json(slice_of("jos\xc3\xa9 \xe2\x80\xae"), "\"jos\xc3\xa9 \\u202e\"");
	assert_json(slice_of("\xf3\xa0\x80\x81"), "\"\\udb40\\udc01\"");
	assert_json(slice_of("\xf4\x8f\xbf\xbf"), "\"\\udbff\\udfff\"");
}

static void json_finds_a_quote_wherever_it_stands(void **state)
{
	char text[100], expected[104];

	(void)state;
	for (size_t n = 1; n <= sizeof(text); n++) {
		for (size_t at = 0; at < n; at++) {
			memset(text, 'a', n);
			text[at] = '"';
			(void)snprintf(expected, sizeof(expected), "\"%.*s\\\"%.*s\"", (int)at,
				       text, (int)(n - at - 1), text + at + 1);
			assert_json((struct slice){text, n}, expected);
		}
	}
}

static void json_has_one_replacement_for_each_ill_formed_run(void **state)
{
	(void)state;
	assert_json(slice_of("a\xff"
			     "b"),
		    "\"a\xef\xbf\xbd"
		    "b\"");
	assert_json(slice_of("\xe2\x80z"), "\"\xef\xbf\xbdz\"");
	assert_json(slice_of("\xf0\x9f\x94z"), "\"\xef\xbf\xbdz\"");
	assert_json(slice_of("\xc0\xaf"), "\"\xef\xbf\xbd\xef\xbf\xbd\"");
}

static void decode_gives_length_and_code_point(void **state)
{
	static const struct {
		const char *text;
		size_t length;
		uint32_t c;
	} cases[] = {
		{"a", 1, 'a'},
		{"\xc2\x80", 2, 0x80},
		{"\xdf\xbf", 2, 0x7ff},
		{"\xe0\xa0\x80", 3, 0x800},
		{"\xef\xbf\xbf", 3, 0xffff},
		{"\xf0\x90\x80\x80", 4, 0x10000},
		{"\xf4\x8f\xbf\xbf", 4, 0x10ffff},
		{"\xc1\xbf", 1, DISPLAY_INVALID},
		{"\xe0\x9f\xbf", 1, DISPLAY_INVALID},
		{"\xed\x9f\xbf", 3, 0xd7ff},
		{"\xf0\x8f\xbf\xbf", 1, DISPLAY_INVALID},
		{"\xf5\x80\x80\x80", 1, DISPLAY_INVALID},
		{"\xf1\x80\x80", 3, DISPLAY_INVALID},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint32_t c = 0;

		assert_int_equal(display_decode(slice_of(cases[i].text), &c), cases[i].length);
		assert_int_equal(c, cases[i].c);
	}
}

static void width_counts_columns(void **state)
{
	(void)state;
	assert_int_equal(display_width(slice_of("")), 0);
	assert_int_equal(display_width(slice_of("root")), 4);
	assert_int_equal(display_width(slice_of("jos\xc3\xa9")), 4);
	assert_int_equal(display_width(slice_of("jose\xcc\x81")), 4);
	assert_int_equal(display_width(slice_of("\xe5\xb1\xb1\xe7\x94\xb0")), 4);
	assert_int_equal(display_width(slice_of("\xef\xbd\xb1\xef\xbc\xa1")), 3);
	assert_int_equal(display_width(slice_of("\xf0\x9f\x94\x94")), 2);
}

static void a_full_buffer_is_left_as_it_was(void **state)
{
	AUTO_BUFFER struct buffer b = BUFFER_INIT(8);

	(void)state;
	assert_int_equal(buffer_append_str(&b, "ab"), 0);
	assert_int_equal(display_append(&b, slice_of("cd\nefg")), -E2BIG);
	assert_string_equal(buffer_cstr(&b), "ab");
	assert_int_equal(display_append(&b, slice_of("cd\n")), 0);
	assert_string_equal(buffer_cstr(&b), "abcd\\x0A");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_passes_as_it_is),
		cmocka_unit_test(controls_are_escaped),
		cmocka_unit_test(bidi_and_invisible_characters_are_escaped),
		cmocka_unit_test(neighbours_of_escaped_ranges_pass),
		cmocka_unit_test(invalid_utf8_is_escaped_byte_by_byte),
		cmocka_unit_test(json_quotes_and_escapes),
		cmocka_unit_test(json_finds_a_quote_wherever_it_stands),
		cmocka_unit_test(json_has_one_replacement_for_each_ill_formed_run),
		cmocka_unit_test(decode_gives_length_and_code_point),
		cmocka_unit_test(width_counts_columns),
		cmocka_unit_test(a_full_buffer_is_left_as_it_was),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
