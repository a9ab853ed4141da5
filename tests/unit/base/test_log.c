/* Messages as they come out of a pipe that takes the place of standard error. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/io.h"
#include "base/log.h"

enum stream { STREAM_NONE, STREAM_STDERR, STREAM_OTHER };

/* Gives what is written for @text; at the end standard error is what it was. */
static void written(enum stream stream, int level, const char *text, struct buffer *ret)
{
	char name[64];
	int fds[2], saved;
	struct stat st;

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	assert_int_equal(fstat(fds[1], &st), 0);
	(void)snprintf(name, sizeof(name), "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
	if (stream == STREAM_OTHER)
		(void)snprintf(name, sizeof(name), "%ju:%ju", (uintmax_t)st.st_dev,
			       (uintmax_t)st.st_ino + 1);
	if (stream == STREAM_NONE)
		assert_int_equal(unsetenv("JOURNAL_STREAM"), 0);
	else
		assert_int_equal(setenv("JOURNAL_STREAM", name, 1), 0);
	saved = dup(STDERR_FILENO);
	assert_true(saved >= 0);
	assert_true(dup2(fds[1], STDERR_FILENO) >= 0);
	log_init("program");
	log_write(level, "%s", text);
	(void)dup2(saved, STDERR_FILENO);
	(void)close(saved);
	assert_int_equal(close(fds[1]), 0);
	assert_int_equal(io_read_all(fds[0], ret), 0);
	assert_int_equal(close(fds[0]), 0);
}

static void assert_written(enum stream stream, int level, const char *text, const char *expected)
{
	AUTO_BUFFER struct buffer b = BUFFER_INIT(4096);

	written(stream, level, text, &b);
	assert_string_equal(buffer_cstr(&b), expected);
}

static void priority_is_written_for_the_journal_only(void **state)
{
	(void)state;
	assert_written(STREAM_NONE, LOG_ERR, "text", "program: text\n");
	assert_written(STREAM_OTHER, LOG_ERR, "text", "program: text\n");
	assert_written(STREAM_STDERR, LOG_ERR, "text", "<3>text\n");
	assert_written(STREAM_STDERR, LOG_NOTICE, "text", "<5>text\n");
}

static void terminal_gets_no_priority(void **state)
{
	AUTO_CLOSE int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	int tty, saved = dup(STDERR_FILENO);
	struct stat st;
	char text[64];
	ssize_t n;

	(void)state;
	if (master < 0) {
		print_message("# skipped: no terminal can be made (/dev/pts)\n");
		skip();
	}
	assert_true(saved >= 0);
	assert_int_equal(grantpt(master), 0);
	assert_int_equal(unlockpt(master), 0);
	tty = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
	assert_true(tty >= 0);
	assert_int_equal(fstat(tty, &st), 0);
	(void)snprintf(text, sizeof(text), "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
	assert_int_equal(setenv("JOURNAL_STREAM", text, 1), 0);
	assert_true(dup2(tty, STDERR_FILENO) >= 0);
	log_init("program");
	log_error("text");
	(void)dup2(saved, STDERR_FILENO);
	(void)close(saved);
	n = read(master, text, sizeof(text));
	(void)close(tty);
	assert_int_equal(n, strlen("program: text\r\n"));
	assert_memory_equal(text, "program: text\r\n", (size_t)n);
}

static void controls_and_what_is_not_utf8_are_escaped(void **state)
{
	(void)state;
	assert_written(STREAM_STDERR, LOG_ERR, "a\nb\x1b[31m\x7f\t\r",
		       "<3>a\\x0ab\\x1b[31m\\x7f\\x09\\x0d\n");
	assert_written(STREAM_STDERR, LOG_ERR,
		       "\xc2\x9b"
		       "31m",
		       "<3>\\xc2\\x9b31m\n");
	assert_written(STREAM_STDERR, LOG_ERR, "\x9b\xff\xc3", "<3>\\x9b\\xff\\xc3\n");
	assert_written(STREAM_STDERR, LOG_ERR, "\xe0\x82\x9b\xed\xa0\x80\xf4\x90\x80\x80",
		       "<3>\\xe0\\x82\\x9b\\xed\\xa0\\x80\\xf4\\x90\\x80\\x80\n");
	assert_written(STREAM_STDERR, LOG_ERR,
		       "a\xe2\x80\xae"
		       "b\xe2\x81\xa6\xd8\x9c\xef\xbb\xbf",
		       "<3>a\\xe2\\x80\\xae"
		       "b\\xe2\\x81\\xa6\\xd8\\x9c\\xef\\xbb\\xbf\n");
	assert_written(STREAM_STDERR, LOG_ERR, "\xe2\x80\x8a\xe2\x80\x90\xf3\xa0\x80\xa0",
		       "<3>\xe2\x80\x8a\xe2\x80\x90\\xf3\\xa0\\x80\\xa0\n");
	assert_written(STREAM_STDERR, LOG_ERR, "jos\xc3\xa9 \xc2\xa0\xe5\xb1\xb1\xf0\x9f\x94\x94",
		       "<3>jos\xc3\xa9 \xc2\xa0\xe5\xb1\xb1\xf0\x9f\x94\x94\n");
}

static void message_over_the_maximum_stays_one_line(void **state)
{
	AUTO_BUFFER struct buffer b = BUFFER_INIT(4096);
	char text[3000];

	(void)state;
	memset(text, '\n', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	written(STREAM_NONE, LOG_ERR, text, &b);
	assert_true(b.len > 1000);
	assert_ptr_equal(memchr(b.data, '\n', b.len), b.data + b.len - 1);
}

static void level_decides_what_is_written(void **state)
{
	(void)state;
	assert_written(STREAM_STDERR, LOG_NOTICE, "text", "<5>text\n");
	assert_written(STREAM_STDERR, LOG_INFO, "text", "");
	log_set_max_level(LOG_DEBUG);
	assert_written(STREAM_STDERR, LOG_DEBUG, "text", "<7>text\n");
	log_set_max_level(LOG_NOTICE);
}

static void error_names_what_is_set(void **state)
{
	struct error err;
	char text[1024];

	(void)state;
	error_set(NULL, "f", 1, 2, "%s", "x");
	error_set(&err, "f\n", 3, 4, "%s", "text\x1b");
	error_format(&err, text, sizeof(text));
	assert_string_equal(text, "f\\x0a:3:4: text\\x1b");
	error_set(&err, "f", 3, 0, "%d", 5);
	error_format(&err, text, sizeof(text));
	assert_string_equal(text, "f:3: 5");
	error_set(&err, "f", 0, 0, "%d", 5);
	error_format(&err, text, sizeof(text));
	assert_string_equal(text, "f: 5");
	error_set(&err, NULL, 0, 0, "%d", 5);
	error_format(&err, text, sizeof(text));
	assert_string_equal(text, "5");
	error_format(&err, text, 1);
	assert_string_equal(text, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(priority_is_written_for_the_journal_only),
		cmocka_unit_test(terminal_gets_no_priority),
		cmocka_unit_test(controls_and_what_is_not_utf8_are_escaped),
		cmocka_unit_test(message_over_the_maximum_stays_one_line),
		cmocka_unit_test(level_decides_what_is_written),
		cmocka_unit_test(error_names_what_is_set),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
