/* Files that were left for the next one, and are still watched. */
#include "tests/unit/logfile_fixture.h"

/* Leaves auth.log.1, of which u1 was read, for auth.log, of which u2 was. */
static char *leave(struct scene *t)
{
	char *old = name(t, "auth.log.1");

	write_login(t->log, "u1-and-more");
	start(t, NULL, true);
	assert_reads(t, "u1-and-more");
	assert_int_equal(rename(t->log, old), 0);
	write_login(t->log, "u2");
	assert_notified(t, "u2");
	return old;
}

static void copy_and_truncate(const char *old)
{
	char command[400];

	(void)snprintf(command, sizeof(command), "cp %s %s.copy", old, old);
	assert_int_equal(system(command), 0);
	assert_int_equal(truncate(old, 0), 0);
}

static void what_was_read_may_be_truncated(void **state)
{
	struct scene *t = *state;
	const char *old = leave(t);

	assert_int_equal(truncate(old, 0), 0);
	assert_notified(t, "");
	write_login(t->log, "u3");
	assert_notified(t, "u3");
	assert_quiet(t);
}

static void lines_after_the_truncation_are_read(void **state)
{
	struct scene *t = *state;
	const char *old = leave(t);

	assert_int_equal(truncate(old, 0), 0);
	assert_notified(t, "");
	write_login(old, "u3");
	assert_notified(t, "u3");
	write_login(old, "u4");
	write_login(t->log, "u5");
	assert_notified(t, "u4 u5");
	assert_quiet(t);
}

static void a_truncated_line_that_was_not_whole_is_a_gap(void **state)
{
	struct scene *t = *state;
	const char *old = leave(t);
	struct record r;
	char line[200];

	(void)login_line(line, sizeof(line), "u3");
	write_bytes(old, line, strlen(line) - 1);
	assert_notified(t, "");
	assert_int_equal(truncate(old, 0), 0);
	assert_int_equal(source_process(t->source), 0);
	assert_int_equal(source_next(t->source, &r), 1);
	assert_int_equal(source_details(t->source, &r), 0);
	assert_int_equal(r.kind, RECORD_GAP);
	assert_non_null(memmem(r.reason.p, r.reason.n, "auth.log was truncated", 22));
	assert_true(r.from_usec <= r.realtime_usec);
	assert_reads(t, "");
	write_login(t->log, "u4");
	assert_notified(t, "u4");
	assert_quiet(t);
}

static void what_was_not_read_is_read_from_a_copy(void **state)
{
	struct scene *t = *state;
	const char *old = leave(t);

	write_login(old, "u3");
	copy_and_truncate(old);
	assert_notified(t, "u3");
	write_login(old, "u4");
	assert_notified(t, "u4");
	write_login(t->log, "u5");
	assert_notified(t, "u5");
	assert_quiet(t);
}

static void a_copy_is_read_though_the_next_file_is_empty(void **state)
{
	struct scene *t = *state;
	const char *old = leave(t);
	char command[400];

	(void)snprintf(command, sizeof(command), "cp %s %s/auth.log.new", t->log, t->dir);
	assert_int_equal(system(command), 0);
	assert_int_equal(truncate(t->log, 0), 0);
	assert_notified(t, "");
	write_login(old, "u3");
	copy_and_truncate(old);
	assert_notified(t, "u3");
	write_login(t->log, "u4");
	assert_notified(t, "u4");
	assert_quiet(t);
}

static void a_copy_of_what_was_read_adds_nothing(void **state)
{
	struct scene *t = *state;
	const char *old = leave(t);

	copy_and_truncate(old);
	assert_notified(t, "");
	write_login(old, "u3");
	assert_notified(t, "u3");
	assert_quiet(t);
}

/* Nobody can know whether its writer wrote more before. */
static void one_that_is_truncated_and_written_between_two_looks_is_a_gap(void **state)
{
	static const char *const users[] = {"v1-only", "v1-and-more", "v1-and-still-more"};

	for (size_t i = 0; i < ARRAY_SIZE(users); i++) {
		struct scene *t = *state;
		const char *old = leave(t);
		char expected[64];

		assert_int_equal(truncate(old, 0), 0);
		write_login(old, users[i]);
		(void)snprintf(expected, sizeof(expected), "GAP %s", users[i]);
		assert_notified(t, expected);
		assert_quiet(t);
		assert_int_equal(unlink(old), 0);
		assert_int_equal(unlink(t->log), 0);
	}
}

static void one_that_began_short_is_read_from_its_begin(void **state)
{
	struct scene *t = *state;
	const char *old = name(t, "auth.log.1");

	write_text(t->log, "short\n");
	start(t, NULL, true);
	assert_reads(t, "");
	assert_int_equal(rename(t->log, old), 0);
	write_login(t->log, "u1");
	assert_notified(t, "u1");
	assert_int_equal(truncate(old, 0), 0);
	write_login(old, "u2");
	write_login(old, "u3");
	assert_notified(t, "GAP u2 u3");
	assert_quiet(t);
}

/* Too short to be recognised as a copy, and it stays so: after its minute it wakes nobody. */
static void one_that_stays_short_is_let_go(void **state)
{
	struct scene *t = *state;
	char line[200];

	write_login(t->log, "u1");
	start(t, NULL, true);
	assert_reads(t, "u1");
	assert_int_equal(rename(t->log, name(t, "auth.log.2")), 0);
	(void)login_line(line, sizeof(line), "u2");
	write_bytes(name(t, "auth.log.1"), line, 10);
	write_login(t->log, "u2");
	assert_notified(t, "u2");
	assert_quiet(t);
}

/* Six rotations within a minute: auth.log.1 is the oldest, and u0 to u6 were read. */
static void leave_many(struct scene *t)
{
	char user[16], rotation[16];

	write_login(t->log, "u0-and-more");
	start(t, NULL, true);
	assert_reads(t, "u0-and-more");
	for (unsigned i = 1; i <= 6; i++) {
		(void)snprintf(rotation, sizeof(rotation), "auth.log.%u", i);
		assert_int_equal(rename(t->log, name(t, rotation)), 0);
		(void)snprintf(user, sizeof(user), "u%u-and-more", i);
		write_login(t->log, user);
		assert_notified(t, user);
	}
}

static void write_late(struct scene *t, unsigned i)
{
	char user[16], rotation[16];

	(void)snprintf(rotation, sizeof(rotation), "auth.log.%u", i);
	(void)snprintf(user, sizeof(user), "l%u", i);
	write_login(name(t, rotation), user);
}

static void four_late_files_are_read(void **state)
{
	struct scene *t = *state;

	leave_many(t);
	for (unsigned i = 3; i <= 6; i++)
		write_late(t, i);
	assert_notified(t, "l6 l5 l4 l3");
	for (unsigned i = 6; i >= 3; i--)
		write_late(t, i);
	write_login(t->log, "u7");
	assert_notified(t, "l3 l4 l5 l6 u7");
	assert_quiet(t);
}

static void a_fifth_late_file_is_a_gap_that_names_it(void **state)
{
	struct scene *t = *state;
	struct record r;

	leave_many(t);
	for (unsigned i = 2; i <= 6; i++)
		write_late(t, i);
	assert_int_equal(source_process(t->source), 0);
	assert_int_equal(source_next(t->source, &r), 1);
	assert_int_equal(source_details(t->source, &r), 0);
	assert_int_equal(r.kind, RECORD_GAP);
	assert_non_null(memmem(r.reason.p, r.reason.n, name(t, "auth.log.2"), strlen(t->dir) + 11));
	assert_true(r.from_usec > 0);
	assert_true(r.from_usec <= r.realtime_usec);
	assert_reads(t, "l6 l5 l4 l3");
	/* Once. */
	write_late(t, 2);
	write_login(t->log, "u7");
	assert_notified(t, "u7");
	assert_quiet(t);
}

static void rotations_that_nobody_writes_to_are_no_gap(void **state)
{
	struct scene *t = *state;

	leave_many(t);
	assert_quiet(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_was_read_may_be_truncated),
		TEST(lines_after_the_truncation_are_read),
		TEST(a_truncated_line_that_was_not_whole_is_a_gap),
		TEST(what_was_not_read_is_read_from_a_copy),
		TEST(a_copy_is_read_though_the_next_file_is_empty),
		TEST(a_copy_of_what_was_read_adds_nothing),
		TEST(one_that_is_truncated_and_written_between_two_looks_is_a_gap),
		TEST(one_that_began_short_is_read_from_its_begin),
		TEST(one_that_stays_short_is_let_go),
		TEST(four_late_files_are_read),
		TEST(a_fifth_late_file_is_a_gap_that_names_it),
		TEST(rotations_that_nobody_writes_to_are_no_gap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
