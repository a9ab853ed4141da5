/* Why a record alerts, in words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "command/reason.h"

static void each_refusal_has_its_reason(void **state)
{
	static const struct {
		struct verdict verdict;
		size_t rules;
		const char *fault, *want;
	} cases[] = {
		{{0}, 0, NULL, "there is no whitelist"},
		{{0}, 1, NULL, "no rule of the whitelist allows it"},
		{{.refusal = WHITELIST_REFUSAL_AMBIGUOUS},
		 0,
		 NULL,
		 "the address could be read at more than one place of the message, so no rule may "
		 "allow it"},
		{{.refusal = WHITELIST_REFUSAL_MATCH_LIMIT, .refusal_file = "w", .refusal_line = 7},
		 1,
		 NULL,
		 "the expression at w:7 ran into its limit, and no other rule allows it"},
		{{.refusal = WHITELIST_REFUSAL_CUT, .refusal_file = "w", .refusal_line = 7},
		 1,
		 NULL,
		 "the message was cut at its end, so the rule at w:7 cannot hold, and no other "
		 "allows it"},
		{{0},
		 3,
		 "w:1: bad",
		 "no rule of the whitelist allows it; a newer whitelist is faulty and not in "
		 "force: w:1: bad"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		AUTO_BUFFER struct buffer b = BUFFER_INIT(1024);

		assert_int_equal(reason_not_allowed(&cases[i].verdict, cases[i].rules,
						    slice_of(cases[i].fault), &b),
				 0);
		assert_string_equal(buffer_cstr(&b), cases[i].want);
	}
}

static void a_forged_record_names_its_writer(void **state)
{
	static const struct {
		struct record record;
		const char *want;
	} cases[] = {
		{{0}, "the record carries no user ID, so nobody knows who wrote it"},
		{{.uid_known = true},
		 "it came from the standard output of a command that ran as root, not from sshd"},
		{{.uid_known = true, .comm = {"logger", 6}},
		 "it was written by the command \"logger\" as root, not by sshd"},
		{{.uid_known = true, .uid = 1000}, "it was written by user id 1000, not by sshd"},
		{{.uid_known = true, .uid = 1000, .comm = {"logger", 6}},
		 "it was written by user id 1000 (command \"logger\"), not by sshd"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		AUTO_BUFFER struct buffer b = BUFFER_INIT(1024);

		assert_int_equal(reason_forged(&cases[i].record, &b), 0);
		assert_string_equal(buffer_cstr(&b), cases[i].want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_refusal_has_its_reason),
		cmocka_unit_test(a_forged_record_names_its_writer),
	};

	return cmocka_run_group_tests_name("reason", tests, NULL, NULL);
}
