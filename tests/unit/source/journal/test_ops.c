/*
 * The journal source on real journal files. "file" below is the number of a journal file in the
 * test's directory.
 */
#include "tests/unit/journal_fixture.h"

#include "source/journal/ops.h"

static void write_file(struct fixture *f, unsigned file)
{
	char name[32];

	(void)snprintf(name, sizeof(name), "%u.journal", file);
	write_journal(f, name);
}

static struct source *open_source(struct fixture *f, struct source_options options)
{
	struct source *s = NULL;
	struct error err = {0};
	int r;

	options.programs = programs;
	r = journal_open(f->directory, &options, &s, &err);
	if (r != 0)
		fail_msg("journal_open: %d %s", r, err.text);
	return s;
}

/* Reads all, and writes what was read as "user user" into @ret; a gap is "GAP(from-to)". */
static void read_all(struct source *s, struct buffer *ret)
{
	struct record record;
	int r;

	buffer_clear(ret);
	while ((r = source_next(s, &record)) > 0) {
		if (r == SOURCE_AGAIN)
			continue;
		assert_int_equal(source_details(s, &record), 0);
		if (ret->len)
			assert_int_equal(buffer_append_char(ret, ' '), 0);
		if (record.kind == RECORD_GAP)
			assert_int_equal(
				buffer_printf(ret, "GAP(%" PRId64 "-%" PRId64 ")",
					      (int64_t)(record.from_usec - T0) / 1000000,
					      (int64_t)(record.realtime_usec - T0) / 1000000),
				0);
		else {
			const char *user = memmem(record.message.p, record.message.n, " for ", 5);

			assert_non_null(user);
			user += 5;
			assert_int_equal(
				buffer_append(ret, user,
					      (size_t)((const char *)memchr(user, ' ', 64) - user)),
				0);
		}
	}
	assert_int_equal(r, 0);
	assert_non_null(buffer_cstr(ret));
}

static char *position_of(struct source *s, uint64_t until)
{
	struct slice p;

	assert_int_equal(source_position(s, until, &p), 0);
	return strndup(p.p, p.n);
}

static void every_login_is_read_once_and_in_order(void **state)
{
	struct fixture *f = *state;
	struct buffer read AUTO_BUFFER = BUFFER_INIT(4096);
	struct source *s;

	login_of(f, 1, "a");
	entry(f, 2, SSHD, "Failed password for b from 192.0.2.1 port 22 ssh2");
	entry(f, 3, "_UID=0\n_COMM=cron\nSYSLOG_IDENTIFIER=CRON", "Accepted publickey for no x");
	entry(f, 4, "_UID=0\nSYSLOG_IDENTIFIER=sshd-session",
	      "Accepted password for c from 192.0.2.1 port 22 ssh2");
	entry(f, 5, "_UID=0\n_COMM=sshd-session",
	      "Accepted password for d from 192.0.2.1 port 22 ssh2");
	write_file(f, 1);
	s = open_source(f, (struct source_options){0});
	read_all(s, &read);
	assert_string_equal(read.data, "a c d");
	(void)source_free(s);
}

static void details_are_those_of_the_entry(void **state)
{
	struct fixture *f = *state;
	struct record r;
	struct source *s;

	login_of(f, 9, "a");
	write_file(f, 1);
	s = open_source(f, (struct source_options){0});
	assert_int_equal(source_next(s, &r), 1);
	assert_int_equal(source_details(s, &r), 0);
	assert_true(slice_eq_str(r.host, "web1"));
	assert_true(slice_eq_str(r.program, "sshd"));
	assert_true(slice_eq_str(r.comm, "sshd"));
	assert_int_equal(r.realtime_usec, T0 + 9 * SEC);
	assert_true(r.uid_known && r.uid == 0 && r.pid_known && r.pid == 7);
	assert_true(r.trusted && r.authenticated);
	(void)source_free(s);
}

/* Who wrote it decides, not what it says of itself. */
static void trust_needs_uid_0_and_a_command_of_the_programs(void **state)
{
	static const struct {
		const char *fields;
		bool trusted;
	} cases[] = {
		{"_UID=0\n_COMM=sshd\nSYSLOG_IDENTIFIER=sshd", true},
		{"_UID=0\nSYSLOG_IDENTIFIER=sshd", true},
		{"_UID=0\n_COMM=sshd-session\nSYSLOG_IDENTIFIER=other", true},
		{"_UID=0\n_COMM=tail\nSYSLOG_IDENTIFIER=sshd", false},
		{"_UID=1000\n_COMM=sshd\nSYSLOG_IDENTIFIER=sshd", false},
		{"_UID=00x\n_COMM=sshd\nSYSLOG_IDENTIFIER=sshd", false},
		{"SYSLOG_IDENTIFIER=sshd", false},
		{"_UID=0\n_COMM=sshd\n_TRANSPORT=stdout\nSYSLOG_IDENTIFIER=sshd", true},
		{"_UID=0\n_TRANSPORT=stdout\nSYSLOG_IDENTIFIER=sshd", false},
		{"_UID=0\n_TRANSPORT=syslog\nSYSLOG_IDENTIFIER=sshd", true},
	};
	struct fixture *f = *state;
	struct record r;
	struct source *s;

	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++)
		entry(f, i, cases[i].fields, "Accepted none for a from 192.0.2.1 port 22 ssh2");
	write_file(f, 1);
	s = open_source(f, (struct source_options){0});
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(source_next(s, &r), 1);
		assert_int_equal(source_details(s, &r), 0);
		assert_int_equal(r.trusted, cases[i].trusted);
	}
	assert_int_equal(source_next(s, &r), 0);
	(void)source_free(s);
}

/* journald keeps the original beside a message whose trailing blanks it took off. */
static void a_message_that_was_trimmed_is_told_as_such(void **state)
{
	struct fixture *f = *state;
	struct record r;
	struct source *s;

	entry(f, 1, SSHD, "Accepted none for a from 192.0.2.1 port 22 ssh2");
	entry(f, 2, SSHD "\nSYSLOG_RAW=<38>Sep 21 sshd[7]: x  ",
	      "Accepted none for b from 192.0.2.1 port 22 ssh2");
	write_file(f, 1);
	s = open_source(f, (struct source_options){0});
	for (int i = 0; i < 2; i++) {
		assert_int_equal(source_next(s, &r), 1);
		assert_int_equal(source_details(s, &r), 0);
		assert_int_equal(r.trimmed, i == 1);
	}
	(void)source_free(s);
}

static void resume_at_every_place_gives_the_rest(void **state)
{
	static const char *const rest[] = {"a b c d e", "b c d e", "c d e", "d e", "e", ""};
	struct fixture *f = *state;
	struct buffer read AUTO_BUFFER = BUFFER_INIT(4096);
	struct record r;

	login_of(f, 1, "a");
	login_of(f, 2, "b");
	login_of(f, 2, "c"); /* in the same microsecond */
	write_file(f, 1);
	login_of(f, 4, "d");
	login_of(f, 5, "e");
	write_file(f, 2);
	for (unsigned n = 1; n <= 5; n++) {
		struct source *s = open_source(f, (struct source_options){0});
		AUTO_FREE char *position = NULL;

		for (unsigned i = 0; i < n; i++)
			assert_int_equal(source_next(s, &r), 1);
		position = position_of(s, 0);
		(void)source_free(s);
		s = open_source(f, (struct source_options){.resume = position});
		read_all(s, &read);
		assert_string_equal(read.data, rest[n]);
		(void)source_free(s);
	}
}

static void the_end_is_where_later_logins_begin(void **state)
{
	struct fixture *f = *state;
	struct buffer read AUTO_BUFFER = BUFFER_INIT(4096);
	AUTO_FREE char *position = NULL;
	struct source *s;

	login_of(f, 1, "a");
	write_file(f, 1);
	s = open_source(f, (struct source_options){.from_end = true});
	read_all(s, &read);
	assert_string_equal(read.data, "");
	position = position_of(s, T0 + 2 * SEC);
	(void)source_free(s);
	login_of(f, 5, "b");
	write_file(f, 2);
	s = open_source(f, (struct source_options){.resume = position});
	read_all(s, &read);
	assert_string_equal(read.data, "b");
	(void)source_free(s);
}

/* Nothing of sshd yet: the position has a time only. */
static void the_end_of_a_journal_without_sshd_is_a_time(void **state)
{
	struct fixture *f = *state;
	struct buffer read AUTO_BUFFER = BUFFER_INIT(4096);
	AUTO_FREE char *position = NULL;
	struct source *s;

	entry(f, 1, "_COMM=cron", "something");
	write_file(f, 1);
	s = open_source(f, (struct source_options){.from_end = true});
	read_all(s, &read);
	assert_string_equal(read.data, "");
	position = position_of(s, T0 + 2 * SEC);
	(void)source_free(s);
	login_of(f, 5, "a");
	write_file(f, 2);
	s = open_source(f, (struct source_options){.resume = position});
	read_all(s, &read);
	assert_string_equal(read.data, "a");
	(void)source_free(s);
}

static void remove_file(struct fixture *f, unsigned file)
{
	char path[96];

	(void)snprintf(path, sizeof(path), "%s/%u.journal", f->directory, file);
	assert_int_equal(unlink(path), 0);
}

/* Reads @n records and gives the position behind them. */
static char *position_after(struct fixture *f, unsigned n, uint64_t until)
{
	struct source *s = open_source(f, (struct source_options){0});
	struct record r;
	char *position;

	for (unsigned i = 0; i < n; i++)
		assert_int_equal(source_next(s, &r), 1);
	position = position_of(s, until);
	(void)source_free(s);
	return position;
}

static void what_was_read_and_vacuumed_is_no_gap(void **state)
{
	struct fixture *f = *state;
	struct buffer read AUTO_BUFFER = BUFFER_INIT(4096);
	AUTO_FREE char *position = NULL;
	struct source *s;

	login_of(f, 1, "a");
	write_file(f, 1);
	login_of(f, 500, "b");
	write_file(f, 2);
	position = position_after(f, 1, T0 + 500 * SEC - 1);
	remove_file(f, 1);
	s = open_source(f, (struct source_options){.resume = position});
	read_all(s, &read);
	/* The journal now begins at 500, and all before was read. */
	assert_string_equal(read.data, "GAP(499-500) b");
	(void)source_free(s);
	free(position);
	position = NULL;
	/* Read up to 500 as well. */
	login_of(f, 1, "a");
	write_file(f, 1);
	position = position_after(f, 1, T0 + 500 * SEC);
	remove_file(f, 1);
	s = open_source(f, (struct source_options){.resume = position});
	read_all(s, &read);
	assert_string_equal(read.data, "b");
	(void)source_free(s);
}

static void what_was_vacuumed_unread_is_a_gap(void **state)
{
	struct fixture *f = *state;
	struct buffer read AUTO_BUFFER = BUFFER_INIT(4096);
	AUTO_FREE char *position = NULL;
	struct source *s;

	login_of(f, 1, "a");
	login_of(f, 100, "b");
	write_file(f, 1);
	login_of(f, 900, "c");
	login_of(f, 901, "d");
	write_file(f, 2);
	position = position_after(f, 1, 0);
	remove_file(f, 1);
	s = open_source(f, (struct source_options){.resume = position});
	read_all(s, &read);
	assert_string_equal(read.data, "GAP(1-900) c d");
	(void)source_free(s);
}

/* A position that the journal has not reached must not hide what comes before it. */
static void a_position_from_the_future_goes_on_at_the_end(void **state)
{
	struct fixture *f = *state;
	struct buffer read AUTO_BUFFER = BUFFER_INIT(4096);
	struct source *s;

	login_of(f, 1, "old");
	login_of(f, 500, "a");
	write_file(f, 1);
	s = open_source(f, (struct source_options){
				   .resume = "journal time=2790000000000000 until=2790000000000000 "
					     "cursor=s=" BOOT ";i=1;b=" BOOT
					     ";m=1;t=9e96f9e2c0000;x=1"});
	read_all(s, &read);
	assert_string_equal(read.data, "a");
	(void)source_free(s);
}

static void a_cursor_that_is_none_goes_on_by_time(void **state)
{
	struct fixture *f = *state;
	struct buffer read AUTO_BUFFER = BUFFER_INIT(4096);
	char position[128];
	struct source *s;

	login_of(f, 1, "old");
	login_of(f, 500, "a");
	login_of(f, 600, "b");
	write_file(f, 1);
	(void)snprintf(position, sizeof(position),
		       "journal time=%" PRIu64 " until=%" PRIu64 " cursor=garbage", T0 + 500 * SEC,
		       T0 + 510 * SEC);
	s = open_source(f, (struct source_options){.resume = position});
	read_all(s, &read);
	assert_string_equal(read.data, "a b"); /* "a" again: the ledger knows it */
	(void)source_free(s);
}

#define BOOT_2 "0123456789abcdef0123456789abcd02"
#define BOOT_3 "0123456789abcdef0123456789abcd03"

static void login_in_boot(struct fixture *f, const char *boot, unsigned sec, const char *user)
{
	char message[128];

	(void)snprintf(message, sizeof(message),
		       "Accepted publickey for %s from 192.0.2.1 port 22 ssh2", user);
	boot_entry(f, boot, sec, SSHD, message);
}

/* Reads on from *position, and moves it. */
static void expect_from(struct fixture *f, char **position, const char *users)
{
	struct buffer read AUTO_BUFFER = BUFFER_INIT(4096);
	struct source *s = open_source(f, (struct source_options){.resume = *position});
	char *next;

	read_all(s, &read);
	assert_string_equal(read.data, users);
	next = position_of(s, 0);
	(void)source_free(s);
	free(*position);
	*position = next;
}

/* Three boots, each of whose clocks stands behind the last: sd_journal's order shows none of it. */
static void boots_whose_clock_is_behind_are_read_and_gone_on_from(void **state)
{
	struct fixture *f = *state;
	char *position;

	login_of(f, 1000, "a");
	write_file(f, 1);
	position = position_after(f, 1, 0);
	expect_from(f, &position, "");
	login_in_boot(f, BOOT_2, 500, "b");
	login_in_boot(f, BOOT_2, 501, "c");
	write_file(f, 2);
	expect_from(f, &position, "b c");
	expect_from(f, &position, "");
	login_in_boot(f, BOOT_2, 502, "d");
	write_file(f, 3);
	expect_from(f, &position, "d");
	login_in_boot(f, BOOT_3, 1, "e");
	write_file(f, 4);
	expect_from(f, &position, "e");
	login_in_boot(f, BOOT_3, 2000, "f");
	write_file(f, 5);
	expect_from(f, &position, "f");
	expect_from(f, &position, "");
	free(position);
}

static void a_boot_that_is_in_order_is_read_once(void **state)
{
	struct fixture *f = *state;
	char *position;

	login_of(f, 1000, "a");
	write_file(f, 1);
	position = position_after(f, 1, 0);
	login_in_boot(f, BOOT_2, 1500, "b");
	write_file(f, 2);
	expect_from(f, &position, "b");
	login_in_boot(f, BOOT_2, 1501, "c");
	write_file(f, 3);
	expect_from(f, &position, "c");
	assert_null(strstr(position, "bound="));
	free(position);
}

/* Within a file, and files of one sequence, the order is that of writing, whatever the clock. */
static void a_boot_that_is_behind_in_the_same_file_is_read_once(void **state)
{
	struct fixture *f = *state;
	char *position;

	login_of(f, 1000, "a");
	write_file(f, 1);
	position = position_after(f, 1, 0);
	login_in_boot(f, BOOT_2, 500, "b");
	login_in_boot(f, BOOT_2, 501, "c");
	write_file(f, 1);
	expect_from(f, &position, "b c");
	expect_from(f, &position, "");
	free(position);
}

/* As systemd-journal-remote with SplitMode=none writes: what comes late has its place by arrival.
 */
static void what_another_host_sends_late_into_the_same_file_is_read(void **state)
{
	struct fixture *f = *state;
	char *position;

	login_of(f, 1000, "a");
	login_in_boot(f, BOOT_2, 1000, "b");
	write_journal(f, "remote.journal");
	position = position_after(f, 2, 0);
	login_in_boot(f, BOOT_2, 10, "late");
	login_in_boot(f, BOOT_3, 11, "later");
	login_of(f, 1001, "c");
	write_journal(f, "remote.journal");
	expect_from(f, &position, "late later c");
	expect_from(f, &position, "");
	free(position);
}

static void since_and_until_bound_what_is_read(void **state)
{
	struct fixture *f = *state;
	struct buffer read AUTO_BUFFER = BUFFER_INIT(4096);
	AUTO_FREE char *position = NULL;
	struct source *s;

	for (unsigned i = 1; i <= 5; i++) {
		char user[2] = {(char)('a' + i - 1), 0};

		login_of(f, i, user);
	}
	write_file(f, 1);
	s = open_source(
		f, (struct source_options){.since_usec = T0 + 2 * SEC, .until_usec = T0 + 4 * SEC});
	read_all(s, &read);
	assert_string_equal(read.data, "b c d");
	/* What is behind the bound is not behind the position. */
	position = position_of(s, 0);
	(void)source_free(s);
	s = open_source(f, (struct source_options){.resume = position});
	read_all(s, &read);
	assert_string_equal(read.data, "e");
	(void)source_free(s);
}

static void only_journald_itself_tells_of_dropped_messages(void **state)
{
	struct fixture *f = *state;
	struct record r;
	struct source *s;

	entry(f, 1,
	      "_UID=0\n_COMM=systemd-journal\nSYSLOG_IDENTIFIER=systemd-journald\n"
	      "_TRANSPORT=driver\nN_DROPPED=12\nMESSAGE_ID=a596d6fe7bfa4994828e72309e95d61e",
	      "Suppressed 12 messages from ssh.service");
	entry(f, 2,
	      "_UID=0\n_TRANSPORT=driver\nN_DROPPED=3\n"
	      "MESSAGE_ID=a596d6fe7bfa4994828e72309e95d61e",
	      "Suppressed 3 messages from cron.service");
	entry(f, 3,
	      "_UID=1000\n_COMM=sshd\n_TRANSPORT=journal\nN_DROPPED=9\n"
	      "MESSAGE_ID=a596d6fe7bfa4994828e72309e95d61e",
	      "Suppressed 9 messages from ssh.service");
	write_file(f, 1);
	s = open_source(f, (struct source_options){0});
	assert_int_equal(source_next(s, &r), 1);
	assert_int_equal(r.kind, RECORD_DROPPED);
	assert_int_equal(source_details(s, &r), 0);
	assert_true(r.trusted);
	assert_int_equal(r.count, 12);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(source_next(s, &r), 1);
		assert_int_equal(source_details(s, &r), 0);
		assert_false(r.trusted);
	}
	assert_int_equal(source_next(s, &r), 0);
	(void)source_free(s);
}

static void a_directory_that_cannot_be_read_is_an_error(void **state)
{
	struct fixture *f = *state;
	struct source_options options = {.programs = programs};
	struct source *s = NULL;
	struct error err = {0};

	assert_int_equal(journal_open("/nonexistent/journal", &options, &s, &err),
			 SOURCE_E_UNREADABLE);
	assert_string_equal(err.file, "/nonexistent/journal");
	assert_int_equal(journal_open(f->directory, &options, &s, &err), SOURCE_E_UNREADABLE);
	assert_string_equal(err.text, "holds no journal files");
	assert_null(s);
}

/* A follower that has read up to 5 s; then 20 s is appended, and 10 s is in a file of its own. */
static struct source *read_before_a_new_file(struct fixture *f, struct buffer *read)
{
	struct source *s;

	login_of(f, 5, "a");
	write_file(f, 1);
	s = open_source(f, (struct source_options){.follow = true});
	read_all(s, read);
	assert_string_equal(read->data, "a");
	login_of(f, 20, "b");
	write_file(f, 1);
	login_of(f, 10, "c");
	login_of(f, 30, "d");
	write_file(f, 2);
	read_all(s, read);
	return s;
}

/* sd_journal(3) opens a new file when it has read newer entries of others, and skips older ones. */
static void older_entries_of_a_new_file_are_read_once(void **state)
{
	struct fixture *f = *state;
	struct buffer read AUTO_BUFFER = BUFFER_INIT(4096);
	struct source *s = read_before_a_new_file(f, &read);

	assert_string_equal(read.data, "b");
	assert_int_equal(source_process(s), 0);
	read_all(s, &read);
	assert_string_equal(read.data, "c d");
	login_of(f, 40, "e");
	write_file(f, 3);
	assert_int_equal(source_process(s), 0);
	read_all(s, &read);
	assert_string_equal(read.data, "e");
	(void)source_free(s);
}

static void older_entries_of_a_new_file_are_read_once_after_a_resume(void **state)
{
	struct fixture *f = *state;
	struct buffer read AUTO_BUFFER = BUFFER_INIT(4096);
	struct source *s = read_before_a_new_file(f, &read);

	for (int i = 0; i < 2; i++) {
		char *place = position_of(s, 0);

		(void)source_free(s);
		s = open_source(f, (struct source_options){.resume = place, .follow = i == 0});
		read_all(s, &read);
		assert_string_equal(read.data ? read.data : "", i == 0 ? "c d" : "");
		free(place);
	}
	(void)source_free(s);
}

/* One that is put back, as from a backup, begins before what was read. */
static void a_file_that_is_older_than_all_others_is_not_new(void **state)
{
	struct fixture *f = *state;
	struct buffer read AUTO_BUFFER = BUFFER_INIT(4096);
	struct source *s;

	login_of(f, 5, "a");
	login_of(f, 20, "b");
	write_file(f, 1);
	s = open_source(f, (struct source_options){.from_end = true, .follow = true});
	login_of(f, 10, "c");
	login_of(f, 30, "d");
	write_file(f, 2);
	assert_int_equal(source_process(s), 0);
	read_all(s, &read);
	assert_string_equal(read.data, "d");
	(void)source_free(s);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(every_login_is_read_once_and_in_order),
		CASE(details_are_those_of_the_entry),
		CASE(trust_needs_uid_0_and_a_command_of_the_programs),
		CASE(a_message_that_was_trimmed_is_told_as_such),
		CASE(resume_at_every_place_gives_the_rest),
		CASE(the_end_is_where_later_logins_begin),
		CASE(the_end_of_a_journal_without_sshd_is_a_time),
		CASE(what_was_read_and_vacuumed_is_no_gap),
		CASE(what_was_vacuumed_unread_is_a_gap),
		CASE(a_position_from_the_future_goes_on_at_the_end),
		CASE(a_cursor_that_is_none_goes_on_by_time),
		CASE(boots_whose_clock_is_behind_are_read_and_gone_on_from),
		CASE(a_boot_that_is_in_order_is_read_once),
		CASE(a_boot_that_is_behind_in_the_same_file_is_read_once),
		CASE(what_another_host_sends_late_into_the_same_file_is_read),
		CASE(since_and_until_bound_what_is_read),
		CASE(only_journald_itself_tells_of_dropped_messages),
		CASE(older_entries_of_a_new_file_are_read_once),
		CASE(older_entries_of_a_new_file_are_read_once_after_a_resume),
		CASE(a_file_that_is_older_than_all_others_is_not_new),
		CASE(a_directory_that_cannot_be_read_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
