/* Files that were left for the next one, and are still watched. */
#include "logfile_fixture.h"

/* Too short to tell whether it is a copy, and it stays so: after its minute it wakes nobody. */
static void one_that_stays_short_is_let_go(void **state)
{
	struct place_of_test *t = *state;
	char line[200];

	write_login(t->log, "u1");
	start(t, NULL, true);
	assert_reads(t, "u1");
	assert_int_equal(rename(t->log, name(t, "auth.log.2")), 0);
	(void)login_line(line, sizeof(line), "u2");
	write_bytes(name(t, "auth.log.1"), line, 10);
	write_login(t->log, "u2");
	assert_told(t, "u2");
	assert_quiet(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(one_that_stays_short_is_let_go),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
