/* A log file read on from a position, whatever became of the file. */
#include "tests/unit/logfile_fixture.h"

/* After a restart. */

static void a_restart_continues_after_the_last_record(void **state)
{
	struct scene *t = *state;
	const char *position;

	write_login(t->log, "u1");
	position = read_and_stop(t, "u1");
	write_login(t->log, "u2");
	start(t, position, true);
	assert_reads(t, "u2");
	write_login(t->log, "u3");
	assert_notified(t, "u3");
	start(t, buffer_cstr(&t->position), false);
	assert_reads(t, "");
}

static void a_restart_at_each_record_reads_the_rest(void **state)
{
	struct scene *t = *state;
	struct record r;
	char position[10][512], identity[10][256];
	unsigned n = 0;

	for (unsigned i = 0; i < 10; i++) {
		char user[8];

		(void)snprintf(user, sizeof(user), "u%u", i);
		write_login(t->log, user);
	}
	start(t, NULL, false);
	while (source_next(t->source, &r) > 0) {
		assert_int_equal(source_details(t->source, &r), 0);
		(void)snprintf(position[n], sizeof(position[n]), "%.*s", (int)r.position.n,
			       r.position.p);
		(void)snprintf(identity[n], sizeof(identity[n]), "%.*s", (int)r.identity.n,
			       r.identity.p);
		for (unsigned i = 0; i < n; i++)
			assert_string_not_equal(identity[i], identity[n]);
		n++;
	}
	assert_int_equal(n, 10);
	/* The same record has the same identity, however it is come by. */
	for (unsigned i = 0; i + 1 < n; i++) {
		start(t, position[i], false);
		assert_int_equal(source_next(t->source, &r), 1);
		assert_int_equal(source_details(t->source, &r), 0);
		assert_true(slice_eq_str(r.identity, identity[i + 1]));
		assert_true(slice_eq_str(r.position, position[i + 1]));
	}
}

static void an_identity_does_not_change_when_the_file_grows(void **state)
{
	struct scene *t = *state;
	struct record r;
	char identity[256];

	write_login(t->log, "u1");
	start(t, NULL, false);
	assert_int_equal(source_next(t->source, &r), 1);
	assert_int_equal(source_details(t->source, &r), 0);
	(void)snprintf(identity, sizeof(identity), "%.*s", (int)r.identity.n, r.identity.p);
	for (unsigned i = 0; i < 10; i++)
		write_login(t->log, "more");
	start(t, NULL, false);
	assert_int_equal(source_next(t->source, &r), 1);
	assert_int_equal(source_details(t->source, &r), 0);
	assert_true(slice_eq_str(r.identity, identity));
}

static void a_restart_reads_the_rotated_file_first(void **state)
{
	struct scene *t = *state;
	const char *position;

	write_login(t->log, "u1");
	position = read_and_stop(t, "u1");
	write_login(t->log, "u2");
	set_written(t->log, 1);
	write_text(name(t, "unrelated"), "something else\n");
	write_login(name(t, "auth.log.9"), "no");
	set_written(name(t, "auth.log.9"), -100);
	assert_int_equal(rename(t->log, name(t, "any-name")), 0);
	write_login(t->log, "u3");
	set_written(t->log, 2);
	assert_int_equal(rename(t->log, name(t, "auth.log-20261123")), 0);
	write_login(t->log, "u4");
	start(t, position, false);
	assert_reads(t, "u2 u3 u4");
}

static void a_time_without_its_fraction_is_not_earlier(void **state)
{
	struct scene *t = *state;
	const char *position;

	write_text(t->log,
		   "2026-11-23T04:05:06.999999+00:00 web1 sshd[1]: Accepted password for "
		   "u1 from 192.0.2.1 port 1 ssh2\n");
	position = read_and_stop(t, "u1");
	set_written(t->log, 7);
	assert_int_equal(rename(t->log, name(t, "auth.log.2")), 0);
	write_login(t->log, "u2");
	set_written(t->log, 8);
	assert_int_equal(rename(t->log, name(t, "auth.log.1")), 0);
	write_login(t->log, "u3");
	start(t, position, false);
	assert_reads(t, "u2 u3");
}

static void a_restart_follows_after_the_rotated_file(void **state)
{
	struct scene *t = *state;
	const char *position;

	write_login(t->log, "u1");
	position = read_and_stop(t, "u1");
	write_login(t->log, "u2");
	assert_int_equal(rename(t->log, name(t, "auth.log.1")), 0);
	write_text(t->log, "");
	start(t, position, true);
	assert_reads(t, "u2");
	write_login(name(t, "auth.log.1"), "u3");
	assert_notified(t, "u3");
	write_login(t->log, "u4");
	assert_notified(t, "u4");
	start(t, stop(t), false);
	assert_reads(t, "");
}

static void a_scan_waits_at_the_old_file_while_the_new_one_is_empty(void **state)
{
	struct scene *t = *state;
	const char *position;

	write_login(t->log, "u1");
	position = read_and_stop(t, "u1");
	assert_int_equal(rename(t->log, name(t, "auth.log.1")), 0);
	write_text(t->log, "");
	start(t, position, false);
	assert_reads(t, "");
	position = stop(t);
	write_login(name(t, "auth.log.1"), "u2");
	write_login(t->log, "u3");
	start(t, position, false);
	assert_reads(t, "u2 u3");
}

static void a_restart_finds_the_copy_of_a_copytruncate(void **state)
{
	struct scene *t = *state;
	const char *position;
	char command[400];

	write_login(t->log, "u1");
	position = read_and_stop(t, "u1");
	write_login(t->log, "u2");
	(void)snprintf(command, sizeof(command), "cp %s %s.1 && : > %s", t->log, t->log, t->log);
	assert_int_equal(system(command), 0);
	write_login(t->log, "longer-u3");
	write_login(t->log, "u4");
	start(t, position, false);
	assert_reads(t, "u2 longer-u3 u4");
}

/* What was read after the end of the copy is not lost. */
static void a_restart_after_the_copy_of_a_copytruncate_is_no_gap(void **state)
{
	struct scene *t = *state;
	const char *position;
	char command[400];

	for (unsigned i = 0; i < 6; i++)
		write_login(t->log, "u1");
	(void)snprintf(command, sizeof(command), "cp %s %s.1", t->log, t->log);
	assert_int_equal(system(command), 0);
	write_login(t->log, "u2");
	position = read_and_stop(t, "u1 u1 u1 u1 u1 u1 u2");
	assert_int_equal(truncate(t->log, 0), 0);
	write_login(t->log, "u3-is-longer");
	start(t, position, false);
	assert_reads(t, "u3-is-longer");
	/* Of a copy that is older than that nobody knows. */
	set_written(name(t, "auth.log.1"), -61 + 6);
	start(t, position, false);
	assert_reads(t, "GAP u3-is-longer");
}

static void a_restart_at_an_empty_file_finds_a_later_copy(void **state)
{
	struct scene *t = *state;
	struct slice s;
	char position[512], command[400];

	write_text(t->log, "");
	start(t, NULL, false);
	assert_reads(t, "");
	assert_int_equal(source_position(t->source, TIME_SEC * USEC_PER_SEC, &s), 0);
	(void)snprintf(position, sizeof(position), "%.*s", (int)s.n, s.p);
	write_login(t->log, "u1");
	(void)snprintf(command, sizeof(command), "cp %s %s.1 && : > %s", t->log, t->log, t->log);
	assert_int_equal(system(command), 0);
	write_login(t->log, "u2");
	start(t, position, false);
	assert_reads(t, "u1 u2");
}

static void a_restart_after_the_file_was_removed_is_a_gap(void **state)
{
	struct scene *t = *state;
	const char *position;

	write_login(t->log, "u1");
	position = read_and_stop(t, "u1");
	assert_int_equal(unlink(t->log), 0);
	/* One-shot, only the gap is read; following, the file may come. */
	start(t, position, true);
	assert_reads(t, "GAP");
	write_login(t->log, "another");
	assert_notified(t, "another");
}

static void old_records_are_skipped_after_a_gap(void **state)
{
	struct scene *t = *state;
	const char *position;

	write_login(t->log, "u1");
	position = read_and_stop(t, "u1");
	assert_int_equal(unlink(t->log), 0);
	write_text(t->log,
		   "2026-11-22T04:05:06+00:00 web1 sshd[1]: Accepted password for no from "
		   "192.0.2.1 port 1 ssh2\n");
	write_login(t->log, "u2");
	start(t, position, false);
	assert_reads(t, "GAP u2");
}

static void a_restored_file_with_another_inode_goes_on(void **state)
{
	struct scene *t = *state;
	const char *position;
	char command[400];

	write_login(t->log, "u1");
	position = read_and_stop(t, "u1");
	(void)snprintf(command, sizeof(command), "cp %s %s/x && mv %s/x %s", t->log, t->dir, t->dir,
		       t->log);
	assert_int_equal(system(command), 0);
	write_login(t->log, "u2");
	start(t, position, false);
	assert_reads(t, "u2");
}

static void a_changed_path_goes_on_by_time(void **state)
{
	struct scene *t = *state;
	const char *position;

	write_login(t->log, "u1");
	position = read_and_stop(t, "u1");
	(void)snprintf(t->log, sizeof(t->log), "%s/messages", t->dir);
	write_text(t->log,
		   "2026-11-23T04:05:05+00:00 web1 sshd[1]: Accepted password for no from "
		   "192.0.2.1 port 1 ssh2\n"
		   "2026-11-23T04:05:07+00:00 web1 sshd[1]: Accepted password for u2 from "
		   "192.0.2.1 port 1 ssh2\n");
	start(t, position, false);
	assert_reads(t, "u2");
}

static void odd_paths_come_back_from_their_position(void **state)
{
	struct scene *t = *state;
	const char *position;

	(void)snprintf(t->log, sizeof(t->log), "%s/a b%%\n\xc3\xa9.log", t->dir);
	write_login(t->log, "u1");
	position = read_and_stop(t, "u1");
	assert_int_equal(rename(t->log, name(t, "old")), 0);
	write_login(name(t, "old"), "u2");
	write_login(t->log, "u3");
	start(t, position, false);
	assert_reads(t, "u2 u3");
}

static void a_repetition_after_a_restart_counts(void **state)
{
	static const char repeated[] = "Nov 23 04:05:07 web1 last message repeated 3 times\n";
	struct scene *t = *state;
	const char *position;
	char text[512];
	struct record r;

	/* In the same file, in the next one, and after a line that lacks its end. */
	for (unsigned i = 0; i < 3; i++) {
		(void)unlink(t->log);
		(void)unlink(name(t, "auth.log.1"));
		write_login(t->log, "u0");
		(void)login_line(text, sizeof(text), "u1");
		write_bytes(t->log, text, strlen(text) - (i == 2));
		position = read_and_stop(t, "u0 u1");
		if (i == 1)
			assert_int_equal(rename(t->log, name(t, "auth.log.1")), 0);
		if (i == 2)
			write_text(t->log, "\n");
		write_text(t->log, repeated);
		write_login(t->log, "u2");
		start(t, position, false);
		assert_int_equal(source_next(t->source, &r), 1);
		assert_int_equal(source_details(t->source, &r), 0);
		assert_true(r.count == 3);
		assert_non_null(memmem(r.message.p, r.message.n, " for u1 from", 12));
		assert_reads(t, "u2");
	}

	/* What was repeated is no login, or is not known. */
	write_text(t->log, "2026-11-23T04:05:06+00:00 web1 cron[1]: noise\n");
	position = read_and_stop(t, "u0 u1 u1 u2");
	write_text(t->log, repeated);
	start(t, position, false);
	assert_reads(t, "");
	position = stop(t);
	write_text(t->log, repeated);
	start(t, position, false);
	assert_reads(t, "");
}

/* Both in one second; a header says no more. */
static void what_was_rotated_just_before_the_position_is_left_alone(void **state)
{
	static const char text[] =
		"Nov 23 04:05:00 web1 sshd[100]: Accepted password for %s from "
		"192.0.2.1 port 4711 ssh2\n";
	struct scene *t = *state;
	struct source_options o = options_of(NULL, false);
	struct timespec times[2] = {{TIME_SEC, 300000000}, {TIME_SEC, 300000000}};
	char line[256], position[1024];
	struct slice s;

	for (unsigned before = 0; before < 2; before++) {
		times[0].tv_nsec = times[1].tv_nsec = before ? 300000000 : 700000000;
		(void)snprintf(line, sizeof(line), text, "u1");
		write_text(name(t, "auth.log.1"), line);
		assert_int_equal(utimensat(AT_FDCWD, name(t, "auth.log.1"), times, 0), 0);
		write_text(t->log, "");
		o.from_end = true;
		open_log(t, &o);
		assert_reads(t, "");
		assert_int_equal(source_position(t->source, TIME_SEC * USEC_PER_SEC + 500000, &s),
				 0);
		(void)snprintf(position, sizeof(position), "%.*s", (int)s.n, s.p);
		(void)snprintf(line, sizeof(line), text, "u2");
		write_text(t->log, line);
		start(t, position, false);
		assert_reads(t, before ? "u2" : "u1 u2");
		assert_int_equal(unlink(t->log), 0);
		assert_int_equal(unlink(name(t, "auth.log.1")), 0);
	}
}

static void damaged_positions_are_reported(void **state)
{
	struct scene *t = *state;
	struct error err;
	static char text[16384], good[16384];

	write_login(t->log, "u1");
	(void)snprintf(good, sizeof(good), "%s", read_and_stop(t, "u1"));
	for (size_t n = 0; n < strlen(good); n++) {
		struct source_options o = options_of(text, false);
		int r;

		/* Cut short: refused, unless only the last number lost digits. */
		(void)snprintf(text, sizeof(text), "%.*s", (int)n, good);
		r = logfile_open(t->log, &o, &t->source, &err);
		if (r == 0 && n > (size_t)(strstr(good, "until=") + 6 - good)) {
			t->source = source_free(t->source);
			continue;
		}
		assert_int_equal(r, SOURCE_E_POSITION);
		assert_true(err.text[0] != '\0');
		/* A byte that never fits. */
		(void)snprintf(text, sizeof(text), "%s", good);
		text[n] = '\x01';
		r = logfile_open(t->log, &o, &t->source, &err);
		if (r == 0) { /* in the path */
			t->source = source_free(t->source);
			continue;
		}
		assert_int_equal(r, SOURCE_E_POSITION);
	}
	assert_false(logfile_owns_position(SLICE_LITERAL("journal s=1")));
	assert_false(logfile_owns_position(SLICE_LITERAL("")));
	assert_true(logfile_owns_position(slice_of(good)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_restart_continues_after_the_last_record),
		TEST(a_restart_at_each_record_reads_the_rest),
		TEST(an_identity_does_not_change_when_the_file_grows),
		TEST(a_restart_reads_the_rotated_file_first),
		TEST(a_time_without_its_fraction_is_not_earlier),
		TEST(a_restart_follows_after_the_rotated_file),
		TEST(a_scan_waits_at_the_old_file_while_the_new_one_is_empty),
		TEST(a_restart_finds_the_copy_of_a_copytruncate),
		TEST(a_restart_after_the_copy_of_a_copytruncate_is_no_gap),
		TEST(a_restart_at_an_empty_file_finds_a_later_copy),
		TEST(a_restart_after_the_file_was_removed_is_a_gap),
		TEST(old_records_are_skipped_after_a_gap),
		TEST(a_restored_file_with_another_inode_goes_on),
		TEST(a_changed_path_goes_on_by_time),
		TEST(odd_paths_come_back_from_their_position),
		TEST(a_repetition_after_a_restart_counts),
		TEST(what_was_rotated_just_before_the_position_is_left_alone),
		TEST(damaged_positions_are_reported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
