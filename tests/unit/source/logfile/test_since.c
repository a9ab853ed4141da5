/* Going on at a time that another source, or another path, was read up to. */
#include "tests/unit/logfile_fixture.h"

#define AT(sec) ((TIME_SEC + (sec)) * USEC_PER_SEC)

static void go_on(struct scene *t, uint64_t usec, bool follow)
{
	struct source_options o = options_of(NULL, follow);

	o.go_on_usec = usec;
	open_log(t, &o);
}

/* A login @sec after TIME_SEC, which is also when the file was last written. */
static void write_at(const char *path, const char *user, int sec)
{
	char line[256];

	(void)snprintf(line, sizeof(line),
		       "2026-11-23T04:%02d:%02d+00:00 web1 sshd[100]: Accepted password for %s "
		       "from 192.0.2.1 port 4711 ssh2\n",
		       5 + sec / 60, sec % 60, user);
	write_text(path, line);
	set_written(path, sec);
}

static void rotations_since_then_are_read(void **state)
{
	struct scene *t = *state;
	char command[256];

	write_at(name(t, "auth.log.3"), "old", 0);
	write_at(name(t, "auth.log.2"), "before", 10);
	write_at(name(t, "auth.log.2"), "u1", 200);
	(void)snprintf(command, sizeof(command), "gzip %s", name(t, "auth.log.2"));
	assert_int_equal(system(command), 0);
	write_at(name(t, "auth.log.1"), "u2", 210);
	write_at(t->log, "u3", 220);
	for (unsigned follow = 0; follow < 2; follow++) {
		go_on(t, AT(180), follow);
		assert_reads(t, "u1 u2 u3");
	}
	/* Two clocks may differ by less than a minute. */
	go_on(t, AT(240), false);
	assert_reads(t, "u1 u2 u3");
	go_on(t, AT(265), false);
	assert_reads(t, "u2 u3");
}

static void a_log_that_begins_later_is_a_gap(void **state)
{
	struct scene *t = *state;
	struct record r;

	write_at(t->log, "u1", 100);
	go_on(t, AT(100), false);
	assert_reads(t, "u1");
	go_on(t, AT(99), false);
	assert_int_equal(source_next(t->source, &r), 1);
	assert_int_equal(source_details(t->source, &r), 0);
	assert_int_equal(r.kind, RECORD_GAP);
	assert_true(r.from_usec == AT(99) && r.realtime_usec == AT(100));
	assert_non_null(memmem(r.reason.p, r.reason.n, t->log, strlen(t->log)));
	assert_reads(t, "u1");

	/* After an older rotation nothing is missing. */
	write_at(name(t, "auth.log.1"), "old", 0);
	go_on(t, AT(99), false);
	assert_reads(t, "u1");
}

static void an_empty_log_holds_all_since_it_was_written(void **state)
{
	struct scene *t = *state;

	write_text(t->log, "");
	set_written(t->log, 100);
	go_on(t, AT(100), false);
	assert_reads(t, "");
	go_on(t, AT(99), false);
	assert_reads(t, "GAP");
	assert_int_equal(unlink(t->log), 0);
	go_on(t, AT(99), true);
	assert_reads(t, "GAP");
	write_at(t->log, "u1", 200);
	assert_notified(t, "u1");
}

/* The bound is for what was there, not for what comes: the clock may be set back. */
static void what_comes_later_is_read_whatever_its_time(void **state)
{
	struct scene *t = *state;

	write_at(t->log, "old", 0);
	go_on(t, AT(200), true);
	assert_reads(t, "");
	write_at(t->log, "u1", 1);
	assert_notified(t, "u1");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(rotations_since_then_are_read),
		TEST(a_log_that_begins_later_is_a_gap),
		TEST(an_empty_log_holds_all_since_it_was_written),
		TEST(what_comes_later_is_read_whatever_its_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
