/* Templates: what is a variable, what is text, and where a fault is. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "text/message/template.h"

#define VALUE(s)                                                                                   \
	{                                                                                          \
		(s), sizeof(s) - 1                                                                 \
	}

static const struct slice values[TEMPLATE_VARIABLES] = {
	[TEMPLATE_USER] = VALUE("root"), [TEMPLATE_ADDR] = VALUE("192.0.2.1"),
	[TEMPLATE_PORT] = VALUE("4242"), [TEMPLATE_METHOD] = VALUE("publickey"),
	[TEMPLATE_HOST] = VALUE("web1"), [TEMPLATE_TIME] = VALUE("2026-11-23"),
	[TEMPLATE_KEY] = {NULL, 0},	 [TEMPLATE_MESSAGE] = VALUE("${user} $$ \n"),
	[TEMPLATE_COUNT] = VALUE("12"),	 [TEMPLATE_EVENT] = VALUE("login"),
};

static void expands_to(const char *template, const char *expected)
{
	AUTO_BUFFER struct buffer out = BUFFER_INIT(1000);

	assert_int_equal(template_expand(slice_of(template), values, &out), 0);
	assert_string_equal(buffer_cstr(&out), expected);
}

static void expand_replaces_every_variable(void **state)
{
	(void)state;
	expands_to("${user} ${addr} ${port} ${method} ${host} ${time} ${count} ${event}",
		   "root 192.0.2.1 4242 publickey web1 2026-11-23 12 login");
	expands_to("${user}${user}", "rootroot");
	expands_to("Server login from ${addr}", "Server login from 192.0.2.1");
}

static void expand_gives_nothing_for_an_absent_value(void **state)
{
	(void)state;
	expands_to("<${key}>", "<>");
	expands_to("${key}", "");
	expands_to("", "");
}

static void expand_does_not_look_into_values(void **state)
{
	(void)state;
	expands_to("a${message}b", "a${user} $$ \nb");
}

static void expand_takes_other_dollars_as_text(void **state)
{
	(void)state;
	expands_to("$", "$");
	expands_to("$$", "$");
	expands_to("$$$", "$$");
	expands_to("$5 $user {user} user}", "$5 $user {user} user}");
	expands_to("$${user}", "${user}");
	expands_to("$$${user}", "$root");
	expands_to("${nobody} ${", "${nobody} ${");
}

static void expand_leaves_the_buffer_as_it_was_beyond_its_maximum(void **state)
{
	AUTO_BUFFER struct buffer out = BUFFER_INIT(6);

	(void)state;
	assert_int_equal(buffer_append_str(&out, "ab"), 0);
	assert_int_equal(template_expand(SLICE_LITERAL("-${user}"), values, &out), -E2BIG);
	assert_string_equal(buffer_cstr(&out), "ab");
	assert_int_equal(template_expand(SLICE_LITERAL("${user}"), values, &out), 0);
	assert_string_equal(buffer_cstr(&out), "abroot");
}

static void check_passes_what_holds_known_variables_only(void **state)
{
	static const char *const good[] = {
		"", "text", "$", "$$", "${user}", "$${nobody}", "a\nb ${message}\n", "$5 {x}",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		assert_int_equal(template_check(slice_of(good[i]), "f", 1, NULL), 0);
}

static void fault_is(const char *template, const char *expected)
{
	char text[1024];
	struct error err;

	assert_int_equal(template_check(slice_of(template), "body", 7, &err), TEMPLATE_E_UNKNOWN);
	error_format(&err, text, sizeof(text));
	assert_string_equal(text, expected);
}

static void check_names_the_unknown_variable_and_its_place(void **state)
{
	(void)state;
	fault_is("${nobody}", "body:7:1: unknown variable \"${nobody}\"");
	fault_is("ab ${User}", "body:7:4: unknown variable \"${User}\"");
	fault_is("${user}\n\n $$ ${}", "body:9:5: unknown variable \"${}\"");
	fault_is("${user }", "body:7:1: unknown variable \"${user }\"");
	fault_is("${ab", "body:7:1: \"${ab\" has no \"}\" (\"$$\" is a \"$\")");
	fault_is("${", "body:7:1: \"${\" has no \"}\" (\"$$\" is a \"$\")");
	fault_is("${us\ner}", "body:7:1: \"${us\" has no \"}\" (\"$$\" is a \"$\")");
}

static void uses_finds_the_variable_not_its_letters(void **state)
{
	(void)state;
	assert_true(template_uses(SLICE_LITERAL("a $ ${user} ${count}"), TEMPLATE_COUNT));
	assert_false(template_uses(SLICE_LITERAL("$${count} ${count count}"), TEMPLATE_COUNT));
	assert_false(template_uses(SLICE_LITERAL("${user}"), TEMPLATE_COUNT));
	assert_false(template_uses(SLICE_LITERAL(""), TEMPLATE_COUNT));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(expand_replaces_every_variable),
		cmocka_unit_test(expand_gives_nothing_for_an_absent_value),
		cmocka_unit_test(expand_does_not_look_into_values),
		cmocka_unit_test(expand_takes_other_dollars_as_text),
		cmocka_unit_test(expand_leaves_the_buffer_as_it_was_beyond_its_maximum),
		cmocka_unit_test(check_passes_what_holds_known_variables_only),
		cmocka_unit_test(check_names_the_unknown_variable_and_its_place),
		cmocka_unit_test(uses_finds_the_variable_not_its_letters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
