/*
 * For the tests of the log file: real files in a directory of each test's own. Each login of a test
 * has a user name of its own, and what was read is compared as the list of these names.
 */
#pragma once

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
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/timetext.h"
#include "source/logfile/lines.h"
#include "source/logfile/ops.h"

#define NOW	 UINT64_C(1795435200000000) /* 2026-11-23 12:00:00 UTC */
#define TIME_SEC 1795406700		    /* 2026-11-23 04:05:00 UTC */

static const char *const test_programs[] = {"sshd", "sshd-session", "dropbear", NULL};
static time_t clock_step;

/* The clock of the source, so that a minute costs no time. */
static inline uint64_t test_clock(clockid_t id)
{
	return clock_usec(id) + (uint64_t)clock_step * USEC_PER_SEC;
}

struct scene {
	char dir[64], log[96];
	struct source *source;
	struct buffer text, position;
};

static inline int set_up(void **state)
{
	struct scene *t = calloc(1, sizeof(*t));

	(void)strcpy(t->dir, "/tmp/test-logfile-XXXXXX");
	if (!mkdtemp(t->dir))
		return -1;
	(void)snprintf(t->log, sizeof(t->log), "%s/auth.log", t->dir);
	t->text.max = t->position.max = 1 << 24;
	clock_step = 0;
	*state = t;
	return 0;
}

static inline int tear_down(void **state)
{
	struct scene *t = *state;
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

static inline char *name(struct scene *t, const char *base)
{
	static char names[4][128];
	static unsigned n;
	char *r = names[n++ % 4];

	(void)snprintf(r, sizeof(names[0]), "%s/%s", t->dir, base);
	return r;
}

static inline void write_bytes(const char *path, const void *p, size_t n)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, p, n), n);
	assert_int_equal(close(fd), 0);
}

static inline void write_text(const char *path, const char *text)
{
	write_bytes(path, text, strlen(text));
}

static inline char *login_line(char *ret, size_t size, const char *user)
{
	(void)snprintf(ret, size,
		       "2026-11-23T04:05:06+00:00 web1 sshd[100]: Accepted password for %s from "
		       "192.0.2.1 port 4711 ssh2\n",
		       user);
	return ret;
}

static inline void write_login(const char *path, const char *user)
{
	char line[512];

	write_text(path, login_line(line, sizeof(line), user));
}

/* Sets a file's last write, in seconds relative to TIME_SEC. */
static inline void set_written(const char *path, time_t sec)
{
	const struct timespec times[2] = {{TIME_SEC + sec, 0}, {TIME_SEC + sec, 0}};

	assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static inline struct source_options options_of(const char *resume, bool follow)
{
	return (struct source_options){
		.programs = test_programs,
		.resume = resume,
		.follow = follow,
		.now_usec = NOW + (uint64_t)clock_step * USEC_PER_SEC,
		.clock = test_clock,
	};
}

static inline void open_log(struct scene *t, const struct source_options *options)
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
static inline void read_on(struct scene *t)
{
	struct record r;
	int k;

	while ((k = source_next(t->source, &r)) > 0) {
		struct slice s = r.message;
		const char *p, *end;

		if (k == SOURCE_AGAIN)
			continue;
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

static inline void assert_reads(struct scene *t, const char *expected)
{
	buffer_clear(&t->text);
	read_on(t);
	assert_string_equal(buffer_cstr(&t->text), expected);
}

/* As a reader that follows: waits for a sign, then reads. */
static inline void assert_notified(struct scene *t, const char *expected)
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

static inline void assert_quiet(struct scene *t)
{
	uint64_t timeout;
	short events;
	struct pollfd p;

	p.fd = source_wait_fd(t->source, &events, &timeout);
	assert_true(p.fd >= 0);
	/* A file that was left is watched for a minute. */
	if (timeout != UINT64_MAX) {
		assert_true(timeout <= USEC_PER_MIN);
		clock_step += 61;
		assert_int_equal(source_process(t->source), 0);
		assert_reads(t, "");
		p.fd = source_wait_fd(t->source, &events, &timeout);
	}
	assert_true(timeout == UINT64_MAX);
	p.events = events;
	/* To remove a watch causes an event, once. */
	if (poll(&p, 1, 0) == 1) {
		assert_int_equal(source_process(t->source), 0);
		assert_reads(t, "");
	}
	assert_int_equal(poll(&p, 1, 0), 0);
}

/* The position as the reader would store it, and the source closed. */
static inline const char *stop(struct scene *t)
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

static inline void start(struct scene *t, const char *position, bool follow)
{
	struct source_options o = options_of(position, follow);

	open_log(t, &o);
}

/* Reads what was written, and stops. Returns the position. */
static inline const char *read_and_stop(struct scene *t, const char *users)
{
	start(t, NULL, false);
	assert_reads(t, users);
	return stop(t);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
