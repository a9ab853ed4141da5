/*
 * If execve(2) fails, its errno comes back through a pipe that a successful execve(2) closes. So
 * the caller need not interpret an exit status.
 */
#include "base/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"

#define STATUS_NOT_RUN 127

pid_t child_fork(int death_signal)
{
	pid_t parent = getpid(), pid = fork();

	if (pid < 0)
		return -errno;
	if (pid == 0 && death_signal != 0) {
		(void)prctl(PR_SET_PDEATHSIG, death_signal);
		if (getppid() != parent)
			_exit(STATUS_NOT_RUN);
	}
	return pid;
}

/* A duplicate above the standard streams, which may be closed in this process. */
static int copy_up(int fd)
{
	int up = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);

	return up < 0 ? -errno : up;
}

static int set_stdio(const int stdio[3])
{
	int fds[3] = {CHILD_INHERIT, CHILD_INHERIT, CHILD_INHERIT};

	/* All are duplicated first: the source of one stream may be the number of another. */
	for (int i = 0; i < 3; i++) {
		int fd = stdio[i];

		if (fd == CHILD_INHERIT)
			continue;
		if (fd == CHILD_NULL)
			fd = open("/dev/null", O_RDWR | O_CLOEXEC);
		fds[i] = fd < 0 ? -errno : copy_up(fd);
		if (fds[i] < 0)
			return fds[i];
	}
	for (int i = 0; i < 3; i++)
		if (stdio[i] != CHILD_INHERIT && dup2(fds[i], i) < 0)
			return -errno;
	return 0;
}

static void reset_signals(void)
{
	sigset_t none;

	for (int i = 1; i < NSIG; i++)
		(void)signal(i, SIG_DFL);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* In the child; returns only on failure. */
static int execute(const struct child_options *o)
{
	int r = set_stdio(o->stdio);

	if (r == 0 && o->process_group && setpgid(0, 0) < 0)
		r = -errno;
	if (r == 0 && o->prepare)
		r = o->prepare(o->userdata);
	if (r < 0)
		return r;
	if (!o->keep_signals)
		reset_signals();
	r = -ENOENT;
	for (const char *const *p = o->paths; *p; p++) {
		(void)execv(*p, (char *const *)(void *)o->argv);
		/* EACCES of one path says more than ENOENT of the next. */
		if (r == -ENOENT || errno != ENOENT)
			r = -errno;
	}
	return r;
}

int child_start(const struct child_options *o, pid_t *ret)
{
	AUTO_CLOSE int read_end = -1;
	int ends[2], write_end, error = 0;
	ssize_t n;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	read_end = ends[0];
	write_end = copy_up(ends[1]);
	(void)close(ends[1]);
	if (write_end < 0)
		return write_end;
	pid = child_fork(o->death_signal);
	if (pid == 0) {
		error = execute(o);
		n = write(write_end, &error, sizeof(error));
		/* 128: the errno was not written, so for the caller the program ran and failed. */
		_exit(n < 0 ? STATUS_NOT_RUN + 1 : STATUS_NOT_RUN);
	}
	(void)close(write_end);
	if (pid < 0)
		return pid;
	do
		n = read(read_end, &error, sizeof(error));
	while (n < 0 && errno == EINTR);
	if (n > 0) {
		(void)child_wait(pid, NULL);
		return error;
	}
	*ret = pid;
	return 0;
}

int child_wait(pid_t pid, int *ret_status)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	if (ret_status)
		*ret_status = status;
	return 0;
}

void child_kill(pid_t pid)
{
	(void)kill(pid, SIGKILL);
	(void)child_wait(pid, NULL);
}
