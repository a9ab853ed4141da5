/* A log file that is followed while it is renamed, truncated, removed and made again. */
#include "logfile_fixture.h"

/* Following. */

static void a_rename_is_followed(void **state)
{
	struct place_of_test *t = *state;

	write_login(t->log, "u1");
	start(t, NULL, true);
	assert_reads(t, "u1");
	assert_int_equal(rename(t->log, name(t, "auth.log.1")), 0);
	write_login(name(t, "auth.log.1"), "u2");
	assert_told(t, "u2");
	/* The new file is empty: its writer still has the old one. */
	write_text(t->log, "");
	assert_told(t, "");
	write_login(name(t, "auth.log.1"), "u3");
	assert_told(t, "u3");
	write_login(name(t, "auth.log.1"), "u4");
	write_login(t->log, "u5");
	assert_told(t, "u4 u5");
	write_login(t->log, "u6");
	assert_told(t, "u6");
	/* And the old one wakes nobody any more. */
	write_login(name(t, "auth.log.1"), "no");
	assert_quiet(t);
}

static void rotations_between_two_looks_are_read_in_order(void **state)
{
	struct place_of_test *t = *state;

	write_login(t->log, "u1");
	start(t, NULL, true);
	assert_reads(t, "u1");
	write_login(t->log, "u2");
	set_written(t->log, 1);
	assert_int_equal(rename(t->log, name(t, "auth.log.3")), 0);
	write_login(t->log, "u3");
	set_written(t->log, 2);
	assert_int_equal(rename(t->log, name(t, "auth.log.2")), 0);
	write_login(t->log, "u4");
	set_written(t->log, 3);
	assert_int_equal(rename(t->log, name(t, "auth.log.1")), 0);
	write_login(t->log, "u5");
	assert_told(t, "u2 u3 u4 u5");
	write_login(t->log, "u6");
	assert_told(t, "u6");
}

static void a_copytruncate_is_followed(void **state)
{
	struct place_of_test *t = *state;
	char command[400];

	write_login(t->log, "u1");
	start(t, NULL, true);
	assert_reads(t, "u1");
	/* Written and copied before it was read. */
	write_login(t->log, "u2");
	(void)snprintf(command, sizeof(command), "cp %s %s.1", t->log, t->log);
	assert_int_equal(system(command), 0);
	assert_int_equal(truncate(t->log, 0), 0);
	assert_told(t, "u2");
	assert_quiet(t);
	write_login(t->log, "u3");
	assert_told(t, "u3");
	assert_int_equal(truncate(t->log, 0), 0);
	write_login(t->log, "u4");
	assert_told(t, "u4");
	/* Truncated, and already longer than before. */
	assert_int_equal(truncate(t->log, 0), 0);
	write_login(t->log, "longer-u5");
	write_login(t->log, "u6");
	assert_told(t, "longer-u5 u6");
	assert_quiet(t);
}

static void copies_made_between_two_looks_are_read(void **state)
{
	struct place_of_test *t = *state;
	char command[400];

	/* Empty at the last look, so that nothing of it is known. */
	write_text(t->log, "");
	start(t, NULL, true);
	assert_reads(t, "");
	for (unsigned i = 1; i <= 3; i++) {
		char user[8];

		(void)snprintf(user, sizeof(user), "u%u", i);
		write_login(t->log, user);
		(void)snprintf(command, sizeof(command), "cp %s %s.%u", t->log, t->log, 4 - i);
		assert_int_equal(system(command), 0);
		assert_int_equal(truncate(t->log, 0), 0);
		(void)snprintf(command, sizeof(command), "%s.%u", t->log, 4 - i);
		set_written(command, 1000000 + (time_t)i);
	}
	write_login(t->log, "u4");
	assert_told(t, "u1 u2 u3 u4");
	assert_quiet(t);
}

static void a_line_being_written_survives_a_truncation(void **state)
{
	struct place_of_test *t = *state;
	char line[512];

	write_login(t->log, "u0");
	start(t, NULL, true);
	assert_reads(t, "u0");
	(void)login_line(line, sizeof(line), "u1");
	write_bytes(t->log, line, strlen(line) - 1);
	assert_told(t, "");
	assert_int_equal(truncate(t->log, 0), 0);
	assert_told(t, "u1");
	write_login(t->log, "u2");
	assert_told(t, "u2");
}

static void a_switched_link_is_followed(void **state)
{
	struct place_of_test *t = *state;

	assert_int_equal(mkdir(name(t, "sub"), 0755), 0);
	write_login(name(t, "sub/a.log"), "u1");
	assert_int_equal(symlink("sub/a.log", t->log), 0);
	start(t, NULL, true);
	assert_reads(t, "u1");
	write_login(name(t, "sub/a.log"), "u2");
	assert_told(t, "u2");
	write_login(name(t, "sub/b.log"), "u3");
	assert_int_equal(symlink("sub/b.log", name(t, "new")), 0);
	write_login(name(t, "sub/a.log"), "u2b");
	assert_int_equal(rename(name(t, "new"), t->log), 0);
	assert_told(t, "u2b u3");
	/* What the link names is replaced, in its own directory. */
	assert_int_equal(rename(name(t, "sub/b.log"), name(t, "sub/b.log.1")), 0);
	write_login(name(t, "sub/b.log"), "u4");
	assert_told(t, "u4");
}

static void a_file_and_its_directories_may_come_later(void **state)
{
	struct place_of_test *t = *state;

	(void)snprintf(t->log, sizeof(t->log), "%s/a/b/auth.log", t->dir);
	start(t, NULL, true);
	assert_reads(t, "");
	assert_quiet(t);
	assert_int_equal(mkdir(name(t, "a"), 0755), 0);
	assert_told(t, "");
	assert_int_equal(mkdir(name(t, "a/b"), 0755), 0);
	assert_told(t, "");
	write_login(t->log, "u1");
	assert_told(t, "u1");
	write_login(t->log, "u2");
	assert_told(t, "u2");
	assert_quiet(t);
}

static void directories_made_all_at_once_are_found(void **state)
{
	struct place_of_test *t = *state;

	(void)snprintf(t->log, sizeof(t->log), "%s/a/b/auth.log", t->dir);
	start(t, NULL, true);
	assert_reads(t, "");
	assert_int_equal(mkdir(name(t, "a"), 0755), 0);
	assert_int_equal(mkdir(name(t, "a/b"), 0755), 0);
	write_login(t->log, "u1");
	assert_told(t, "u1");
}

static void a_position_without_a_file_begins_with_the_file(void **state)
{
	struct place_of_test *t = *state;
	const char *position;

	start(t, NULL, true);
	assert_reads(t, "");
	position = stop(t);
	write_login(t->log, "u1");
	start(t, position, false);
	assert_reads(t, "u1");
}

static void a_missing_file_is_a_gap_after_a_minute(void **state)
{
	struct place_of_test *t = *state;
	uint64_t timeout;
	short events;

	write_login(t->log, "u1");
	start(t, NULL, true);
	assert_reads(t, "u1");
	assert_int_equal(unlink(t->log), 0);
	assert_told(t, "");
	assert_true(source_wait_fd(t->source, &events, &timeout) >= 0);
	assert_true(timeout > 0 && timeout <= USEC_PER_MIN);
	clock_step = 61;
	assert_true(source_wait_fd(t->source, &events, &timeout) >= 0);
	assert_true(timeout == 0);
	assert_int_equal(source_process(t->source), 0);
	assert_reads(t, "GAP");
	assert_int_equal(source_process(t->source), 0);
	assert_reads(t, "");
	assert_quiet(t);
	write_login(t->log, "u2");
	assert_told(t, "u2");

	/* The next time counts anew; back within the minute is no gap. */
	assert_int_equal(unlink(t->log), 0);
	assert_told(t, "");
	clock_step += 50;
	write_login(t->log, "u3");
	assert_told(t, "u3");
	assert_quiet(t);
}

static void a_gap_says_when_and_why(void **state)
{
	struct place_of_test *t = *state;
	struct record r;

	write_login(t->log, "u1");
	start(t, NULL, true);
	assert_reads(t, "u1");
	assert_int_equal(unlink(t->log), 0);
	assert_told(t, "");
	clock_step = 61;
	assert_int_equal(source_process(t->source), 0);
	assert_int_equal(source_next(t->source, &r), 1);
	assert_int_equal(source_details(t->source, &r), 0);
	assert_int_equal(r.kind, RECORD_GAP);
	assert_true(r.from_usec >= NOW && r.from_usec < NOW + 30 * USEC_PER_SEC);
	assert_true(r.realtime_usec >= r.from_usec + USEC_PER_MIN);
	assert_non_null(memmem(r.reason.p, r.reason.n, "auth.log is missing", 19));
	assert_true(r.identity.n > 0 && r.position.n > 0);
}

static void the_old_file_is_read_while_the_path_is_missing(void **state)
{
	struct place_of_test *t = *state;

	write_login(t->log, "u1");
	start(t, NULL, true);
	assert_reads(t, "u1");
	assert_int_equal(rename(t->log, name(t, "gone")), 0);
	assert_told(t, "");
	write_login(name(t, "gone"), "u2");
	assert_told(t, "u2");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_rename_is_followed),
		TEST(rotations_between_two_looks_are_read_in_order),
		TEST(a_copytruncate_is_followed),
		TEST(copies_made_between_two_looks_are_read),
		TEST(a_line_being_written_survives_a_truncation),
		TEST(a_switched_link_is_followed),
		TEST(a_file_and_its_directories_may_come_later),
		TEST(directories_made_all_at_once_are_found),
		TEST(a_position_without_a_file_begins_with_the_file),
		TEST(a_missing_file_is_a_gap_after_a_minute),
		TEST(a_gap_says_when_and_why),
		TEST(the_old_file_is_read_while_the_path_is_missing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
