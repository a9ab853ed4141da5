/*
 * The program reads the open file as its standard input: no file name is ever an argument, and the
 * file may be renamed meanwhile. PATH is not searched. The program writes to a pipe, which limits
 * how far it runs ahead, however much a file unpacks to.
 *
 * Only its exit status says whether the content was complete.
 */
#include "source/logfile/unpack.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/child.h"
#include "base/cleanup.h"
#include "base/slice.h"

#define DIRECTORIES_MAX 4
#define PATH_SIZE	64
#define SKIP_SIZE	8192

const char *const unpack_directories[] = {"/usr/bin", "/bin", "/usr/local/bin", NULL};

enum compression compression_of(int fd, const char *name)
{
	static const struct {
		struct slice magic;
		const char *ending;
		enum compression compression;
	} known[] = {
		{{"\x1f\x8b", 2}, ".gz", COMPRESSION_GZIP},
		{{"\3757zXZ\0", 6}, ".xz", COMPRESSION_XZ},
		{{"\x28\xb5\x2f\xfd", 4}, ".zst", COMPRESSION_ZSTD},
		{{"BZh", 3}, ".bz2", COMPRESSION_OTHER},
		{{"\x04\x22\x4d\x18", 4}, ".lz4", COMPRESSION_OTHER},
		{{"\x1f\x9d", 2}, ".Z", COMPRESSION_OTHER},
		{{"PK\x03\x04", 4}, ".zip", COMPRESSION_OTHER},
		{{NULL, 0}, ".lzma", COMPRESSION_OTHER},
	};
	const char *dot = strrchr(name, '.');
	char begin[6];
	ssize_t n;

	do {
		n = pread(fd, begin, sizeof(begin), 0);
	} while (n < 0 && errno == EINTR);
	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (known[i].magic.n > 0 && n >= (ssize_t)known[i].magic.n &&
		    memcmp(begin, known[i].magic.p, known[i].magic.n) == 0)
			return known[i].compression;
	for (size_t i = 0; dot && i < ARRAY_SIZE(known); i++)
		if (strcmp(dot, known[i].ending) == 0)
			return known[i].compression;
	return COMPRESSION_NONE;
}

const char *unpack_program(enum compression compression)
{
	static const char *const programs[] = {
		[COMPRESSION_GZIP] = "gzip",
		[COMPRESSION_XZ] = "xz",
		[COMPRESSION_ZSTD] = "zstd",
		[COMPRESSION_OTHER] = NULL,
	};

	return programs[compression];
}

static int start(struct unpack *u, const char *program, int fd, const char *const *directories)
{
	AUTO_CLOSE int read_end = -1, write_end = -1;
	const char *const argv[] = {program, "-dc", NULL};
	const char *paths[DIRECTORIES_MAX + 1] = {NULL};
	char storage[DIRECTORIES_MAX][PATH_SIZE];
	struct child_options options = {.paths = paths, .argv = argv, .death_signal = SIGKILL};
	int ends[2], r;

	for (size_t i = 0; i < DIRECTORIES_MAX && directories[i]; i++) {
		(void)snprintf(storage[i], PATH_SIZE, "%s/%s", directories[i], program);
		paths[i] = storage[i];
	}
	if (lseek(fd, 0, SEEK_SET) < 0 || pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	read_end = ends[0];
	write_end = ends[1];
	options.stdio[0] = fd;
	options.stdio[1] = write_end;
	options.stdio[2] = CHILD_NULL;
	r = child_start(&options, &u->pid);
	if (r == -ENOENT || r == -EACCES || r == -EPERM)
		return UNPACK_E_MISSING;
	if (r == 0)
		u->fd = steal_fd(&read_end);
	return r;
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
	char block[SKIP_SIZE];

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
	/* A sandbox may answer execve(2) with a signal. */
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS)
		return UNPACK_E_MISSING;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : UNPACK_E_DAMAGED;
}

int unpack_end(struct unpack *u)
{
	struct unpack ended = *u;
	int status = 0, r;

	*u = (struct unpack)UNPACK_INIT;
	if (ended.fd >= 0)
		(void)close(ended.fd);
	if (ended.pid == 0)
		return ended.fault;
	r = child_wait(ended.pid, &status);
	if (r < 0)
		return r;
	r = fault_of(status);
	return r != 0 ? r : ended.fault;
}

void unpack_stop(struct unpack *u)
{
	if (u->pid > 0)
		child_kill(u->pid);
	u->pid = 0;
	(void)unpack_end(u);
}
