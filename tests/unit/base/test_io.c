/* Reads and writes that come in pieces: pipes with a process on the other side, and files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

#include "base/buffer.h"
#include "base/io.h"

#define MUCH 300000 /* more than a pipe holds */

static unsigned char pattern(size_t i)
{
	return (unsigned char)(i % 251);
}

static void fill(unsigned char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		p[i] = pattern(i);
}

static void assert_filled(struct slice s, size_t n)
{
	assert_int_equal(s.n, n);
	for (size_t i = 0; i < n; i++)
		assert_int_equal((unsigned char)s.p[i], pattern(i));
}

static int pipe_of(const char *text)
{
	int fds[2];

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	assert_int_equal(io_write_all(fds[1], text, strlen(text)), 0);
	assert_int_equal(close(fds[1]), 0);
	return fds[0];
}

static void assert_child_done(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void read_takes_up_short_reads(void **state)
{
	AUTO_BUFFER struct buffer b = BUFFER_INIT(1000);
	int fds[2];
	pid_t pid;

	(void)state;
	assert_int_equal(pipe2(fds, O_CLOEXEC | O_DIRECT), 0); /* a read takes one packet */
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		for (size_t i = 0; i < 1000; i++) {
			unsigned char c = pattern(i);

			if (write(fds[1], &c, 1) != 1)
				_exit(1);
		}
		_exit(0);
	}
	assert_int_equal(close(fds[1]), 0);
	assert_int_equal(io_read_all(fds[0], &b), 0);
	assert_filled(buffer_slice(&b), 1000);
	assert_child_done(pid);
	assert_int_equal(close(fds[0]), 0);
}

static void ignore(int sig)
{
	(void)sig;
}

/* The pipe is full most of the time, and a signal comes after each part that is read. */
static void write_takes_up_short_and_interrupted_writes(void **state)
{
	static unsigned char text[MUCH];
	struct sigaction sa = {.sa_handler = ignore}, old;
	int fds[2];
	pid_t pid;

	(void)state;
	fill(text, sizeof(text));
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	assert_int_equal(sigaction(SIGUSR1, &sa, &old), 0); /* no SA_RESTART */
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		unsigned char part[4096];
		size_t at = 0;
		ssize_t k;

		(void)close(fds[1]);
		while ((k = read(fds[0], part, sizeof(part))) > 0) {
			for (ssize_t i = 0; i < k; i++)
				if (part[i] != pattern(at++))
					_exit(1);
			(void)kill(getppid(), SIGUSR1);
		}
		_exit(k == 0 && at == MUCH ? 0 : 2);
	}
	assert_int_equal(close(fds[0]), 0);
	assert_int_equal(io_write_all(fds[1], text, sizeof(text)), 0);
	assert_int_equal(close(fds[1]), 0);
	while (waitpid(pid, &fds[0], 0) < 0)
		assert_int_equal(errno, EINTR);
	assert_true(WIFEXITED(fds[0]) && WEXITSTATUS(fds[0]) == 0);
	assert_int_equal(sigaction(SIGUSR1, &old, NULL), 0);
}

static void read_stops_at_the_maximum(void **state)
{
	(void)state;
	for (size_t max = 0; max <= 6; max++) {
		AUTO_CLOSE int fd = pipe_of("12345");
		AUTO_BUFFER struct buffer b = BUFFER_INIT(max);

		assert_int_equal(io_read_all(fd, &b), max < 5 ? -E2BIG : 0);
		assert_int_equal(b.len, max < 5 ? max : 5);
	}
}

static void read_appends(void **state)
{
	AUTO_CLOSE int fd = pipe_of("two");
	AUTO_BUFFER struct buffer b = BUFFER_INIT(6);

	(void)state;
	assert_int_equal(buffer_append_str(&b, "one"), 0);
	assert_int_equal(io_read_all(fd, &b), 0);
	assert_string_equal(buffer_cstr(&b), "onetwo");
}

static void failures_come_back(void **state)
{
	AUTO_BUFFER struct buffer b = BUFFER_INIT(10);
	int fds[2];

	(void)state;
	assert_int_equal(io_read_all(-1, &b), -EBADF);
	assert_int_equal(io_write_all(-1, "x", 1), -EBADF);
	assert_int_equal(io_write_all(-1, NULL, 0), 0);
	assert_int_equal(io_pwrite_all(-1, "x", 1, 0), -EBADF);
	assert_int_equal(io_read_file_at(AT_FDCWD, "/nonexistent/file", &b), -ENOENT);
	assert_int_equal(io_read_file_at(AT_FDCWD, "/", &b), -EISDIR);
	assert_int_equal(b.len, 0);
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	assert_int_equal(io_pwrite_all(fds[1], "x", 1, 0), -ESPIPE);
	assert_int_equal(close(fds[0]), 0);
	assert_true(signal(SIGPIPE, SIG_IGN) != SIG_ERR);
	assert_int_equal(io_write_all(fds[1], "x", 1), -EPIPE);
	assert_int_equal(close(fds[1]), 0);
}

static void file_is_written_at_its_place_and_read_whole(void **state)
{
	AUTO_BUFFER struct buffer b = BUFFER_INIT(MUCH), small = BUFFER_INIT(MUCH - 1);
	static unsigned char text[MUCH];
	char path[] = "/tmp/loginbell-test-XXXXXX";
	AUTO_CLOSE int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	fill(text, sizeof(text));
	assert_int_equal(io_pwrite_all(fd, text + 1000, MUCH - 1000, 1000), 0);
	assert_int_equal(io_pwrite_all(fd, text, 1000, 0), 0);
	assert_int_equal(lseek(fd, 0, SEEK_CUR), 0);
	assert_int_equal(io_read_file_at(AT_FDCWD, path, &b), 0);
	assert_filled(buffer_slice(&b), MUCH);
	assert_int_equal(io_read_file_at(AT_FDCWD, path, &small), -E2BIG);
	assert_int_equal(unlink(path), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(read_takes_up_short_reads),
		cmocka_unit_test(write_takes_up_short_and_interrupted_writes),
		cmocka_unit_test(read_stops_at_the_maximum),
		cmocka_unit_test(read_appends),
		cmocka_unit_test(failures_come_back),
		cmocka_unit_test(file_is_written_at_its_place_and_read_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
