/*
 * The collection as a source, on files as systemd-journal-remote makes and rotates them. What is
 * read is compared as "host:user" of each login, and "host:GAP(from-to)".
 */
#include "tests/unit/journal_fixture.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>

#include "source/collector/begin.h"
#include "source/collector/names.h"
#include "source/collector/ops.h"
#include "source/collector/text.h"

#define ARCHIVED   "@0123456789abcdef0123456789abcdef-0000000000000001-0005f0c000000000"
#define OTHER	   "@0123456789abcdef0123456789abcdef-0000000000000009-0005f0c000000009"
#define NOT_CLOSED "@0005f0c000000000-0123456789abcdef"
#define NOW	   (T0 + 86400 * SEC)
#define WAIT_MSEC  5000

/* ---- reading ---- */

static int try_open(struct fixture *f, struct source_options options, struct source **ret,
		    struct error *err)
{
	options.programs = programs;
	options.now_usec = NOW;
	return collector_open(f->directory, &options, ret, err);
}

static struct source *open_source(struct fixture *f, struct source_options options)
{
	struct source *s = NULL;
	struct error err = {0};
	int r = try_open(f, options, &s, &err);

	if (r != 0)
		fail_msg("collector_open: %d %s: %s", r, err.file, err.text);
	return s;
}

static int64_t seconds(uint64_t usec)
{
	return (int64_t)(usec - T0) / (int64_t)SEC;
}

static void put_record(const struct record *r, struct buffer *ret)
{
	const char *user = r->message.n > 0 ? memmem(r->message.p, r->message.n, " for ", 5) : NULL;

	if (ret->len > 0)
		assert_int_equal(buffer_append_char(ret, ' '), 0);
	assert_int_equal(buffer_printf(ret, "%.*s:", (int)r->host.n, r->host.p), 0);
	if (r->kind != RECORD_GAP) {
		assert_non_null(user);
		user += 5;
		assert_int_equal(buffer_append(ret, user, strcspn(user, " ")), 0);
	} else if (r->from_usec)
		assert_int_equal(buffer_printf(ret, "GAP(%" PRId64 "-%" PRId64 ")",
					       seconds(r->from_usec), seconds(r->realtime_usec)),
				 0);
	else
		assert_int_equal(buffer_append_str(ret, "UNREADABLE"), 0);
}

/* Reads up to @n records. */
static const char *read_some(struct source *s, unsigned n)
{
	static struct buffer read = BUFFER_INIT(65536);
	struct record record;
	int r = 1;

	buffer_clear(&read);
	while (n > 0 && (r = source_next(s, &record)) > 0) {
		if (r == SOURCE_AGAIN)
			continue;
		assert_int_equal(source_details(s, &record), 0);
		assert_true(record.identity.n > 0 && record.position.n > 0);
		put_record(&record, &read);
		n--;
	}
	assert_true(r >= 0);
	return buffer_cstr(&read);
}

#define assert_reads(s, text) assert_string_equal(read_some(s, 10000), text)

/* As watch does: waits until something happens, then takes what it is. */
static void await(struct source *s)
{
	struct pollfd p;
	uint64_t timeout;
	int msec;

	p.fd = source_wait_fd(s, &p.events, &timeout);
	assert_true(p.fd >= 0);
	msec = timeout / 1000 < WAIT_MSEC ? (int)(timeout / 1000) + 1 : WAIT_MSEC;
	(void)poll(&p, 1, timeout ? msec : 0);
	assert_int_equal(source_process(s), 0);
}

static char *position_of(struct source *s)
{
	struct slice p;

	assert_int_equal(source_position(s, NOW, &p), 0);
	assert_true(p.n > 0);
	return strndup(p.p, p.n);
}

/* Reads on from *position, and moves it. */
static void expect_from(struct fixture *f, char **position, const char *text)
{
	struct source *s = open_source(f, (struct source_options){.resume = *position});
	char *next;

	assert_reads(s, text);
	next = position_of(s);
	(void)source_free(s);
	free(*position);
	*position = next;
}

static char *position_at_end(struct fixture *f)
{
	struct source *s = open_source(f, (struct source_options){.from_end = true});
	char *position;

	assert_reads(s, "");
	position = position_of(s);
	(void)source_free(s);
	return position;
}

/* ---- writing ---- */

/* A login on a host, at once in its journal. */
static void login_on(struct fixture *f, const char *host, unsigned sec, const char *user)
{
	char file[64];

	f->host = host;
	login_of(f, sec, user);
	(void)snprintf(file, sizeof(file), "remote-%s.journal", host);
	write_journal(f, file);
}

static void noise_on(struct fixture *f, const char *host, unsigned sec)
{
	char file[64];

	f->host = host;
	entry(f, sec, "_COMM=cron\n_UID=0\nSYSLOG_IDENTIFIER=CRON", "something");
	(void)snprintf(file, sizeof(file), "remote-%s.journal", host);
	write_journal(f, file);
}

static void path_of(const struct fixture *f, const char *file, char *ret, size_t size)
{
	(void)snprintf(ret, size, "%s/%s", f->directory, file);
}

static void move(struct fixture *f, const char *from, const char *to)
{
	char a[256], b[256];

	path_of(f, from, a, sizeof(a));
	path_of(f, to, b, sizeof(b));
	assert_int_equal(rename(a, b), 0);
}

static void drop(struct fixture *f, const char *file)
{
	char path[256];

	path_of(f, file, path, sizeof(path));
	assert_int_equal(unlink(path), 0);
}

static void write_garbage(struct fixture *f, const char *file)
{
	char path[256];
	FILE *stream;

	path_of(f, file, path, sizeof(path));
	stream = fopen(path, "w");
	assert_non_null(stream);
	for (int i = 0; i < 1000; i++)
		(void)fputs("this is no journal\n", stream);
	assert_int_equal(fclose(stream), 0);
}

/* ---- late entries ---- */

static void late_entries_are_found_following(void **state)
{
	struct fixture *f = *state;
	struct source *s;

	login_on(f, "web2", 5, "a");
	login_on(f, "web1", 1000, "b");
	s = open_source(f, (struct source_options){.follow = true});
	assert_reads(s, "web1:b web2:a");
	login_on(f, "web2", 10, "late");
	login_on(f, "web2", 11, "later");
	await(s);
	assert_reads(s, "web2:late web2:later");
	login_on(f, "web1", 1001, "c");
	await(s);
	assert_reads(s, "web1:c");
	(void)source_free(s);
}

static void late_entries_are_found_resuming(void **state)
{
	struct fixture *f = *state;
	char *position;

	login_on(f, "web2", 5, "a");
	login_on(f, "web1", 1000, "b");
	position = position_at_end(f);
	login_on(f, "web2", 10, "late");
	login_on(f, "web1", 1001, "c");
	expect_from(f, &position, "web2:late web1:c");
	expect_from(f, &position, "");
	free(position);
}

static void what_is_read_once_is_not_read_again_wherever_reading_stopped(void **state)
{
	static const char *const rest[] = {"b1:a b2:b b1:c b2:d", "b2:b b1:c b2:d", "b1:c b2:d",
					   "b2:d", ""};
	struct fixture *f = *state;

	login_on(f, "b1", 1, "a");
	login_on(f, "b2", 2, "b");
	login_on(f, "b1", 3, "c");
	login_on(f, "b2", 4, "d");
	for (unsigned n = 0; n <= 4; n++) {
		struct source *s = open_source(f, (struct source_options){0});
		AUTO_FREE char *position = NULL;

		(void)read_some(s, n);
		/* The one that was given last is behind the position only when the next is asked
		 * for. */
		if (n == 4)
			assert_reads(s, "");
		position = position_of(s);
		(void)source_free(s);
		s = open_source(f, (struct source_options){.resume = position});
		if (n == 0 || n == 4)
			assert_reads(s, rest[n]);
		else
			assert_reads(s, rest[n - 1]);
		(void)source_free(s);
	}
}

static void the_first_start_begins_at_the_end_and_a_new_host_at_its_head(void **state)
{
	struct fixture *f = *state;
	struct source *s;
	char *position;

	login_on(f, "web1", 1000, "old");
	noise_on(f, "web2", 1000);
	s = open_source(f, (struct source_options){.follow = true, .from_end = true});
	position = position_of(s);
	assert_reads(s, "");
	login_on(f, "web3", 10, "a");
	await(s);
	assert_reads(s, "web3:a");
	login_on(f, "web2", 9, "b"); /* its clock was set back */
	await(s);
	assert_reads(s, "web2:b");
	(void)source_free(s);
	/* A place was there before anything was read. */
	expect_from(f, &position, "web2:b web3:a");
	expect_from(f, &position, "");
	free(position);
}

static void a_wrong_clock_matters_to_its_host_only(void **state)
{
	struct fixture *f = *state;
	char *position;

	login_on(f, "future", 100000000, "a");
	login_on(f, "web1", 10, "b");
	position = position_at_end(f);
	login_on(f, "future", 12, "c"); /* its clock was mended */
	login_on(f, "web1", 11, "d");
	expect_from(f, &position, "web1:d future:c");
	login_on(f, "future", 13, "e");
	expect_from(f, &position, "future:e");
	free(position);
}

static void reading_from_the_begin_is_in_order_of_time(void **state)
{
	struct fixture *f = *state;
	struct source *s;

	login_on(f, "web3", 6, "f");
	for (unsigned i = 0; i < 3; i++) {
		char user[2] = {(char)('a' + 2 * i), 0};

		login_on(f, i % 2 ? "web1" : "web2", 1 + 2 * i, user);
	}
	login_on(f, "web1", 9, "h");
	s = open_source(f, (struct source_options){0});
	assert_reads(s, "web2:a web1:c web2:e web3:f web1:h");
	(void)source_free(s);
	s = open_source(
		f, (struct source_options){.since_usec = T0 + 3 * SEC, .until_usec = T0 + 6 * SEC});
	assert_reads(s, "web1:c web2:e web3:f");
	(void)source_free(s);
}

/* ---- who ---- */

static void the_host_is_the_files_and_the_entrys_own_word_is_told(void **state)
{
	static const struct {
		const char *file, *own, *host, *source;
	} cases[] = {
		{"remote-a.journal", "a", "a", "journal, as reported by a"},
		{"remote-b.example.net.journal", "B", "b.example.net",
		 "journal, as reported by b.example.net"},
		{"remote-c.journal", "db7", "c",
		 "journal, as reported by c, which calls itself db7"},
		{"remote-d.example.net.journal", "d.example", "d.example.net",
		 "journal, as reported by d.example.net, which calls itself d.example"},
		{"remote-e\\x2ff.journal", "e/f", "e/f", "journal, as reported by e/f"},
		{"system.journal", "here", "here", "journal"},
	};
	struct fixture *f = *state;
	struct record r;
	struct source *s;

	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		f->host = cases[i].own;
		login_of(f, i + 1, "x");
		write_journal(f, cases[i].file);
	}
	s = open_source(f, (struct source_options){0});
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(source_next(s, &r), 1);
		assert_int_equal(source_details(s, &r), 0);
		assert_true(slice_eq_str(r.host, cases[i].host));
		assert_int_equal(r.source.n, strlen(cases[i].source));
		assert_memory_equal(r.source.p, cases[i].source, r.source.n);
		assert_true(r.trusted);
	}
	assert_int_equal(source_next(s, &r), 0);
	(void)source_free(s);
}

static void stems_are_what_rotation_leaves_alone(void **state)
{
	static const struct {
		const char *file, *stem; /* NULL: no journal file */
	} cases[] = {
		{"remote-web1.journal", "remote-web1"},
		{"remote-web1" ARCHIVED ".journal", "remote-web1"},
		{"remote-web1" NOT_CLOSED ".journal~", "remote-web1"},
		{"remote-me@web1.journal", "remote-me@web1"},
		{"remote-me@web1" ARCHIVED ".journal", "remote-me@web1"},
		{"remote-x@0123456789abcdef-0123456789abcdef-0.journal",
		 "remote-x@0123456789abcdef-0123456789abcdef-0"},
		{"remote-.journal", "remote-"},
		{".journal", NULL},
		{"remote-web1.journal.zst", NULL},
		{"remote-web1", NULL},
		{"", NULL},
	};
	struct slice stem;

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		bool found = collector_name_stem(cases[i].file, &stem);

		assert_int_equal(found, cases[i].stem != NULL);
		if (found)
			assert_true(slice_eq_str(stem, cases[i].stem));
	}
	assert_false(collector_name_is_host(SLICE_LITERAL("remote-")));
	assert_false(collector_name_is_host(SLICE_LITERAL("remote")));
	assert_true(collector_name_is_host(SLICE_LITERAL("remote-x")));
}

static void a_directory_is_a_collector_by_its_files(void **state)
{
	struct fixture *f = *state;
	char path[256];

	assert_int_equal(collector_look("/nonexistent"), COLLECTOR_NONE);
	assert_int_equal(collector_look(f->directory), COLLECTOR_EMPTY);
	write_garbage(f, "README");
	assert_int_equal(collector_look(f->directory), COLLECTOR_EMPTY);
	path_of(f, "0123456789abcdef0123456789abcdef", path, sizeof(path));
	assert_int_equal(mkdir(path, 0755), 0);
	assert_int_equal(collector_look(f->directory), COLLECTOR_NONE);
	write_garbage(f, "remote.journal");
	assert_int_equal(collector_look(f->directory), COLLECTOR_NONE);
	write_garbage(f, "remote-web1.journal");
	assert_int_equal(collector_look(f->directory), COLLECTOR_HOSTS);
}

#define MACHINE "fedcba9876543210fedcba9876543210"

/* As beside the collector's own journal, where journal-remote writes to /var/log/journal. */
static void journals_of_machines_beside_are_read_too(void **state)
{
	struct fixture *f = *state;
	char path[256], *position;
	struct source *s;

	login_on(f, "web1", 1, "a");
	s = open_source(f, (struct source_options){.follow = true});
	assert_reads(s, "web1:a");
	path_of(f, MACHINE, path, sizeof(path));
	assert_int_equal(mkdir(path, 0755), 0);
	f->host = "here";
	login_of(f, 2, "b");
	write_journal(f, MACHINE "/system.journal");
	await(s);
	assert_reads(s, "here:b");
	f->host = "here";
	login_of(f, 3, "c");
	write_journal(f, MACHINE "/system.journal");
	await(s);
	assert_reads(s, "here:c");
	position = position_of(s);
	(void)source_free(s);
	f->host = "here";
	login_of(f, 4, "d");
	write_journal(f, MACHINE "/system.journal");
	expect_from(f, &position, "here:d");
	free(position);
}

/* ---- entries that a host sends again ---- */

/* What a host logged up to then: logins at 10 and 20, and one of each of these seconds behind. */
static void send_all(struct fixture *f, const char *host, const unsigned *secs)
{
	char file[64], user[16];

	f->host = host;
	login_of(f, 10, "old");
	login_of(f, 20, "older");
	for (; *secs; secs++) {
		(void)snprintf(user, sizeof(user), "u%u", *secs);
		login_of(f, *secs, user);
	}
	(void)snprintf(file, sizeof(file), "remote-%s.journal", host);
	write_journal(f, file);
}

#define SECS(...)                                                                                  \
	(const unsigned[])                                                                         \
	{                                                                                          \
		__VA_ARGS__, 0                                                                     \
	}

static void what_is_sent_again_is_not_read_again(void **state)
{
	struct fixture *f = *state;
	struct source *s;
	char *position;

	send_all(f, "web1", SECS(0));
	send_all(f, "web2", SECS(30));
	s = open_source(f, (struct source_options){.follow = true, .from_end = true});
	assert_reads(s, "");
	position = position_of(s);
	send_all(f, "web1", SECS(30, 40));
	await(s);
	assert_reads(s, "web1:u30 web1:u40");
	send_all(f, "web1", SECS(30, 40, 50));
	await(s);
	assert_reads(s, "web1:u50");
	move(f, "remote-web1.journal", "remote-web1" ARCHIVED ".journal");
	await(s);
	assert_reads(s, "");
	send_all(f, "web1", SECS(30, 40, 50, 60));
	await(s);
	assert_reads(s, "web1:u60");
	(void)source_free(s);
	expect_from(f, &position, "web1:u30 web1:u40 web1:u50 web1:u60");
	send_all(f, "web2", SECS(30, 40));
	expect_from(f, &position, "web2:u40");
	free(position);
}

/* Also where the reading before ended at one of those that were sent again. */
static void what_is_sent_again_is_not_read_again_after_a_restart(void **state)
{
	struct fixture *f = *state;
	char *position;

	send_all(f, "web1", SECS(30));
	position = position_at_end(f);
	send_all(f, "web1", SECS(0));
	expect_from(f, &position, "");
	login_on(f, "web1", 30, "u30");
	login_on(f, "web1", 40, "u40");
	expect_from(f, &position, "web1:u40");
	free(position);
}

/* A clock that was set back, and what another program says in the same words, are no duplicates. */
static void what_only_looks_as_if_it_was_sent_again_is_read(void **state)
{
	struct fixture *f = *state;
	char *position;

	login_on(f, "web1", 10, "a");
	position = position_at_end(f);
	login_on(f, "web1", 9, "a");
	login_on(f, "web1", 11, "a");
	entry(f, 11, "_UID=0\n_PID=8\n_COMM=sshd\nSYSLOG_IDENTIFIER=sshd",
	      "Accepted publickey for a from 192.0.2.1 port 22 ssh2");
	write_journal(f, "remote-web1.journal");
	login_on(f, "web2", 10, "a");
	expect_from(f, &position, "web1:a web2:a web1:a web1:a");
	free(position);
}

/* ---- files that come and go ---- */

static void rotation_loses_and_repeats_nothing(void **state)
{
	struct fixture *f = *state;
	struct source *s;
	char *position;

	login_on(f, "web1", 1, "a");
	s = open_source(f, (struct source_options){.follow = true});
	assert_reads(s, "web1:a");
	position = position_of(s);
	login_on(f, "web1", 2, "b");
	move(f, "remote-web1.journal", "remote-web1" ARCHIVED ".journal");
	login_on(f, "web1", 3, "c");
	await(s);
	assert_reads(s, "web1:b web1:c");
	login_on(f, "web1", 4, "d");
	await(s);
	assert_reads(s, "web1:d");
	(void)source_free(s);
	expect_from(f, &position, "web1:b web1:c web1:d");
	free(position);
}

static void what_was_read_and_vacuumed_is_no_gap(void **state)
{
	struct fixture *f = *state;
	struct source *s;
	char *position;

	login_on(f, "web1", 1, "a");
	noise_on(f, "web1", 500);
	s = open_source(f, (struct source_options){.follow = true});
	assert_reads(s, "web1:a");
	position = position_of(s);
	(void)source_free(s);
	/* All up to 500 was read, and lies in no file any more when reading goes on. */
	move(f, "remote-web1.journal", "remote-web1" ARCHIVED ".journal");
	login_on(f, "web1", 500, "b");
	drop(f, "remote-web1" ARCHIVED ".journal");
	expect_from(f, &position, "web1:b");
	free(position);
	s = open_source(f, (struct source_options){.follow = true, .from_end = true});
	assert_reads(s, "");
	move(f, "remote-web1.journal", "remote-web1" ARCHIVED ".journal");
	await(s);
	assert_reads(s, "");
	login_on(f, "web1", 900, "c");
	drop(f, "remote-web1" ARCHIVED ".journal");
	await(s);
	assert_reads(s, "web1:c");
	(void)source_free(s);
}

/* The position of the first start, stored before anything was read. */
static void what_lay_before_the_first_start_and_was_vacuumed_is_no_gap(void **state)
{
	struct fixture *f = *state;
	struct source *s;
	char *position;

	login_on(f, "web1", 1, "a");
	noise_on(f, "web1", 500);
	s = open_source(f, (struct source_options){.from_end = true});
	position = position_of(s);
	(void)source_free(s);
	drop(f, "remote-web1.journal");
	login_on(f, "web1", 500, "b");
	expect_from(f, &position, "web1:b");
	free(position);
}

static void what_was_vacuumed_unread_is_a_gap_of_its_host(void **state)
{
	struct fixture *f = *state;
	char *position;

	login_on(f, "web1", 1, "a");
	login_on(f, "web2", 2, "b");
	position = position_at_end(f);
	login_on(f, "web2", 100, "lost");
	move(f, "remote-web2.journal", "remote-web2" ARCHIVED ".journal");
	login_on(f, "web2", 900, "c");
	login_on(f, "web1", 950, "d");
	drop(f, "remote-web2" ARCHIVED ".journal");
	expect_from(f, &position, "web2:GAP(2-900) web2:c web1:d");
	expect_from(f, &position, "");
	free(position);
}

static void what_is_vacuumed_while_its_host_is_open_is_still_read(void **state)
{
	struct fixture *f = *state;
	struct source *s;

	login_on(f, "web1", 1, "a");
	s = open_source(f, (struct source_options){.follow = true});
	assert_reads(s, "web1:a");
	login_on(f, "web1", 2, "b");
	move(f, "remote-web1.journal", "remote-web1" ARCHIVED ".journal");
	login_on(f, "web1", 900, "c");
	drop(f, "remote-web1" ARCHIVED ".journal");
	await(s);
	assert_reads(s, "web1:b web1:c");
	(void)source_free(s);
}

static void a_host_whose_files_come_back_is_not_read_again(void **state)
{
	struct fixture *f = *state;
	char *position;

	login_on(f, "web1", 1, "a");
	login_on(f, "web2", 2, "b");
	position = position_at_end(f);
	move(f, "remote-web1.journal", "elsewhere");
	expect_from(f, &position, "");
	expect_from(f, &position, "");
	assert_non_null(strstr(position, "remote-web1"));
	move(f, "elsewhere", "remote-web1.journal");
	login_on(f, "web1", 3, "c");
	expect_from(f, &position, "web1:c");
	free(position);
}

static void a_host_that_is_gone_for_a_season_is_forgotten(void **state)
{
	struct fixture *f = *state;
	struct source_options options = {.programs = programs};
	struct source *s = NULL;
	struct error err;
	char *position;

	login_on(f, "web1", 1, "a");
	login_on(f, "web2", 2, "b");
	position = position_at_end(f);
	drop(f, "remote-web1.journal");
	options.resume = position;
	options.now_usec = T0 + UINT64_C(91) * 86400 * SEC;
	assert_int_equal(collector_open(f->directory, &options, &s, &err), 0);
	free(position);
	position = position_of(s);
	assert_null(strstr(position, "remote-web1"));
	assert_non_null(strstr(position, "remote-web2"));
	free(position);
	(void)source_free(s);
}

/* ---- faults ---- */

static void a_file_that_is_no_journal_holds_up_nobody_and_is_told_once(void **state)
{
	struct fixture *f = *state;
	struct source *s;
	char *position;

	login_on(f, "web1", 1, "a");
	login_on(f, "web2", 2, "b");
	move(f, "remote-web2.journal", "remote-web2" ARCHIVED ".journal");
	write_garbage(f, "remote-web2.journal");
	write_garbage(f, "remote-web3.journal");
	s = open_source(f, (struct source_options){0});
	assert_reads(s, "web3:UNREADABLE web1:a web2:b web2:UNREADABLE");
	position = position_of(s);
	(void)source_free(s);
	/* When it is mended, what is then in it is read. */
	drop(f, "remote-web3.journal");
	login_on(f, "web3", 3, "c");
	drop(f, "remote-web2.journal");
	login_on(f, "web2", 4, "d");
	expect_from(f, &position, "web3:c web2:d");
	free(position);
}

static void a_bad_file_is_tried_again_while_following(void **state)
{
	struct fixture *f = *state;
	const char *read = "";
	struct source *s;

	login_on(f, "web1", 1, "a");
	write_garbage(f, "remote-web2.journal");
	s = open_source(f, (struct source_options){.follow = true});
	assert_reads(s, "web1:a"); /* nothing is told of what may be whole in a moment */
	login_on(f, "web3", 3, "b");
	move(f, "remote-web3.journal", "remote-web2.journal");
	for (int i = 0; i < 20 && !*read; i++) {
		await(s);
		read = read_some(s, 10);
	}
	assert_string_equal(read, "web2:b");
	write_garbage(f, "remote-web3.journal");
	for (read = ""; !*read;) {
		await(s);
		read = read_some(s, 10);
	}
	assert_string_equal(read, "web3:UNREADABLE");
	login_on(f, "web1", 2, "c");
	await(s);
	assert_reads(s, "web1:c");
	(void)source_free(s);
}

/* What is older than the first start is not new, whenever it can be read. */
static void a_file_that_is_mended_after_the_first_start_is_read_from_then(void **state)
{
	struct fixture *f = *state;
	struct source *s;
	char *position;

	login_on(f, "web1", 1, "a");
	login_on(f, "web3", 2, "old");
	write_garbage(f, "remote-web2.journal");
	move(f, "remote-web3.journal", "web3");
	write_garbage(f, "remote-web3.journal");
	s = open_source(f, (struct source_options){.from_end = true});
	position = position_of(s);
	(void)source_free(s);
	move(f, "web3", "remote-web3.journal");
	expect_from(f, &position, "web2:UNREADABLE");
	login_on(f, "web3", 3, "b"); /* its clock is behind */
	drop(f, "remote-web2.journal");
	login_on(f, "web2", 10, "older");
	login_on(f, "web2", 86400, "c");
	expect_from(f, &position, "web3:b web2:c");
	expect_from(f, &position, "");
	free(position);
}

static void a_directory_that_goes_away_is_an_error(void **state)
{
	struct fixture *f = *state;
	struct source *s;
	struct error err = {0};
	char command[200];

	login_on(f, "web1", 1, "a");
	s = open_source(f, (struct source_options){.follow = true});
	assert_reads(s, "web1:a");
	(void)snprintf(command, sizeof(command), "rm -r '%s'", f->directory);
	assert_int_equal(system(command), 0);
	await(s);
	assert_reads(s, ""); /* it is gone for good when its last file is closed */
	assert_int_equal(source_process(s), -ENOENT);
	(void)source_free(s);
	s = NULL;
	assert_int_equal(try_open(f, (struct source_options){0}, &s, &err), SOURCE_E_UNREADABLE);
	assert_string_equal(err.file, f->directory);
	assert_null(s);
}

/* ---- the first start ---- */

/* As journal-remote does with a file that was not closed well, when files are listed already. */
static void a_file_that_is_renamed_during_the_first_start_is_not_new(void **state)
{
	static const char moved[] = "remote-web1" NOT_CLOSED ".journal~";
	struct source_options begin = {.programs = programs, .from_end = true, .follow = true};
	struct fixture *f = *state;

	for (unsigned again = 0; again < 2; again++) {
		struct buffer text = BUFFER_INIT(4096);
		struct error err = {0};
		struct hosts hosts;
		uint64_t until;
		char *position;

		login_on(f, "web1", 10, "old");
		assert_int_equal(hosts_init(&hosts, f->directory, true), 0);
		move(f, "remote-web1.journal", moved);
		if (again)
			noise_on(f, "web1", 20);
		login_on(f, "web2", 30, "a"); /* came in that moment */
		begin.now_usec = NOW;
		assert_int_equal(collector_begin(&hosts, &begin, &until, &err), 0);
		assert_int_equal(hosts_format(&hosts, NOW, &text), 0);
		position = strdup(buffer_cstr(&text));
		hosts_done(&hosts);
		buffer_done(&text);
		login_on(f, "web1", 40, "b");
		expect_from(f, &position, "web2:a web1:b");
		free(position);
		drop(f, moved);
		drop(f, "remote-web1.journal");
		drop(f, "remote-web2.journal");
	}
}

#define HASH_TABLE_AT 104 /* in the head: where it is, and its size */

/* Swaps a file's hash table for *table, or for one by which nothing is found. */
static void swap_hash_table(const struct fixture *f, const char *file, char **table)
{
	char path[256], *now;
	uint64_t place[2];
	ssize_t size;
	int fd;

	path_of(f, file, path, sizeof(path));
	fd = open(path, O_RDWR | O_CLOEXEC);
	assert_int_equal(pread(fd, place, sizeof(place), HASH_TABLE_AT), sizeof(place));
	size = (ssize_t)place[1];
	now = malloc(place[1]);
	assert_int_equal(pread(fd, now, place[1], (off_t)place[0]), size);
	if (!*table) {
		*table = malloc(place[1]);
		memset(*table, 0x55, place[1]);
	}
	assert_int_equal(pwrite(fd, *table, place[1], (off_t)place[0]), size);
	free(*table);
	*table = now;
	(void)close(fd);
}

/* It may only be so in the moment that the file is looked at. */
static void what_cannot_be_found_at_the_first_start_is_not_new_later(void **state)
{
	struct fixture *f = *state;
	char *position, *table = NULL;
	struct source *s;

	login_on(f, "web1", 10, "old");
	login_on(f, "web1", 20, "older");
	swap_hash_table(f, "remote-web1.journal", &table);
	s = open_source(f, (struct source_options){.from_end = true});
	position = position_of(s);
	(void)source_free(s);
	swap_hash_table(f, "remote-web1.journal", &table);
	free(table);
	login_on(f, "web1", 20, "b");
	login_on(f, "web1", 30, "c");
	expect_from(f, &position, "web1:b web1:c");
	expect_from(f, &position, "");
	free(position);
}

/* ---- positions ---- */

static void a_position_of_the_journal_is_taken_up_by_its_time(void **state)
{
	struct fixture *f = *state;
	char text[128];
	char *position;

	login_on(f, "web1", 10, "old");
	login_on(f, "web1", 500, "a");
	login_on(f, "late", 20, "old");
	(void)snprintf(text, sizeof(text),
		       "journal time=0 until=%" PRIu64 " cursor=", T0 + 510 * SEC);
	position = strdup(text);
	expect_from(f, &position, "web1:a"); /* within the margin of a minute */
	login_on(f, "late", 30, "b");
	login_on(f, "web1", 501, "c");
	expect_from(f, &position, "late:b web1:c");
	free(position);
}

static void a_position_of_another_directory_is_taken_up_by_its_time(void **state)
{
	struct fixture *f = *state;
	char text[128];
	char *position;

	login_on(f, "web1", 10, "old");
	login_on(f, "web1", 500, "a");
	(void)snprintf(text, sizeof(text),
		       "collector until=%" PRIu64 " hosts=1: 9:remote-db 0:", T0 + 510 * SEC);
	position = strdup(text);
	expect_from(f, &position, "web1:a");
	expect_from(f, &position, "");
	free(position);
}

/* What the ledger has, where the stored position was lost. */
static void a_records_position_is_its_hosts_place_and_the_others_time(void **state)
{
	struct fixture *f = *state;
	struct record r;
	struct source *s;
	char *position;

	login_on(f, "web2", 10, "old");
	login_on(f, "web1", 500, "a");
	login_on(f, "web1", 501, "b");
	login_on(f, "web2", 700, "c");
	s = open_source(f, (struct source_options){0});
	(void)read_some(s, 1);
	assert_int_equal(source_next(s, &r), 1);
	assert_int_equal(source_details(s, &r), 0);
	position = strndup(r.position.p, r.position.n);
	(void)source_free(s);
	expect_from(f, &position, "web1:b web2:c");
	expect_from(f, &position, "");
	free(position);
}

static void a_damaged_position_is_refused(void **state)
{
	static const char *const wrong[] = {
		"collector",
		"collector until=",
		"collector until=5 hosts=1:",
		"collector until=5 hosts=1: 9:remote-db",
		"collector until=5 hosts=1: 9:remote-db 7:journal",
		"collector until=5 hosts=1: 99999999999999999999:x 0:",
		"collector until=5 hosts=0: ",
		"collector host= 9:remote-db",
		"collector host= 9:remote-db 0:",
		"collector until=5 hosts=2: 9:remote-db 0:",
		"file path=/var/log/auth.log until=5",
	};
	struct fixture *f = *state;
	struct source *s = NULL;

	login_on(f, "web1", 10, "a");
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		struct error err = {0};

		assert_int_equal(try_open(f, (struct source_options){.resume = wrong[i]}, &s, &err),
				 SOURCE_E_POSITION);
		assert_true(err.text[0] != '\0');
		assert_null(s);
	}
}

/* ---- many ---- */

static void a_host_that_sends_very_much_does_not_keep_the_others_waiting(void **state)
{
	struct fixture *f = *state;
	const char *read, *quiet;
	struct source *s;

	f->host = "busy";
	for (unsigned i = 0; i < 2500; i++)
		login_of(f, i, "a");
	write_journal(f, "remote-busy.journal");
	login_on(f, "quiet", 5, "b");
	s = open_source(f, (struct source_options){.follow = true});
	read = read_some(s, 10000);
	quiet = strstr(read, "quiet:b ");
	assert_non_null(quiet);
	assert_int_equal((quiet - read) / strlen("busy:a "), 1000);
	assert_int_equal(strlen(read), 2500 * strlen("busy:a ") + strlen("quiet:b"));
	(void)source_free(s);
}

static unsigned open_descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned n = 0;

	while (readdir(dir))
		n++;
	(void)closedir(dir);
	return n;
}

static void descriptors_do_not_grow_with_the_hosts(void **state)
{
	struct fixture *f = *state;
	unsigned before = open_descriptors(), logins = 0;
	struct source *s;

	login_on(f, "0", 1, "a");
	for (unsigned i = 1; i < 200; i++) {
		char from[256], to[256], file[32];

		(void)snprintf(file, sizeof(file), "remote-%u.journal", i);
		path_of(f, "remote-0.journal", from, sizeof(from));
		path_of(f, file, to, sizeof(to));
		assert_int_equal(link(from, to), 0);
	}
	s = open_source(f, (struct source_options){.follow = true});
	for (const char *c = read_some(s, 10000); *c; c++)
		logins += *c == ':';
	assert_int_equal(logins, 200);
	assert_true(open_descriptors() <= before + 66);
	(void)source_free(s);
	assert_int_equal(open_descriptors(), before);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(late_entries_are_found_following),
		CASE(late_entries_are_found_resuming),
		CASE(what_is_read_once_is_not_read_again_wherever_reading_stopped),
		CASE(the_first_start_begins_at_the_end_and_a_new_host_at_its_head),
		CASE(a_wrong_clock_matters_to_its_host_only),
		CASE(reading_from_the_begin_is_in_order_of_time),
		CASE(the_host_is_the_files_and_the_entrys_own_word_is_told),
		CASE(stems_are_what_rotation_leaves_alone),
		CASE(a_directory_is_a_collector_by_its_files),
		CASE(journals_of_machines_beside_are_read_too),
		CASE(what_is_sent_again_is_not_read_again),
		CASE(what_is_sent_again_is_not_read_again_after_a_restart),
		CASE(what_only_looks_as_if_it_was_sent_again_is_read),
		CASE(rotation_loses_and_repeats_nothing),
		CASE(what_was_read_and_vacuumed_is_no_gap),
		CASE(what_lay_before_the_first_start_and_was_vacuumed_is_no_gap),
		CASE(what_was_vacuumed_unread_is_a_gap_of_its_host),
		CASE(what_is_vacuumed_while_its_host_is_open_is_still_read),
		CASE(a_host_whose_files_come_back_is_not_read_again),
		CASE(a_host_that_is_gone_for_a_season_is_forgotten),
		CASE(a_file_that_is_no_journal_holds_up_nobody_and_is_told_once),
		CASE(a_bad_file_is_tried_again_while_following),
		CASE(a_file_that_is_mended_after_the_first_start_is_read_from_then),
		CASE(a_directory_that_goes_away_is_an_error),
		CASE(a_file_that_is_renamed_during_the_first_start_is_not_new),
		CASE(what_cannot_be_found_at_the_first_start_is_not_new_later),
		CASE(a_position_of_the_journal_is_taken_up_by_its_time),
		CASE(a_position_of_another_directory_is_taken_up_by_its_time),
		CASE(a_records_position_is_its_hosts_place_and_the_others_time),
		CASE(a_damaged_position_is_refused),
		CASE(a_host_that_sends_very_much_does_not_keep_the_others_waiting),
		CASE(descriptors_do_not_grow_with_the_hosts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
