/* The command line: what is set, and what is rejected. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "command/options.h"

static int run(const struct options *options)
{
	(void)options;
	return 0;
}

static const struct command commands[] = {
	{"scan", "", "DLKWTSUNXq", NULL, run},
	{"queue", "", "TFRPoq", "ID", run},
	{0},
};

#define ARGUMENTS 8

/* Parses "loginbell" and @arguments; what it prints goes to /dev/null. */
static int parse(const char *const arguments[ARGUMENTS], struct options *ret)
{
	static char texts[ARGUMENTS + 1][64] = {"loginbell"}; /* options point into it */
	static char *argv[ARGUMENTS + 2];
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC), out = dup(1), err = dup(2);
	int argc = 1, r;

	argv[0] = texts[0];
	for (; argc <= ARGUMENTS && arguments[argc - 1]; argc++) {
		(void)snprintf(texts[argc], sizeof(texts[argc]), "%s", arguments[argc - 1]);
		argv[argc] = texts[argc];
	}
	argv[argc] = NULL;
	*ret = (struct options){0};
	optind = 0; /* getopt(3) begins again */
	(void)fflush(stdout);
	assert_true(dup2(null, 1) >= 0 && dup2(null, 2) >= 0);
	r = options_parse(argc, argv, commands, ret);
	(void)fflush(stdout);
	assert_true(dup2(out, 1) >= 0 && dup2(err, 2) >= 0);
	(void)close(null);
	(void)close(out);
	(void)close(err);
	return r;
}

static void every_option_sets_what_it_names(void **state)
{
	static const char *const first[ARGUMENTS] = {
		"scan",	  "--log-file=a", "--state-directory", "b",
		"-cconf", "--dry-run",	  "--whitelist=w1",    "--whitelist=w2"};
	static const char *const second[ARGUMENTS] = {"-D", "d",  "--source=file", "scan", "-S@5",
						      "-U", "@6", "--no-deliver"};
	static const char *const third[ARGUMENTS] = {"queue",	"-o",  "export", "--retry=ab",
						     "--flush", "-qv", "x"};
	struct options o;

	(void)state;
	assert_int_equal(parse(first, &o), 0);
	assert_ptr_equal(o.command, &commands[0]);
	assert_string_equal(o.log_file, "a");
	assert_string_equal(o.state_directory, "b");
	assert_string_equal(o.config, "conf");
	assert_int_equal(o.n_whitelists, 2);
	assert_string_equal(o.whitelists[0], "w1");
	assert_string_equal(o.whitelists[1], "w2");
	assert_true(o.dry_run && !o.no_deliver && !o.source_set && !o.quiet && !o.verbose);
	options_done(&o);

	assert_int_equal(parse(second, &o), 0);
	assert_string_equal(o.directory, "d");
	assert_true(o.source_set && o.source == CONFIG_SOURCE_FILE && o.no_deliver);
	assert_int_equal(o.since_usec, 5000000);
	assert_int_equal(o.until_usec, 6000000);
	options_done(&o);

	assert_int_equal(parse(third, &o), 0);
	assert_ptr_equal(o.command, &commands[1]);
	assert_int_equal(o.output, OUTPUT_EXPORT);
	assert_string_equal(o.retry, "ab");
	assert_true(o.flush && o.quiet && o.verbose && !o.drop);
	assert_string_equal(o.arguments[0], "x");
	options_done(&o);
	log_set_max_level(LOG_NOTICE);
}

static void the_epoch_is_a_bound(void **state)
{
	static const char *const arguments[ARGUMENTS] = {"scan", "--since=@0"};
	struct options o;

	(void)state;
	assert_int_equal(parse(arguments, &o), 0);
	assert_int_equal(o.since_usec, 1);
	options_done(&o);
}

static void wrong_usage_is_status_2_and_help_0(void **state)
{
	static const char *const wrong[][ARGUMENTS] = {
		{NULL},
		{"nonsense"},
		{"scan", "word"},
		{"scan", "--flush"},
		{"queue", "--since=now"},
		{"scan", "--nonsense"},
		{"scan", "--log-file"},
		{"scan", "--quiet=yes"},
		{"scan", "--source=kernel"},
		{"queue", "-o", "xml"},
		{"scan", "--since=never"},
		{"scan", "-S@6", "-U@5"},
		{"scan", "-Dd", "--log-file=f"},
		{"queue", "--retry=a", "--drop=b"},
		{"queue", "--drop=a", "--drop=b"},
	};
	static const char *const help[][ARGUMENTS] = {
		{"--help"}, {"-h"}, {"scan", "-h"}, {"--version"}, {"-h", "nonsense"}};
	struct options o;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
		assert_int_equal(parse(wrong[i], &o), STATUS_WRONG + 1);
	for (size_t i = 0; i < ARRAY_SIZE(help); i++)
		assert_int_equal(parse(help[i], &o), STATUS_DONE + 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_option_sets_what_it_names),
		cmocka_unit_test(the_epoch_is_a_bound),
		cmocka_unit_test(wrong_usage_is_status_2_and_help_0),
	};

	log_init("test");
	return cmocka_run_group_tests_name("options", tests, NULL, NULL);
}
