/*
 * The program is given the open file as its standard input: no name ever is an argument, and what
 * is unpacked is the file that was looked at, whatever is renamed meanwhile. It is looked for in
 * fixed directories, not in PATH. It writes into a pipe, so that no more than the pipe holds is
 * unpacked ahead, however much a file unpacks to.
 *
 * Whether all came is known from its exit status alone. So nobody else may wait for any child.
 */
#include "source/logfile/unpack.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"

#define STATUS_NOT_RUN 127 /* as sh(1) has it */

const char *const unpack_directories[] = {"/usr/bin", "/bin", "/usr/local/bin", NULL};

enum compression compression_of(int fd, const char *name)
{
	static const struct {
		const char *magic;
		size_t n;
		enum compression compression;
	} magics[] = {
		{"\x1f\x8b", 2, COMPRESSION_GZIP},
		{"\xfd"
		 "7zXZ\0",
		 6, COMPRESSION_XZ},
		{"\x28\xb5\x2f\xfd", 4, COMPRESSION_ZSTD},
		{"BZh", 3, COMPRESSION_OTHER},
		{"\x04\x22\x4d\x18", 4, COMPRESSION_OTHER}, /* lz4 */
		{"\x1f\x9d", 2, COMPRESSION_OTHER},	    /* compress */
		{"PK\x03\x04", 4, COMPRESSION_OTHER},
	};
	static const struct {
		const char *ending;
		enum compression compression;
	} endings[] = {
		{".gz", COMPRESSION_GZIP},   {".xz", COMPRESSION_XZ},
		{".zst", COMPRESSION_ZSTD},  {".bz2", COMPRESSION_OTHER},
		{".lz4", COMPRESSION_OTHER}, {".lzma", COMPRESSION_OTHER},
		{".zip", COMPRESSION_OTHER}, {".Z", COMPRESSION_OTHER},
	};
	const char *dot = strrchr(name, '.');
	char begin[6];
	ssize_t n;

	do {
		n = pread(fd, begin, sizeof(begin), 0);
	} while (n < 0 && errno == EINTR);
	for (size_t i = 0; i < ARRAY_SIZE(magics); i++)
		if (n >= (ssize_t)magics[i].n && memcmp(begin, magics[i].magic, magics[i].n) == 0)
			return magics[i].compression;
	for (size_t i = 0; dot && i < ARRAY_SIZE(endings); i++)
		if (strcmp(dot, endings[i].ending) == 0)
			return endings[i].compression;
	return COMPRESSION_NONE;
}

const char *unpack_program(enum compression compression)
{
	switch (compression) {
	case COMPRESSION_GZIP:
		return "gzip";
	case COMPRESSION_XZ:
		return "xz";
	case COMPRESSION_ZSTD:
		return "zstd";
	default:
		return NULL;
	}
}

/* In the child. This process has no threads. */
static void become_program(const char *program, int in, int out, pid_t parent,
			   const char *const *directories)
{
	char self[8], option[] = "-dc", path[64];
	char *argv[] = {self, option, NULL};
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	sigset_t none;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent || null < 0 || dup2(null, STDERR_FILENO) < 0 ||
	    dup2(in, STDIN_FILENO) < 0 || dup2(out, STDOUT_FILENO) < 0)
		_exit(STATUS_NOT_RUN);
	(void)signal(SIGPIPE, SIG_DFL);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)snprintf(self, sizeof(self), "%s", program);
	for (; *directories; directories++) {
		(void)snprintf(path, sizeof(path), "%s/%s", *directories, program);
		(void)execv(path, argv);
	}
	_exit(STATUS_NOT_RUN);
}

/* Above the standard streams, which may be closed here and are set in the child. */
static int move_up(int *fd)
{
	int up = fcntl(*fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);

	if (up < 0)
		return -errno;
	(void)close(*fd);
	*fd = up;
	return 0;
}

static int start(struct unpack *u, const char *program, int fd, const char *const *directories)
{
	AUTO_CLOSE int in = -1, out = -1, read_end = -1;
	pid_t parent = getpid();
	int ends[2];

	if (lseek(fd, 0, SEEK_SET) < 0 || pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	read_end = ends[0];
	out = ends[1];
	in = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	if (in < 0)
		return -errno;
	if (move_up(&out) < 0)
		return -errno;
	u->pid = fork();
	if (u->pid < 0) {
		u->pid = 0;
		return -errno;
	}
	if (u->pid == 0)
		become_program(program, in, out, parent, directories);
	u->fd = steal_fd(&read_end);
	return 0;
}

void unpack_start(struct unpack *u, enum compression compression, int fd,
		  const char *const *directories)
{
	const char *program = unpack_program(compression);

	*u = (struct unpack)UNPACK_INIT;
	u->fault = program ? start(u, program, fd, directories) : UNPACK_E_MISSING;
}

size_t unpack_read(struct unpack *u, void *p, size_t n)
{
	size_t done = 0;

	while (u->fd >= 0 && done < n) {
		ssize_t k = read(u->fd, (char *)p + done, n - done);

		if (k < 0 && errno == EINTR)
			continue;
		if (k <= 0)
			break;
		done += (size_t)k;
	}
	return done;
}

void unpack_skip(struct unpack *u, uint64_t n)
{
	char block[16384];

	while (n > 0 && u->fault == 0) {
		size_t want = n < sizeof(block) ? (size_t)n : sizeof(block);
		size_t got = unpack_read(u, block, want);

		if (got < want)
			u->fault = UNPACK_E_SHORT;
		n -= got;
	}
}

static int fault_of(int status)
{
	if (WIFEXITED(status) && WEXITSTATUS(status) == STATUS_NOT_RUN)
		return UNPACK_E_MISSING;
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS) /* a sandbox's answer to exec */
		return UNPACK_E_MISSING;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : UNPACK_E_DAMAGED;
}

int unpack_end(struct unpack *u)
{
	int fault = u->fault, status = 0, k;
	pid_t pid = u->pid;

	if (u->fd >= 0)
		(void)close(u->fd);
	*u = (struct unpack)UNPACK_INIT;
	if (pid == 0)
		return fault;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	k = fault_of(status);
	return k != 0 ? k : fault;
}

void unpack_stop(struct unpack *u)
{
	if (u->pid > 0)
		(void)kill(u->pid, SIGKILL);
	(void)unpack_end(u);
}
