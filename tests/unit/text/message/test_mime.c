/* Headers and bodies compared as a whole, at the limits of lines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>

#include "base/cleanup.h"
#include "text/message/mime.h"

static void assert_header(const char *value, const char *expected)
{
	AUTO_BUFFER struct buffer b = BUFFER_INIT(1 << 16);
	struct writer w = {&b, 0};

	mime_write_header(&w, "Subject", slice_of(value));
	assert_int_equal(w.error, 0);
	assert_string_equal(buffer_cstr(&b), expected);
}

static void assert_body(const char *text, const char *encoding, const char *expected)
{
	AUTO_BUFFER struct buffer b = BUFFER_INIT(1 << 16), whole = BUFFER_INIT(1 << 16);
	struct writer w = {&b, 0};

	mime_write_body(&w, slice_of(text));
	assert_int_equal(w.error, 0);
	assert_int_equal(buffer_printf(&whole,
				       "MIME-Version: 1.0\r\n"
				       "Content-Type: text/plain; charset=UTF-8\r\n"
				       "Content-Transfer-Encoding: %s\r\n\r\n%s",
				       encoding, expected),
			 0);
	assert_string_equal(buffer_cstr(&b), buffer_cstr(&whole));
}

#define X10 "xxxxxxxxxx"
#define X60 X10 X10 X10 X10 X10 X10

static void ascii_header_is_folded_at_spaces(void **state)
{
	(void)state;
	assert_header("a b", "Subject: a b\r\n");
	assert_header(X60 " 123456", "Subject: " X60 " 123456\r\n");
	assert_header(X60 " 1234567", "Subject: " X60 "\r\n 1234567\r\n");
	assert_header(X60 X10 "12345", "Subject:\r\n " X60 X10 "12345\r\n");
}

static void what_folding_would_change_is_encoded(void **state)
{
	(void)state;
	assert_header("a  b", "Subject: =?UTF-8?Q?a__b?=\r\n");
	assert_header(" a", "Subject: =?UTF-8?Q?_a?=\r\n");
	assert_header("a ", "Subject: =?UTF-8?Q?a_?=\r\n");
	assert_header(X60 X10 "123456", "Subject: =?UTF-8?Q?" X10 X10 X10 X10 X10
					"xxxxx?=\r\n"
					" =?UTF-8?Q?xxxxx" X10 "123456?=\r\n");
}

static void what_looks_like_an_encoded_word_is_encoded(void **state)
{
	(void)state;
	assert_header("=?utf-8?q?x?=", "Subject: =?UTF-8?B?PT91dGYtOD9xP3g/PQ==?=\r\n");
	assert_header("a=b?", "Subject: a=b?\r\n");
}

static void the_shorter_encoding_is_taken(void **state)
{
	(void)state;
	assert_header("jos\xc3\xa9 logged in", "Subject: =?UTF-8?Q?jos=C3=A9_logged_in?=\r\n");
	assert_header("\xe5\xb1\xb1\xe7\x94\xb0", "Subject: =?UTF-8?B?5bGx55Sw?=\r\n");
	assert_header("\xe5\xb1\xb1", "Subject: =?UTF-8?B?5bGx?=\r\n");
	assert_header("\xc3\xa9\xc3\xa9", "Subject: =?UTF-8?B?w6nDqQ==?=\r\n");
}

static void an_encoded_word_never_splits_a_character(void **state)
{
	(void)state;
	/* 55 bytes of payload fit the first line: 13 characters of 3 bytes are 52 in base64. */
	assert_header(
		"\xe5\xb1\xb1\xe5\xb1\xb1\xe5\xb1\xb1\xe5\xb1\xb1\xe5\xb1\xb1\xe5\xb1\xb1"
		"\xe5\xb1\xb1\xe5\xb1\xb1\xe5\xb1\xb1\xe5\xb1\xb1\xe5\xb1\xb1\xe5\xb1\xb1"
		"\xe5\xb1\xb1\xe5\xb1\xb1",
		"Subject: =?UTF-8?B?5bGx5bGx5bGx5bGx5bGx5bGx5bGx5bGx5bGx5bGx5bGx5bGx5bGx?=\r\n"
		" =?UTF-8?B?5bGx?=\r\n");
}

static void tokens_are_never_encoded(void **state)
{
	AUTO_BUFFER struct buffer b = BUFFER_INIT(1 << 16);
	struct writer w = {&b, 0};

	(void)state;
	mime_write_tokens(&w, "To", slice_of("a@b, " X60 X60 "@c, d@e"));
	assert_int_equal(w.error, 0);
	assert_string_equal(buffer_cstr(&b), "To: a@b,\r\n " X60 X60 "@c,\r\n d@e\r\n");
}

static void short_ascii_lines_go_as_7bit(void **state)
{
	(void)state;
	assert_body("", "7bit", "");
	assert_body("a\n\nb = c", "7bit", "a\r\n\r\nb = c\r\n");
	assert_body(X60 X10 "123456\n", "7bit", X60 X10 "123456\r\n");
}

static void everything_else_goes_as_quoted_printable(void **state)
{
	(void)state;
	assert_body(X60 X10 "1234567\n", "quoted-printable", X60 X10 "12345=\r\n67\r\n");
	assert_body("a=b \xc3\xa9\n", "quoted-printable", "a=3Db =C3=A9\r\n");
	assert_body("a \nb\t\n", "quoted-printable", "a=20\r\nb=09\r\n");
	assert_body(".\n", "quoted-printable", "=2E\r\n");
	assert_body("From x\nFromage\n", "quoted-printable", "=46rom x\r\nFromage\r\n");
	assert_body("a\rb\r\nc", "quoted-printable", "a=0Db\r\nc\r\n");
}

static void soft_breaks_keep_lines_and_characters_whole(void **state)
{
	(void)state;
	/* The last character of a line needs no room for the '=' of a soft break. */
	assert_body(X60 X10 "\xc3\xa9\n", "quoted-printable", X60 X10 "=C3=A9\r\n");
	assert_body(X60 X10 "1\xc3\xa9\n", "quoted-printable", X60 X10 "1=\r\n=C3=A9\r\n");
	/* A '.' and a "From " that a soft break would bring to the front. */
	assert_body(X60 X10 "12345.a\n", "quoted-printable", X60 X10 "12345=\r\n=2Ea\r\n");
	assert_body(X60 X10 "12345From x\n", "quoted-printable", X60 X10 "12345=\r\n=46rom x\r\n");
}

static void readable_undoes_the_encoding_of_the_body(void **state)
{
	static const char text[] =
		"caf\xc3\xa9 = \xe2\x82\xac\n"
		".\n"
		"\n"
		"user:\ta line that is so long that it must be continued by quoted-printable, "
		"and ends in a blank \n"
		"From here\n";
	AUTO_BUFFER struct buffer b = BUFFER_INIT(4096), readable = BUFFER_INIT(4096);
	struct writer w = {&b, 0};
	const char *body;

	(void)state;
	mime_write_header(&w, "Subject", SLICE_LITERAL("caf\xc3\xa9"));
	assert_int_equal(w.error, 0);
	mime_write_body(&w, SLICE_LITERAL(text));
	assert_int_equal(w.error, 0);
	assert_int_equal(mime_append_readable(&readable, buffer_slice(&b)), 0);
	body = strstr(buffer_cstr(&readable), "\n\n");
	assert_non_null(body);
	assert_string_equal(body + 2, text);
	assert_true(slice_starts_with(buffer_slice(&readable), "Subject: =?UTF-8?"));
	assert_null(memchr(readable.data, '\r', readable.len));
}

static void readable_is_safe_whoever_composed_it(void **state)
{
	AUTO_BUFFER struct buffer b = BUFFER_INIT(4096);

	(void)state;
	assert_int_equal(mime_append_readable(
				 &b, SLICE_LITERAL("X: \x1b[2J\r\n"
						   "Content-Transfer-Encoding: quoted-printable\r\n"
						   "\r\n"
						   "=1B[2J=\r\n"
						   "=E2=80=AE=4 =")),
			 0);
	assert_string_equal(buffer_cstr(&b),
			    "X: \\x1B[2J\n"
			    "Content-Transfer-Encoding: quoted-printable\n"
			    "\n"
			    "\\x1B[2J\\u{202E}=4 \n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ascii_header_is_folded_at_spaces),
		cmocka_unit_test(what_folding_would_change_is_encoded),
		cmocka_unit_test(what_looks_like_an_encoded_word_is_encoded),
		cmocka_unit_test(the_shorter_encoding_is_taken),
		cmocka_unit_test(an_encoded_word_never_splits_a_character),
		cmocka_unit_test(tokens_are_never_encoded),
		cmocka_unit_test(short_ascii_lines_go_as_7bit),
		cmocka_unit_test(everything_else_goes_as_quoted_printable),
		cmocka_unit_test(soft_breaks_keep_lines_and_characters_whole),
		cmocka_unit_test(readable_undoes_the_encoding_of_the_body),
		cmocka_unit_test(readable_is_safe_whoever_composed_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
