/*
 * A log file as a source, with real files in a directory of its own. Each login of a test has a
 * user name of its own, and what was read is compared as the list of these names.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "base/timetext.h"
#include "source/logfile.h"
#include "source/logfile_lines.h"

#define NOW	 UINT64_C(1795435200000000) /* 2026-11-23 12:00:00 UTC */
#define TIME_SEC 1795406700		    /* 2026-11-23 04:05:00 UTC */

static const char *const programs[] = {"sshd", "sshd-session", "dropbear", NULL};
static time_t clock_step;

/* The clock of the source, so that a minute takes no time. */
int clock_gettime(clockid_t clock, struct timespec *ret)
{
	int r = (int)syscall(SYS_clock_gettime, clock, ret);

	ret->tv_sec += clock_step;
	return r;
}

struct place_of_test {
	char dir[64], log[96];
	struct source *source;
	struct buffer text, position;
};

static int set_up(void **state)
{
	struct place_of_test *t = calloc(1, sizeof(*t));

	(void)strcpy(t->dir, "/tmp/test-logfile-XXXXXX");
	if (!mkdtemp(t->dir))
		return -1;
	(void)snprintf(t->log, sizeof(t->log), "%s/auth.log", t->dir);
	t->text.max = t->position.max = 1 << 24;
	clock_step = 0;
	*state = t;
	return 0;
}

static int tear_down(void **state)
{
	struct place_of_test *t = *state;
	char command[128];

	t->source = source_free(t->source);
	buffer_done(&t->text);
	buffer_done(&t->position);
	(void)snprintf(command, sizeof(command), "rm -r %s", t->dir);
	if (system(command) != 0)
		return -1;
	free(t);
	return 0;
}

static char *name(struct place_of_test *t, const char *base)
{
	static char names[4][128];
	static unsigned n;
	char *r = names[n++ % 4];

	(void)snprintf(r, sizeof(names[0]), "%s/%s", t->dir, base);
	return r;
}

static void write_bytes(const char *path, const void *p, size_t n)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, p, n), n);
	assert_int_equal(close(fd), 0);
}

static void write_text(const char *path, const char *text)
{
	write_bytes(path, text, strlen(text));
}

static char *login_line(char *ret, size_t size, const char *user)
{
	(void)snprintf(ret, size,
		       "2026-11-23T04:05:06+00:00 web1 sshd[100]: Accepted password for %s from "
		       "192.0.2.1 port 4711 ssh2\n",
		       user);
	return ret;
}

static void write_login(const char *path, const char *user)
{
	char line[512];

	write_text(path, login_line(line, sizeof(line), user));
}

/* Sets a file's last write, in seconds relative to TIME_SEC. */
static void set_written(const char *path, time_t sec)
{
	const struct timespec times[2] = {{TIME_SEC + sec, 0}, {TIME_SEC + sec, 0}};

	assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static struct source_options options_of(const char *resume, bool follow)
{
	return (struct source_options){
		.programs = programs, .resume = resume, .follow = follow, .now_usec = NOW};
}

static void open_log(struct place_of_test *t, const struct source_options *options)
{
	struct error err = {0};
	int r;

	t->source = source_free(t->source);
	r = logfile_open(t->log, options, &t->source, &err);
	if (r != 0)
		print_error("%s: %s\n", err.file, err.text);
	assert_int_equal(r, 0);
}

/* Appends what the source has now to t->text: users' names, "GAP", or whole other messages. */
static void read_on(struct place_of_test *t)
{
	struct record r;
	int k;

	while ((k = source_next(t->source, &r)) > 0) {
		struct slice s = r.message;
		const char *p, *end;

		assert_int_equal(source_details(t->source, &r), 0);
		if (r.position.p) {
			buffer_clear(&t->position);
			assert_int_equal(buffer_append_slice(&t->position, r.position), 0);
		}
		if (r.kind == RECORD_GAP)
			s = SLICE_LITERAL("GAP");
		p = memmem(s.p, s.n, " for ", 5);
		end = p ? memmem(p, s.n - (size_t)(p - s.p), " from ", 6) : NULL;
		if (end)
			s = (struct slice){p + 5, (size_t)(end - p) - 5};
		if (t->text.len > 0)
			assert_int_equal(buffer_append_char(&t->text, ' '), 0);
		assert_int_equal(buffer_append_slice(&t->text, s), 0);
	}
	assert_int_equal(k, 0);
}

static void assert_reads(struct place_of_test *t, const char *expected)
{
	buffer_clear(&t->text);
	read_on(t);
	assert_string_equal(buffer_cstr(&t->text), expected);
}

/* As a reader that follows: waits for a sign, then reads. */
static void assert_told(struct place_of_test *t, const char *expected)
{
	uint64_t timeout;
	short events;
	struct pollfd p;

	p.fd = source_wait_fd(t->source, &events, &timeout);
	assert_true(p.fd >= 0);
	p.events = events;
	assert_int_equal(poll(&p, 1, 10000), 1);
	assert_int_equal(source_process(t->source), 0);
	assert_reads(t, expected);
}

static void assert_quiet(struct place_of_test *t)
{
	uint64_t timeout;
	short events;
	struct pollfd p;

	p.fd = source_wait_fd(t->source, &events, &timeout);
	assert_true(p.fd >= 0);
	assert_true(timeout == UINT64_MAX);
	p.events = events;
	/* That a watch is taken back is itself told, once. */
	if (poll(&p, 1, 0) == 1) {
		assert_int_equal(source_process(t->source), 0);
		assert_reads(t, "");
	}
	assert_int_equal(poll(&p, 1, 0), 0);
}

/* The position as the reader would store it, and the source closed. */
static const char *stop(struct place_of_test *t)
{
	static char text[16384];
	struct slice s;

	assert_int_equal(source_position(t->source, 0, &s), 0);
	assert_true(s.n < sizeof(text));
	assert_true(logfile_owns_position(s));
	assert_null(memchr(s.p, '\n', s.n));
	memcpy(text, s.p, s.n);
	text[s.n] = '\0';
	t->source = source_free(t->source);
	return text;
}

static void start(struct place_of_test *t, const char *position, bool follow)
{
	struct source_options o = options_of(position, follow);

	open_log(t, &o);
}

/* Reads what one writes, stops, and gives the position. */
static const char *read_and_stop(struct place_of_test *t, const char *users)
{
	start(t, NULL, false);
	assert_reads(t, users);
	return stop(t);
}

/* Reading. */

static void logins_of_the_programs_are_given_with_their_details(void **state)
{
	struct place_of_test *t = *state;
	struct record r;
	char source[128];

	write_text(t->log,
		   "2026-11-23T04:05:06.123456+00:00 web1 cron[1]: Accepted password for no from "
		   "192.0.2.1 port 1 ssh2\n"
		   "2026-11-23T04:05:06.123456+00:00 web1 sshd[12]: Failed password for no from "
		   "192.0.2.1 port 1 ssh2\n"
		   "2026-11-23T04:05:06.123456+00:00 web1 sshd-session[13]: Accepted publickey "
		   "for u1 from 192.0.2.1 port 1 ssh2\n");
	start(t, NULL, false);
	assert_int_equal(source_next(t->source, &r), 1);
	assert_int_equal(source_details(t->source, &r), 0);
	assert_int_equal(r.kind, RECORD_MESSAGE);
	assert_true(
		slice_eq_str(r.message, "Accepted publickey for u1 from 192.0.2.1 port 1 ssh2"));
	assert_true(slice_eq_str(r.host, "web1"));
	assert_true(slice_eq_str(r.program, "sshd-session"));
	assert_true(r.pid_known && r.pid == 13);
	assert_true(r.realtime_usec == TIME_SEC * USEC_PER_SEC + 6123456);
	(void)snprintf(source, sizeof(source), "%s (not authenticated)", t->log);
	assert_true(slice_eq_str(r.source, source));
	assert_true(r.trusted);
	assert_false(r.authenticated || r.uid_known);
	assert_true(r.comm.p == NULL);
	assert_true(r.count == 0);
	assert_int_equal(source_next(t->source, &r), 0);
}

static void records_of_dropbear_are_given(void **state)
{
	struct place_of_test *t = *state;

	write_text(t->log,
		   "2026-11-23T04:05:06+00:00 web1 dropbear[5]: Password auth succeeded "
		   "for 'root' from 192.0.2.1:4711\n");
	start(t, NULL, false);
	assert_reads(t, "'root'");
}

static void nuls_invalid_utf8_and_crlf_cost_nothing(void **state)
{
	static const char text[] =
		"\0\0\0"
		"2026-11-23T04:05:06+00:00 web1 sshd[1]: Accepted password for u1 from "
		"192.0.2.1 port 1 ssh2\n"
		"half a li\0\0\0\0"
		"2026-11-23T04:05:06+00:00 web1 sshd[1]: Accepted password for u2 from "
		"192.0.2.1 port 1 ssh2\r\n"
		"\xff\xfe\xc3( \0 noise \r\n\n\n\0\n"
		"2026-11-23T04:05:06+00:00 web1 sshd[1]: Accepted password for \xff\xfe from "
		"192.0.2.1 port 1 ssh2\n"
		"2026-11-23T04:05:06+00:00 web1 sshd[1]: Accepted password for u\0"
		"4 from 192.0.2.1 port 1 ssh2\n";
	struct place_of_test *t = *state;

	write_bytes(t->log, text, sizeof(text) - 1);
	start(t, NULL, false);
	buffer_clear(&t->text);
	read_on(t);
	assert_int_equal(t->text.len, 12);
	assert_memory_equal(t->text.data,
			    "u1 u2 \xff\xfe u\0"
			    "4",
			    12);
}

static void a_hole_of_nuls_hides_nothing(void **state)
{
	struct place_of_test *t = *state;

	write_text(t->log, "");
	assert_int_equal(truncate(t->log, 3 * LINES_BLOCK + 17), 0);
	write_login(t->log, "u1");
	start(t, NULL, false);
	assert_reads(t, "u1");
}

static void headers_of_no_known_form_hide_nothing(void **state)
{
	struct place_of_test *t = *state;

	write_text(t->log,
		   "Accepted password for u1 from 192.0.2.1 port 1 ssh2\n"
		   "%% odd|form|sshd[77]: Accepted password for u2 from 192.0.2.1 port 1 "
		   "ssh2\r\n"
		   "%% odd|form|mysshd[77]: Accepted password for no from 192.0.2.1 port 1 "
		   "ssh2\n"
		   "%% odd|form|cron[77]: Accepted password for no from 192.0.2.1 port 1 "
		   "ssh2\n"
		   "%% sshd sshd: Accepted password for u3 from 192.0.2.1 port 1 ssh2\n");
	start(t, NULL, false);
	assert_reads(t, "u1 u2 u3");
}

static void what_claims_a_login_and_cannot_be_read_is_given(void **state)
{
	struct place_of_test *t = *state;

	write_text(t->log, "2026-11-23T04:05:06+00:00 web1 sshd[1]: Accepted something else\n");
	start(t, NULL, false);
	assert_reads(t, "Accepted something else");
}

static void a_line_is_kept_up_to_64_kib(void **state)
{
	static const size_t lengths[] = {LINES_LONGEST - 1,	      LINES_LONGEST,
					 LINES_LONGEST + 1,	      2 * LINES_LONGEST,
					 LINES_BLOCK + LINES_LONGEST, 3 * LINES_BLOCK};
	static const char head[] = "2026-11-23T04:05:06+00:00 web1 sshd[1]: ";
	struct place_of_test *t = *state;

	for (size_t i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
		for (size_t end = 0; end < 2; end++) {
			bool cut = lengths[i] > LINES_LONGEST;
			char *line = malloc(lengths[i] + 1), source[192];
			struct record r;

			memset(line, 'x', lengths[i]);
			memcpy(line, head, sizeof(head) - 1);
			memcpy(line + sizeof(head) - 1, "Accepted ", 9);
			line[lengths[i]] = '\n';
			(void)unlink(t->log);
			write_login(t->log, "u1");
			write_bytes(t->log, line, lengths[i] + end);
			if (end)
				write_login(t->log, "u2");
			start(t, NULL, false);
			assert_int_equal(source_next(t->source, &r), 1);
			assert_int_equal(source_next(t->source, &r), 1);
			assert_int_equal(source_details(t->source, &r), 0);
			assert_int_equal(r.message.n,
					 (cut ? LINES_LONGEST : lengths[i]) - (sizeof(head) - 1));
			(void)snprintf(source, sizeof(source), "%s (not authenticated)%s", t->log,
				       cut ? ", line cut at 64 KiB" : "");
			assert_true(slice_eq_str(r.source, source));
			assert_reads(t, end ? "u2" : "");
			(void)stop(t);
			free(line);
		}
	}
}

static void an_endless_line_goes_by(void **state)
{
	struct place_of_test *t = *state;
	char *noise = malloc(1 << 20);

	memset(noise, 'x', 1 << 20);
	write_bytes(t->log, noise, 1 << 20);
	start(t, NULL, true);
	assert_reads(t, "");
	write_bytes(t->log, noise, 1 << 20);
	assert_told(t, "");
	write_login(t->log, "no");
	write_login(t->log, "u1");
	assert_told(t, "u1");
	free(noise);
	/* The offset counts what was left out. */
	start(t, stop(t), false);
	assert_reads(t, "");
	write_login(t->log, "u2");
	assert_reads(t, "u2");
}

static void lines_are_whole_wherever_a_block_ends(void **state)
{
	struct place_of_test *t = *state;
	struct source_options o = options_of(NULL, false);
	struct error err;
	char line[512];
	size_t n = strlen(login_line(line, sizeof(line), "u1"));
	char *fill = malloc(LINES_BLOCK);

	/* Each offset of the line's bytes around the end of the first block. */
	memset(fill, 'x', LINES_BLOCK);
	for (size_t before = LINES_BLOCK - n - 2; before <= LINES_BLOCK; before++) {
		fill[before - 1] = '\n';
		(void)unlink(t->log);
		write_bytes(t->log, fill, before);
		fill[before - 1] = 'x';
		write_login(t->log, "u1");
		write_login(t->log, "u2");
		start(t, NULL, false);
		assert_reads(t, "u1 u2");
	}
	free(fill);

	/* Each small size of a block. */
	(void)unlink(t->log);
	for (unsigned i = 0; i < 20; i++) {
		char user[16];

		(void)snprintf(user, sizeof(user), "u%u", i);
		write_text(t->log, i % 3 ? "noise\n" : "\n\nAccept\n");
		write_login(t->log, user);
	}
	for (size_t block = 1; block < 3 * n; block++) {
		t->source = source_free(t->source);
		assert_int_equal(logfile_open_block(t->log, &o, block, &t->source, &err), 0);
		assert_reads(t,
			     "u0 u1 u2 u3 u4 u5 u6 u7 u8 u9 u10 u11 u12 u13 u14 u15 u16 u17 "
			     "u18 u19");
	}
}

static void repetitions_are_counted(void **state)
{
	struct place_of_test *t = *state;
	struct record r;
	static const uint64_t counts[] = {0, 3, 12, 0};

	write_login(t->log, "u1");
	write_text(t->log,
		   "Nov 23 04:05:06 web1 last message repeated 3 times\n"
		   "2026-11-23T04:05:06+00:00 web1 sshd[1]: message repeated 12 times: [ "
		   "Accepted password for u1 from 192.0.2.1 port 1 ssh2]\n"
		   "noise\n"
		   "Nov 23 04:05:06 web1 last message repeated 7 times\n");
	write_login(t->log, "u1");
	write_text(t->log, "noise\nNov 23 04:05:06 web1 last message repeated 7 times\n");
	start(t, NULL, false);
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(source_next(t->source, &r), 1);
		assert_int_equal(source_details(t->source, &r), 0);
		assert_true(r.count == counts[i]);
		assert_true(slice_eq_str(r.program, "sshd"));
		assert_non_null(memmem(r.message.p, r.message.n, " u1 from ", 9));
		assert_true(r.message.p[r.message.n - 1] == '2');
	}
	assert_int_equal(source_next(t->source, &r), 0);
}

static void since_and_until_bound_the_records(void **state)
{
	struct place_of_test *t = *state;
	struct source_options o = options_of(NULL, false);

	for (unsigned i = 1; i <= 5; i++) {
		char line[256];

		(void)snprintf(line, sizeof(line),
			       "2026-11-23T04:05:%02u+00:00 web1 sshd[1]: Accepted password for "
			       "u%u from 192.0.2.1 port 1 ssh2\n",
			       i, i);
		write_text(t->log, line);
	}
	o.since_usec = (TIME_SEC + 2) * USEC_PER_SEC;
	o.until_usec = (TIME_SEC + 4) * USEC_PER_SEC;
	open_log(t, &o);
	assert_reads(t, "u2 u3 u4");
	/* What was not given comes later. */
	start(t, stop(t), false);
	assert_reads(t, "u5");
}

static void years_come_from_the_last_write(void **state)
{
	struct place_of_test *t = *state;
	struct record r;

	write_text(t->log,
		   "Dec 31 12:00:00 web1 sshd[1]: Accepted password for u1 from 192.0.2.1 "
		   "port 1 ssh2\n");
	set_written(t->log, -300 * 86400);
	start(t, NULL, false);
	assert_int_equal(source_next(t->source, &r), 1);
	assert_int_equal(source_details(t->source, &r), 0);
	/* Written in January 2026, so in 2025's last hours, whatever the zone. */
	assert_true(r.realtime_usec > (TIME_SEC - 330 * 86400) * USEC_PER_SEC);
	assert_true(r.realtime_usec < (TIME_SEC - 325 * 86400) * USEC_PER_SEC);
}

static void progress_counts_bytes(void **state)
{
	struct place_of_test *t = *state;
	uint64_t done, total;
	char line[512];
	size_t n = strlen(login_line(line, sizeof(line), "u1"));

	write_login(t->log, "u1");
	write_login(t->log, "u2");
	start(t, NULL, false);
	source_progress(t->source, &done, &total);
	assert_true(done == 0 && total == 2 * n);
	assert_reads(t, "u1 u2");
	source_progress(t->source, &done, &total);
	assert_true(done == 2 * n && total == 2 * n);
}

/* Lines that are being written. */

static void a_last_line_without_newline_is_read_at_once_but_not_twice(void **state)
{
	struct place_of_test *t = *state;
	char line[512];

	(void)login_line(line, sizeof(line), "u1");
	write_bytes(t->log, line, strlen(line) - 1);
	start(t, read_and_stop(t, "u1"), false);
	assert_reads(t, "");
	write_text(t->log, "\n");
	write_login(t->log, "u2");
	assert_reads(t, "u2");
}

static void a_line_cut_before_it_tells_is_read_when_it_is_whole(void **state)
{
	struct place_of_test *t = *state;
	const char *position;
	char line[512];
	size_t n = strlen(login_line(line, sizeof(line), "u1"));
	size_t told = (size_t)(strstr(line, "Accepted ") - line) + 9;

	for (size_t cut = 0; cut < told; cut++) {
		(void)unlink(t->log);
		write_bytes(t->log, line, cut);
		position = read_and_stop(t, "");
		write_bytes(t->log, line + cut, n - cut);
		start(t, position, false);
		assert_reads(t, "u1");
	}
}

static void pieces_are_put_together_while_following(void **state)
{
	struct place_of_test *t = *state;
	char line[512];
	size_t n = strlen(login_line(line, sizeof(line), "u1"));

	write_text(t->log, "");
	start(t, NULL, true);
	assert_reads(t, "");
	for (size_t i = 0; i < n; i++) {
		write_bytes(t->log, line + i, 1);
		assert_told(t, i + 1 < n ? "" : "u1");
	}
	assert_quiet(t);
}

/* Where reading begins. */

static void the_end_is_behind_the_last_whole_line(void **state)
{
	struct place_of_test *t = *state;
	struct source_options o = options_of(NULL, true);
	char line[512];

	o.from_end = true;
	write_login(t->log, "no");
	(void)login_line(line, sizeof(line), "u1");
	write_bytes(t->log, line, 20);
	open_log(t, &o);
	assert_reads(t, "");
	write_text(t->log, line + 20);
	assert_told(t, "u1");

	/* The end is a position at once, also of a file without any line. */
	(void)unlink(t->log);
	write_login(t->log, "no");
	open_log(t, &o);
	start(t, stop(t), false);
	assert_reads(t, "");
	write_login(t->log, "u2");
	assert_reads(t, "u2");
	(void)unlink(t->log);
	write_text(t->log, "");
	open_log(t, &o);
	start(t, stop(t), false);
	write_login(t->log, "u3");
	assert_reads(t, "u3");
}

static void the_end_is_found_in_front_of_a_long_piece(void **state)
{
	struct place_of_test *t = *state;
	struct source_options o = options_of(NULL, false);
	char *noise = malloc(50000);

	o.from_end = true;
	for (size_t n = 4094; n < 4099; n++) {
		(void)unlink(t->log);
		write_login(t->log, "no");
		memset(noise, 'x', n);
		write_bytes(t->log, noise, n);
		open_log(t, &o);
		assert_reads(t, "");
		write_text(t->log, "\n");
		write_login(t->log, "u1");
		assert_reads(t, "u1");
	}
	free(noise);
}

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

/* After a restart. */

static void a_restart_goes_on_behind_the_last_record(void **state)
{
	struct place_of_test *t = *state;
	const char *position;

	write_login(t->log, "u1");
	position = read_and_stop(t, "u1");
	write_login(t->log, "u2");
	start(t, position, true);
	assert_reads(t, "u2");
	write_login(t->log, "u3");
	assert_told(t, "u3");
	start(t, buffer_cstr(&t->position), false);
	assert_reads(t, "");
}

static void a_restart_at_each_record_reads_the_rest(void **state)
{
	struct place_of_test *t = *state;
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
	struct place_of_test *t = *state;
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
	struct place_of_test *t = *state;
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

static void a_restart_follows_after_the_rotated_file(void **state)
{
	struct place_of_test *t = *state;
	const char *position;

	write_login(t->log, "u1");
	position = read_and_stop(t, "u1");
	write_login(t->log, "u2");
	assert_int_equal(rename(t->log, name(t, "auth.log.1")), 0);
	write_text(t->log, "");
	start(t, position, true);
	assert_reads(t, "u2");
	write_login(name(t, "auth.log.1"), "u3");
	assert_told(t, "u3");
	write_login(t->log, "u4");
	assert_told(t, "u4");
	start(t, stop(t), false);
	assert_reads(t, "");
}

static void a_scan_waits_at_the_old_file_while_the_new_one_is_empty(void **state)
{
	struct place_of_test *t = *state;
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
	struct place_of_test *t = *state;
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

static void a_restart_after_a_compressed_rotation_tells_a_gap(void **state)
{
	struct place_of_test *t = *state;
	const char *position;
	struct record r;

	write_login(t->log, "u1");
	position = read_and_stop(t, "u1");
	write_text(name(t, "auth.log.1.gz"), "not really");
	/* Overwritten, as its inode may be reused at once. */
	assert_int_equal(truncate(t->log, 0), 0);
	write_login(t->log, "another");
	start(t, position, false);
	assert_int_equal(source_next(t->source, &r), 1);
	assert_int_equal(source_details(t->source, &r), 0);
	assert_int_equal(r.kind, RECORD_GAP);
	assert_true(r.from_usec == (TIME_SEC + 6) * USEC_PER_SEC);
	assert_true(r.realtime_usec >= NOW);
	assert_non_null(memmem(r.reason.p, r.reason.n, "compressed", 10));
	assert_reads(t, "another");
	start(t, stop(t), false);
	assert_reads(t, "");
}

static void a_restart_after_the_file_went_tells_a_gap(void **state)
{
	struct place_of_test *t = *state;
	const char *position;

	write_login(t->log, "u1");
	position = read_and_stop(t, "u1");
	assert_int_equal(unlink(t->log), 0);
	/* One-shot, there is nothing to read but the gap; following, the file may come. */
	start(t, position, true);
	assert_reads(t, "GAP");
	write_login(t->log, "another");
	assert_told(t, "another");
}

static void old_records_are_left_out_behind_a_gap(void **state)
{
	struct place_of_test *t = *state;
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
	struct place_of_test *t = *state;
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
	struct place_of_test *t = *state;
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
	struct place_of_test *t = *state;
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

static void damaged_positions_are_told(void **state)
{
	struct place_of_test *t = *state;
	struct error err;
	char text[512], good[512];

	write_login(t->log, "u1");
	(void)snprintf(good, sizeof(good), "%s", read_and_stop(t, "u1"));
	for (size_t n = 0; n < strlen(good); n++) {
		struct source_options o = options_of(text, false);
		int r;

		/* Cut short: never taken, but where only the last number lost digits. */
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

/* What cannot be read. */

static void assert_unreadable(const char *path, const char *why, bool follow)
{
	struct source_options o = options_of(NULL, follow);
	struct error err = {0};
	struct source *s = NULL;

	assert_int_equal(logfile_open(path, &o, &s, &err), SOURCE_E_UNREADABLE);
	assert_null(s);
	assert_string_equal(err.file, path);
	if (!strstr(err.text, why))
		fail_msg("\"%s\" is not in \"%s\"", why, err.text);
}

static void what_is_no_file_is_refused(void **state)
{
	struct place_of_test *t = *state;

	assert_unreadable(t->log, "no such file", false);
	assert_unreadable(t->dir, "is a directory", false);
	assert_unreadable(t->dir, "is a directory", true);
	assert_unreadable("/dev/null", "--log-file=-", false);
	assert_int_equal(mkfifo(t->log, 0644), 0);
	assert_unreadable(t->log, "--log-file=-", true);
}

/* In a process of its own, that root may read everything is no way to test it. */
static int open_as_nobody(const char *path, const char *why)
{
	struct source_options o = options_of(NULL, true);
	struct error err = {0};
	struct source *s = NULL;
	int status = 0;
	pid_t child = fork();

	assert_true(child >= 0);
	if (child == 0) {
		if (geteuid() == 0 &&
		    (setgroups(0, NULL) < 0 || setgid(65534) < 0 || setuid(65534) < 0))
			_exit(2);
		_exit(logfile_open(path, &o, &s, &err) != SOURCE_E_UNREADABLE ||
		      !strstr(err.text, why));
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	return status;
}

static void a_file_without_permission_is_refused(void **state)
{
	struct place_of_test *t = *state;

	write_login(t->log, "u1");
	assert_int_equal(chmod(t->dir, 0755), 0);
	assert_int_equal(chmod(t->log, 0040), 0);
	assert_int_equal(open_as_nobody(t->log, "add the user to group"), 0);
	assert_int_equal(chmod(t->log, 0000), 0);
	assert_int_equal(open_as_nobody(t->log, "only its owner"), 0);
}

/* Standard input. */

static int swap_stdin(int fd)
{
	int old = dup(0);

	assert_true(old >= 0);
	assert_int_equal(dup2(fd, 0), 0);
	assert_int_equal(close(fd), 0);
	return old;
}

static void standard_input_is_read_to_its_end(void **state)
{
	struct place_of_test *t = *state;
	struct source_options o = options_of(NULL, false);
	struct error err;
	struct slice s;
	char line[512];
	int fds[2], old;

	assert_int_equal(pipe(fds), 0);
	(void)login_line(line, sizeof(line), "u1");
	assert_int_equal(write(fds[1], line, strlen(line)), strlen(line));
	(void)login_line(line, sizeof(line), "u2");
	assert_int_equal(write(fds[1], line, strlen(line) - 1), strlen(line) - 1);
	assert_int_equal(close(fds[1]), 0);
	old = swap_stdin(fds[0]);
	assert_int_equal(logfile_open("-", &o, &t->source, &err), 0);
	assert_reads(t, "u1 u2");
	assert_int_equal(source_position(t->source, NOW, &s), 0);
	assert_int_equal(s.n, 0);
	assert_int_equal(t->position.len, 0);
	(void)close(swap_stdin(old));
}

static void standard_input_is_followed_without_waiting_in_it(void **state)
{
	struct place_of_test *t = *state;
	struct source_options o = options_of(NULL, true);
	struct error err;
	char line[512];
	uint64_t timeout;
	short events;
	int fds[2], old;

	assert_int_equal(pipe(fds), 0);
	old = swap_stdin(fds[0]);
	assert_int_equal(logfile_open("-", &o, &t->source, &err), 0);
	assert_reads(t, "");
	assert_quiet(t);
	(void)login_line(line, sizeof(line), "u1");
	assert_int_equal(write(fds[1], line, 30), 30);
	assert_told(t, "");
	assert_int_equal(write(fds[1], line + 30, strlen(line) - 30), strlen(line) - 30);
	assert_told(t, "u1");
	assert_int_equal(write(fds[1], line, strlen(line) - 1), strlen(line) - 1);
	assert_told(t, "");
	assert_int_equal(close(fds[1]), 0);
	assert_told(t, "u1");
	assert_int_equal(source_wait_fd(t->source, &events, &timeout), -ENODATA);
	(void)close(swap_stdin(old));
}

static void a_file_on_standard_input_is_read(void **state)
{
	struct place_of_test *t = *state;
	struct source_options o = options_of(NULL, false);
	struct error err;
	int old;

	write_login(t->log, "u1");
	old = swap_stdin(open(t->log, O_RDONLY | O_CLOEXEC));
	assert_int_equal(logfile_open("-", &o, &t->source, &err), 0);
	assert_reads(t, "u1");
	(void)close(swap_stdin(old));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(logins_of_the_programs_are_given_with_their_details),
		TEST(records_of_dropbear_are_given),
		TEST(nuls_invalid_utf8_and_crlf_cost_nothing),
		TEST(a_hole_of_nuls_hides_nothing),
		TEST(headers_of_no_known_form_hide_nothing),
		TEST(what_claims_a_login_and_cannot_be_read_is_given),
		TEST(a_line_is_kept_up_to_64_kib),
		TEST(an_endless_line_goes_by),
		TEST(lines_are_whole_wherever_a_block_ends),
		TEST(repetitions_are_counted),
		TEST(since_and_until_bound_the_records),
		TEST(years_come_from_the_last_write),
		TEST(progress_counts_bytes),
		TEST(a_last_line_without_newline_is_read_at_once_but_not_twice),
		TEST(a_line_cut_before_it_tells_is_read_when_it_is_whole),
		TEST(pieces_are_put_together_while_following),
		TEST(the_end_is_behind_the_last_whole_line),
		TEST(the_end_is_found_in_front_of_a_long_piece),
		TEST(a_rename_is_followed),
		TEST(rotations_between_two_looks_are_read_in_order),
		TEST(a_copytruncate_is_followed),
		TEST(a_line_being_written_survives_a_truncation),
		TEST(a_switched_link_is_followed),
		TEST(a_file_and_its_directories_may_come_later),
		TEST(directories_made_all_at_once_are_found),
		TEST(a_position_without_a_file_begins_with_the_file),
		TEST(a_missing_file_is_a_gap_after_a_minute),
		TEST(a_gap_says_when_and_why),
		TEST(the_old_file_is_read_while_the_path_is_missing),
		TEST(a_restart_goes_on_behind_the_last_record),
		TEST(a_restart_at_each_record_reads_the_rest),
		TEST(an_identity_does_not_change_when_the_file_grows),
		TEST(a_restart_reads_the_rotated_file_first),
		TEST(a_restart_follows_after_the_rotated_file),
		TEST(a_scan_waits_at_the_old_file_while_the_new_one_is_empty),
		TEST(a_restart_finds_the_copy_of_a_copytruncate),
		TEST(a_restart_after_a_compressed_rotation_tells_a_gap),
		TEST(a_restart_after_the_file_went_tells_a_gap),
		TEST(old_records_are_left_out_behind_a_gap),
		TEST(a_restored_file_with_another_inode_goes_on),
		TEST(a_changed_path_goes_on_by_time),
		TEST(odd_paths_come_back_from_their_position),
		TEST(damaged_positions_are_told),
		TEST(what_is_no_file_is_refused),
		TEST(a_file_without_permission_is_refused),
		TEST(standard_input_is_read_to_its_end),
		TEST(standard_input_is_followed_without_waiting_in_it),
		TEST(a_file_on_standard_input_is_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
