/* The journal's position as text, and what of a cursor names its entry. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "source/journal/cursor.h"
#include "source/source.h"

#define CURSOR                                                                                     \
	"s=0123456789abcdef0123456789abcdef;i=2a;b=fedcba9876543210fedcba9876543210;m=1f4;"        \
	"t=5f0c;x=9a"

static void format_and_parse_give_the_same_back(void **state)
{
	struct journal_position p = {.cursor = CURSOR, .time_usec = 17, .until_usec = 42}, q;
	struct buffer b AUTO_BUFFER = BUFFER_INIT(2048);

	(void)state;
	assert_int_equal(journal_position_format(&p, 0, &b), 0);
	assert_string_equal(buffer_cstr(&b), "journal time=17 until=42 cursor=" CURSOR);
	assert_int_equal(journal_position_parse(buffer_slice(&b), &q, NULL), 0);
	assert_string_equal(q.cursor, CURSOR);
	assert_int_equal(q.time_usec, 17);
	assert_int_equal(q.until_usec, 42);
}

static void the_time_of_the_files_is_kept(void **state)
{
	struct journal_position p = {.cursor = CURSOR, .files_usec = 99}, q;
	struct buffer b AUTO_BUFFER = BUFFER_INIT(2048);

	(void)state;
	assert_int_equal(journal_position_format(&p, 0, &b), 0);
	assert_string_equal(buffer_cstr(&b), "journal time=0 until=0 files=99 cursor=" CURSOR);
	assert_int_equal(journal_position_parse(buffer_slice(&b), &q, NULL), 0);
	assert_int_equal(q.files_usec, 99);
	assert_int_equal(
		journal_position_parse(
			SLICE_LITERAL("journal time=0 until=0 files=x cursor=" CURSOR), &q, NULL),
		SOURCE_E_POSITION);
}

static void order_is_by_number_then_boot_then_time(void **state)
{
	static const struct {
		const char *a, *b;
		bool precedes, follows;
	} cases[] = {
		{"s=a;i=9;b=b;m=5;t=5", "s=a;i=a;b=b;m=4;t=4", true, false},
		{"s=a;i=9;b=b;m=4;t=5", "s=c;i=1;b=b;m=5;t=4", true, false},
		{"s=a;i=9;b=b;m=5;t=4", "s=c;i=1;b=d;m=4;t=5", true, false},
		{"s=a;i=9;b=b;m=5;t=4", "s=a;i=9;b=b;m=5;t=4", false, false},
		{"garbage", "s=a;i=9;b=b;m=5;t=4", false, false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct slice a = slice_of(cases[i].a), b = slice_of(cases[i].b);

		assert_int_equal(journal_cursor_precedes(a, b), cases[i].precedes);
		assert_int_equal(journal_cursor_precedes(b, a), cases[i].follows);
	}
}

static void a_later_until_replaces_an_earlier_one_only(void **state)
{
	struct journal_position p = {.cursor = "", .until_usec = 42};
	struct buffer b AUTO_BUFFER = BUFFER_INIT(2048);

	(void)state;
	assert_int_equal(journal_position_format(&p, 41, &b), 0);
	assert_string_equal(buffer_cstr(&b), "journal time=0 until=42 cursor=");
	buffer_clear(&b);
	assert_int_equal(journal_position_format(&p, 43, &b), 0);
	assert_string_equal(buffer_cstr(&b), "journal time=0 until=43 cursor=");
}

static void parse_refuses_what_says_no_place(void **state)
{
	static const char *const wrong[] = {
		"",
		"journal",
		"journal ",
		"file path=/var/log/auth.log until=5",
		"journal time=1 until=2",
		"journal time=x until=2 cursor=" CURSOR,
		"journal time=1 until= cursor=" CURSOR,
		"journal time=18446744073709551616 until=2 cursor=" CURSOR,
		"journal time=5 until=0 cursor=",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		struct journal_position p = {.time_usec = 7};
		struct error err = {0};

		assert_int_equal(journal_position_parse(slice_of(wrong[i]), &p, &err),
				 SOURCE_E_POSITION);
		assert_int_equal(p.time_usec, 7);
		assert_true(err.text[0] != '\0');
	}
}

static void parse_refuses_a_cursor_that_does_not_fit(void **state)
{
	struct buffer b AUTO_BUFFER = BUFFER_INIT(2048);
	struct journal_position p;

	(void)state;
	assert_int_equal(buffer_append_str(&b, "journal time=1 until=1 cursor="), 0);
	for (int i = 0; i < JOURNAL_CURSOR_MAX - 1; i++)
		assert_int_equal(buffer_append_char(&b, 'c'), 0);
	assert_int_equal(journal_position_parse(buffer_slice(&b), &p, NULL), 0);
	assert_int_equal(buffer_append_char(&b, 'c'), 0);
	assert_int_equal(journal_position_parse(buffer_slice(&b), &p, NULL), SOURCE_E_POSITION);
}

static void identity_leaves_out_file_and_sequence_number(void **state)
{
	struct buffer b AUTO_BUFFER = BUFFER_INIT(2048);

	(void)state;
	assert_int_equal(journal_cursor_identity(slice_of(CURSOR), &b), 0);
	assert_string_equal(buffer_cstr(&b),
			    "b=fedcba9876543210fedcba9876543210;m=1f4;t=5f0c;x=9a");
	buffer_clear(&b);
	assert_int_equal(journal_cursor_identity(slice_of("s=1;i=2;b=3;m=4;t=5"), &b), 0);
	assert_string_equal(buffer_cstr(&b), "s=1;i=2;b=3;m=4;t=5");
}

static void same_entry_in_another_file_is_known_again(void **state)
{
	struct slice a = SLICE_LITERAL("s=aa;i=1;b=b0;m=1;t=2;x=3");

	(void)state;
	assert_int_equal(journal_cursor_same_entry(a, a), 1);
	assert_int_equal(journal_cursor_same_entry(a, SLICE_LITERAL("s=bb;i=9;b=b0;m=1;t=2;x=3")),
			 1);
	assert_int_equal(journal_cursor_same_entry(a, SLICE_LITERAL("s=aa;i=1;b=b0;m=1;t=2;x=4")),
			 0);
	assert_int_equal(journal_cursor_same_entry(a, SLICE_LITERAL("s=aa;i=1;b=b1;m=1;t=2;x=3")),
			 0);
	assert_int_equal(journal_cursor_same_entry(a, SLICE_LITERAL("s=aa;i=1;b=b0;m=1;t=2")), 0);
	assert_int_equal(journal_cursor_same_entry(SLICE_LITERAL(""), SLICE_LITERAL("")), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(format_and_parse_give_the_same_back),
		cmocka_unit_test(the_time_of_the_files_is_kept),
		cmocka_unit_test(order_is_by_number_then_boot_then_time),
		cmocka_unit_test(a_later_until_replaces_an_earlier_one_only),
		cmocka_unit_test(parse_refuses_what_says_no_place),
		cmocka_unit_test(parse_refuses_a_cursor_that_does_not_fit),
		cmocka_unit_test(identity_leaves_out_file_and_sequence_number),
		cmocka_unit_test(same_entry_in_another_file_is_known_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
