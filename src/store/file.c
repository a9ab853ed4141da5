/*
 * A file is replaced by writing another beside it and renaming that over it; the descriptor of the
 * directory is fsync(2)ed, so that the name is as durable as the bytes. The temporary file has a
 * fixed name, since every file has one writer: what a crash left is removed by the next
 * replacement, even if it belongs to root.
 */
#include "store/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"

#define FILE_MODE 0640

int file_open(int dirfd, const char *name, int flags, mode_t mode)
{
	AUTO_CLOSE int fd =
		openat(dirfd, name, flags | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY, mode);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return dirfd == -1 ? -ENOENT : -errno;
	return S_ISREG(st.st_mode) ? steal_fd(&fd) : -EINVAL;
}

static int write_new(int dirfd, const char *name, struct slice content, mode_t mode)
{
	AUTO_CLOSE int fd = file_open(dirfd, name, O_WRONLY | O_CREAT | O_EXCL, mode);
	int r;

	if (fd < 0)
		return fd;
	/* The umask may have removed the group's right. */
	if (fchmod(fd, mode) < 0)
		return -errno;
	r = io_write_all(fd, content.p, content.n);
	if (r < 0)
		return r;
	return fsync(fd) < 0 ? -errno : 0;
}

int file_replace_mode(int dirfd, const char *name, struct slice content, mode_t mode)
{
	char temporary[NAME_MAX + 1];
	int r;

	if (name[0] == '\0' || strchr(name, '/'))
		return -EINVAL;
	r = snprintf(temporary, sizeof(temporary), "%s" FILE_TEMPORARY_SUFFIX, name);
	if (r < 0 || (size_t)r >= sizeof(temporary))
		return -ENAMETOOLONG;
	if (unlinkat(dirfd, temporary, 0) < 0 && errno != ENOENT)
		return -errno;
	r = write_new(dirfd, temporary, content, mode);
	if (r == 0 && renameat(dirfd, temporary, dirfd, name) < 0)
		r = -errno;
	if (r < 0) {
		(void)unlinkat(dirfd, temporary, 0);
		return r;
	}
	return fsync(dirfd) < 0 ? -errno : 0;
}

int file_replace(int dirfd, const char *name, struct slice content)
{
	return file_replace_mode(dirfd, name, content, FILE_MODE);
}

int file_load(int dirfd, const char *name, struct buffer *ret)
{
	AUTO_CLOSE int fd = dirfd < 0 ? -ENOENT : file_open(dirfd, name, O_RDONLY, 0);

	buffer_clear(ret);
	return fd < 0 ? fd : io_read_all(fd, ret);
}
