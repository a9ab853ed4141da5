/* Programs that are started, and why some are not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/child.h"
#include "base/io.h"

static const char *const shell[] = {"/nowhere/sh", "/bin/sh", NULL};

static struct child_options run(const char *const *argv)
{
	return (struct child_options){
		.paths = shell,
		.argv = argv,
		.stdio = {CHILD_NULL, CHILD_NULL, CHILD_NULL},
	};
}

static int status_of(const struct child_options *o)
{
	pid_t pid = 0;
	int status = 0;

	assert_int_equal(child_start(o, &pid), 0);
	assert_int_equal(child_wait(pid, &status), 0);
	return status;
}

static void the_first_path_that_can_be_executed_is_run(void **state)
{
	const char *argv[] = {"sh", "-c", "exit 7", NULL};
	struct child_options o = run(argv);
	int status = status_of(&o);

	(void)state;
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 7);
}

static void why_a_program_cannot_be_executed_comes_back(void **state)
{
	static const char *const missing[] = {"/nowhere/sh", NULL};
	static const char *const forbidden[] = {"/etc/passwd", "/nowhere/sh", NULL};
	const char *argv[] = {"sh", NULL};
	struct child_options o = run(argv);
	pid_t pid = 0;

	(void)state;
	o.paths = missing;
	assert_int_equal(child_start(&o, &pid), -ENOENT);
	o.paths = forbidden;
	assert_int_equal(child_start(&o, &pid), -EACCES);
	assert_int_equal(pid, 0);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

static int refuse(void *userdata)
{
	return *(int *)userdata;
}

static void what_prepare_gives_comes_back(void **state)
{
	const char *argv[] = {"sh", "-c", "exit 0", NULL};
	struct child_options o = run(argv);
	int result = -EPERM;
	pid_t pid = 0;

	(void)state;
	o.prepare = refuse;
	o.userdata = &result;
	assert_int_equal(child_start(&o, &pid), -EPERM);
	result = 0;
	assert_int_equal(status_of(&o), 0);
}

static void standard_streams_are_what_was_asked_for(void **state)
{
	const char *argv[] = {"sh", "-c", "cat; echo err >&2", NULL};
	struct child_options o = run(argv);
	AUTO_BUFFER struct buffer out = BUFFER_INIT(100), err = BUFFER_INIT(100);
	int in[2], to[2], errors[2];

	(void)state;
	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	assert_int_equal(pipe2(to, O_CLOEXEC), 0);
	assert_int_equal(pipe2(errors, O_CLOEXEC), 0);
	assert_int_equal(write(in[1], "in", 2), 2);
	(void)close(in[1]);
	o.stdio[0] = in[0];
	o.stdio[1] = to[1];
	o.stdio[2] = errors[1];
	assert_int_equal(status_of(&o), 0);
	(void)close(to[1]);
	(void)close(errors[1]);
	assert_int_equal(io_read_all(to[0], &out), 0);
	assert_int_equal(io_read_all(errors[0], &err), 0);
	assert_string_equal(buffer_cstr(&out), "in");
	assert_string_equal(buffer_cstr(&err), "err\n");
	(void)close(in[0]);
	(void)close(to[0]);
	(void)close(errors[0]);
}

static void standard_streams_may_be_each_other_and_closed(void **state)
{
	const char *argv[] = {"sh", "-c", "read a && [ \"$a\" = x ] && echo y", NULL};
	pid_t pid = child_fork(SIGKILL);
	int status = 0;

	(void)state;
	if (pid == 0) {
		struct child_options o = run(argv);
		char answer[2] = "";
		int in[2], out[2];

		(void)close(0);
		(void)close(1);
		/* The pipes' ends are now the numbers 0 and 1. */
		if (pipe2(in, O_CLOEXEC) < 0 || pipe2(out, O_CLOEXEC) < 0 ||
		    write(in[1], "x\n", 2) != 2)
			_exit(1);
		o.stdio[0] = in[0];
		o.stdio[1] = out[1];
		if (in[0] != 0 || in[1] != 1 || status_of(&o) != 0)
			_exit(2);
		_exit(read(out[0], answer, 2) == 2 && answer[0] == 'y' ? 0 : 3);
	}
	assert_true(pid > 0);
	assert_int_equal(child_wait(pid, &status), 0);
	assert_int_equal(status, 0);
}

static void signals_are_reset_unless_they_are_kept(void **state)
{
	const char *argv[] = {"sh", "-c", "kill -USR1 $$; exit 5", NULL};
	struct child_options o = run(argv);
	sigset_t set, old;
	int status;

	(void)state;
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGUSR1);
	(void)sigprocmask(SIG_BLOCK, &set, &old);
	status = status_of(&o);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGUSR1);
	o.keep_signals = true;
	status = status_of(&o);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 5);
	(void)sigprocmask(SIG_SETMASK, &old, NULL);
}

static void a_killed_child_is_waited_for(void **state)
{
	const char *argv[] = {"sh", "-c", "sleep 1000", NULL};
	struct child_options o = run(argv);
	pid_t pid = 0;

	(void)state;
	o.process_group = true;
	assert_int_equal(child_start(&o, &pid), 0);
	assert_int_equal(getpgid(pid), pid);
	(void)kill(-pid, SIGKILL);
	child_kill(pid);
	assert_int_equal(kill(pid, 0), -1);
	assert_int_equal(errno, ESRCH);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_path_that_can_be_executed_is_run),
		cmocka_unit_test(why_a_program_cannot_be_executed_comes_back),
		cmocka_unit_test(what_prepare_gives_comes_back),
		cmocka_unit_test(standard_streams_are_what_was_asked_for),
		cmocka_unit_test(standard_streams_may_be_each_other_and_closed),
		cmocka_unit_test(signals_are_reset_unless_they_are_kept),
		cmocka_unit_test(a_killed_child_is_waited_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
