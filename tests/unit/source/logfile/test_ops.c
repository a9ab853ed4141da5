/* A log file as a source: which lines are records, and what cannot be read. */
#include "tests/unit/logfile_fixture.h"

/* Reading. */

static void logins_of_the_programs_are_returned_with_their_details(void **state)
{
	struct scene *t = *state;
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

static void records_of_dropbear_are_returned(void **state)
{
	struct scene *t = *state;

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
	struct scene *t = *state;

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

/* A log that ends with @torn at a multiple of 4096 bytes, or @shift bytes after it. */
static void write_torn(const char *path, const char *torn, size_t shift)
{
	char page[8192 + 1];
	size_t n = sizeof(page) - 1 + shift - strlen(torn);

	memset(page, 'x', sizeof(page));
	page[n - 1] = '\n';
	write_bytes(path, page, n);
	write_text(path, torn);
}

static void a_line_that_a_full_disk_cut_off_does_not_hide_the_next(void **state)
{
	static const char *const torn[] = {
		"<38>1 2026-11-23T04:05:06+00:00 web1 sshd 7 - -",
		"<38>1 2026-11-23T04:05:06+00:00 web1 CRON 7 - -  pam_unix(cron:se",
		"Nov 23 04:05:06 web1 sshd[7]: Received disc",
		"2026-11-23T04:05:06+00:00 web1 CRON[7]: pam",
		"2026-11-23T04:0",
	};
	struct scene *t = *state;

	for (size_t i = 0; i < ARRAY_SIZE(torn); i++) {
		(void)unlink(t->log);
		write_torn(t->log, torn[i], 0);
		write_login(t->log, "u1");
		write_login(t->log, "u2");
		start(t, NULL, false);
		assert_reads(t, "u1 u2");
		t->source = source_free(t->source);
	}
}

static void a_header_within_a_message_is_a_part_of_it(void **state)
{
	struct scene *t = *state;

	write_torn(t->log, "2026-11-23T04:05:06+00:00 web1 sshd[7]: Invalid user ", 1);
	write_login(t->log, "u1");
	start(t, NULL, false);
	assert_reads(t, "");
}

static void a_hole_of_nuls_hides_nothing(void **state)
{
	struct scene *t = *state;

	write_text(t->log, "");
	assert_int_equal(truncate(t->log, 3 * LINES_BLOCK + 17), 0);
	write_login(t->log, "u1");
	start(t, NULL, false);
	assert_reads(t, "u1");
}

static void headers_of_no_known_form_hide_nothing(void **state)
{
	struct scene *t = *state;

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

static void what_claims_a_login_and_cannot_be_read_is_returned(void **state)
{
	struct scene *t = *state;

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
	struct scene *t = *state;

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
	struct scene *t = *state;
	char *noise = malloc(1 << 20);

	memset(noise, 'x', 1 << 20);
	write_bytes(t->log, noise, 1 << 20);
	start(t, NULL, true);
	assert_reads(t, "");
	write_bytes(t->log, noise, 1 << 20);
	assert_notified(t, "");
	write_login(t->log, "no");
	write_login(t->log, "u1");
	assert_notified(t, "u1");
	free(noise);
	/* The offset counts what was left out. */
	start(t, stop(t), false);
	assert_reads(t, "");
	write_login(t->log, "u2");
	assert_reads(t, "u2");
}

static void a_long_run_without_a_login_shows_a_sign_of_life(void **state)
{
	struct scene *t = *state;
	static char noise[1 << 20];
	struct record r;
	unsigned again = 0;
	int k;

	for (size_t i = 0; i < sizeof(noise); i++)
		noise[i] = i % 64 == 63 ? '\n' : 'x';
	for (unsigned i = 0; i < 20; i++)
		write_bytes(t->log, noise, sizeof(noise));
	write_login(t->log, "u1");
	start(t, NULL, false);
	while ((k = source_next(t->source, &r)) == SOURCE_AGAIN)
		again++;
	assert_int_equal(k, 1);
	assert_int_equal(again, 5);
}

static void a_hundred_megabytes_of_one_line_go_by(void **state)
{
	struct scene *t = *state;
	static char noise[1 << 20];
	struct source_progress p;

	memset(noise, 'x', sizeof(noise));
	for (unsigned i = 0; i < 100; i++)
		write_bytes(t->log, noise, sizeof(noise));
	write_text(t->log, "\n");
	write_login(t->log, "u1");
	start(t, NULL, false);
	assert_reads(t, "u1");
	source_progress(t->source, &p);
	assert_true(p.done == p.total && p.done > 100 * sizeof(noise));
}

static void lines_are_whole_wherever_a_block_ends(void **state)
{
	struct scene *t = *state;
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
		o.block = block;
		assert_int_equal(logfile_open(t->log, &o, &t->source, &err), 0);
		assert_reads(t,
			     "u0 u1 u2 u3 u4 u5 u6 u7 u8 u9 u10 u11 u12 u13 u14 u15 u16 u17 "
			     "u18 u19");
	}
}

/* What is searched for first is in many words; and a needle may stand anywhere, in part too. */
static void logins_are_found_after_what_looks_like_them(void **state)
{
	static const char *const fills[] = {"x", "c", "cc ", "Acc", "Accepted", "uth succeede"};
	struct scene *t = *state;
	char line[600];

	for (size_t i = 0; i < ARRAY_SIZE(fills); i++) {
		for (size_t n = 0; n < 300; n++) {
			(void)unlink(t->log);
			for (size_t k = 0; k < n; k++)
				line[k] = fills[i][k % strlen(fills[i])];
			line[n] = '\0';
			write_text(t->log, line);
			write_text(t->log, "\n");
			write_login(t->log, "u1");
			write_text(t->log, line);
			write_text(t->log,
				   "\nweb1 dropbear[5]: Password auth succeeded for "
				   "'u2' from 192.0.2.1:4711\nAccepted");
			start(t, NULL, false);
			assert_reads(t, "u1 'u2'");
		}
	}
}

static void repetitions_are_counted(void **state)
{
	struct scene *t = *state;
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
	struct scene *t = *state;
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
	/* What was not returned comes later. */
	start(t, stop(t), false);
	assert_reads(t, "u5");
}

static void a_whole_second_is_not_before_a_part_of_it(void **state)
{
	struct scene *t = *state;
	struct source_options o = options_of(NULL, false);

	write_text(t->log,
		   "2026-11-23T04:05:02+00:00 web1 sshd[1]: Accepted password for u1 from "
		   "192.0.2.1 port 1 ssh2\n"
		   "2026-11-23T04:05:03+00:00 web1 sshd[1]: Accepted password for u2 from "
		   "192.0.2.1 port 1 ssh2\n"
		   "2026-11-23T04:05:03.400000+00:00 web1 sshd[1]: Accepted password for u3 from "
		   "192.0.2.1 port 1 ssh2\n"
		   "2026-11-23T04:05:03.600000+00:00 web1 sshd[1]: Accepted password for u4 from "
		   "192.0.2.1 port 1 ssh2\n");
	o.since_usec = (TIME_SEC + 3) * USEC_PER_SEC + 500000;
	open_log(t, &o);
	assert_reads(t, "u2 u4");
}

static void years_come_from_the_last_write(void **state)
{
	struct scene *t = *state;
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
	struct scene *t = *state;
	struct source_progress p;
	char line[512];
	size_t n = strlen(login_line(line, sizeof(line), "u1"));

	write_login(t->log, "u1");
	write_login(t->log, "u2");
	start(t, NULL, false);
	source_progress(t->source, &p);
	assert_true(p.done == 0 && p.total == 2 * n);
	assert_reads(t, "u1 u2");
	source_progress(t->source, &p);
	assert_true(p.done == 2 * n && p.total == 2 * n);
}

/* Lines that are being written. */

static void a_last_line_without_newline_is_read_at_once_but_not_twice(void **state)
{
	struct scene *t = *state;
	char line[512];

	(void)login_line(line, sizeof(line), "u1");
	write_bytes(t->log, line, strlen(line) - 1);
	start(t, read_and_stop(t, "u1"), false);
	assert_reads(t, "");
	write_text(t->log, "\n");
	write_login(t->log, "u2");
	assert_reads(t, "u2");
}

static void a_line_cut_before_its_needle_is_read_when_it_is_whole(void **state)
{
	struct scene *t = *state;
	const char *position;
	char line[512];
	size_t n = strlen(login_line(line, sizeof(line), "u1"));
	size_t needle = (size_t)(strstr(line, "Accepted ") - line) + 9;

	for (size_t cut = 0; cut < needle; cut++) {
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
	struct scene *t = *state;
	char line[512];
	size_t n = strlen(login_line(line, sizeof(line), "u1"));

	write_text(t->log, "");
	start(t, NULL, true);
	assert_reads(t, "");
	for (size_t i = 0; i < n; i++) {
		write_bytes(t->log, line + i, 1);
		assert_notified(t, i + 1 < n ? "" : "u1");
	}
	assert_quiet(t);
}

/* Where reading begins. */

static void the_end_is_after_the_last_whole_line(void **state)
{
	struct scene *t = *state;
	struct source_options o = options_of(NULL, true);
	char line[512];

	o.from_end = true;
	write_login(t->log, "no");
	(void)login_line(line, sizeof(line), "u1");
	write_bytes(t->log, line, 20);
	open_log(t, &o);
	assert_reads(t, "");
	write_text(t->log, line + 20);
	assert_notified(t, "u1");

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
	struct scene *t = *state;
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
	struct scene *t = *state;

	assert_unreadable(t->log, "no such file", false);
	assert_unreadable(t->dir, "is a directory", false);
	assert_unreadable(t->dir, "is a directory", true);
	assert_unreadable("/dev/null", "--log-file=-", false);
	assert_int_equal(mkfifo(t->log, 0644), 0);
	assert_unreadable(t->log, "--log-file=-", true);
}

/* In a process of its own: root may read everything. */
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
	struct scene *t = *state;

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
	struct scene *t = *state;
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
	struct scene *t = *state;
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
	assert_notified(t, "");
	assert_int_equal(write(fds[1], line + 30, strlen(line) - 30), strlen(line) - 30);
	assert_notified(t, "u1");
	assert_int_equal(write(fds[1], line, strlen(line) - 1), strlen(line) - 1);
	assert_notified(t, "");
	assert_int_equal(close(fds[1]), 0);
	assert_notified(t, "u1");
	assert_int_equal(source_wait_fd(t->source, &events, &timeout), -ENODATA);
	(void)close(swap_stdin(old));
}

static void a_file_on_standard_input_is_read(void **state)
{
	struct scene *t = *state;
	struct source_options o = options_of(NULL, false);
	struct error err;
	int old;

	write_login(t->log, "u1");
	old = swap_stdin(open(t->log, O_RDONLY | O_CLOEXEC));
	assert_int_equal(logfile_open("-", &o, &t->source, &err), 0);
	assert_reads(t, "u1");
	(void)close(swap_stdin(old));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(logins_of_the_programs_are_returned_with_their_details),
		TEST(records_of_dropbear_are_returned),
		TEST(nuls_invalid_utf8_and_crlf_cost_nothing),
		TEST(a_line_that_a_full_disk_cut_off_does_not_hide_the_next),
		TEST(a_header_within_a_message_is_a_part_of_it),
		TEST(a_hole_of_nuls_hides_nothing),
		TEST(headers_of_no_known_form_hide_nothing),
		TEST(what_claims_a_login_and_cannot_be_read_is_returned),
		TEST(a_line_is_kept_up_to_64_kib),
		TEST(an_endless_line_goes_by),
		TEST(a_long_run_without_a_login_shows_a_sign_of_life),
		TEST(a_hundred_megabytes_of_one_line_go_by),
		TEST(lines_are_whole_wherever_a_block_ends),
		TEST(logins_are_found_after_what_looks_like_them),
		TEST(repetitions_are_counted),
		TEST(since_and_until_bound_the_records),
		TEST(a_whole_second_is_not_before_a_part_of_it),
		TEST(years_come_from_the_last_write),
		TEST(progress_counts_bytes),
		TEST(a_last_line_without_newline_is_read_at_once_but_not_twice),
		TEST(a_line_cut_before_its_needle_is_read_when_it_is_whole),
		TEST(pieces_are_put_together_while_following),
		TEST(the_end_is_after_the_last_whole_line),
		TEST(the_end_is_found_in_front_of_a_long_piece),
		TEST(what_is_no_file_is_refused),
		TEST(a_file_without_permission_is_refused),
		TEST(standard_input_is_read_to_its_end),
		TEST(standard_input_is_followed_without_waiting_in_it),
		TEST(a_file_on_standard_input_is_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
