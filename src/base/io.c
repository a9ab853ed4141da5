/* Loops around read(2) and write(2); see the header. */
#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/buffer.h"

#define READ_STEP 65536

/* @offset -1: at the descriptor's own. */
static int write_all(int fd, const char *at, size_t n, off_t offset)
{
	while (n > 0) {
		ssize_t k = offset < 0 ? write(fd, at, n) : pwrite(fd, at, n, offset);

		if (k < 0) {
			if (errno == EINTR)
				continue;
			return -errno;
		}
		at += k;
		n -= (size_t)k;
		if (offset >= 0)
			offset += k;
	}
	return 0;
}

int io_write_all(int fd, const void *p, size_t n)
{
	return write_all(fd, p, n, -1);
}

int io_pwrite_all(int fd, const void *p, size_t n, long long offset)
{
	return offset < 0 ? -EINVAL : write_all(fd, p, n, (off_t)offset);
}

int io_read_all(int fd, struct buffer *ret)
{
	for (;;) {
		size_t want = READ_STEP;
		ssize_t k;
		int r;

		if (want > ret->max - ret->len)
			want = ret->max - ret->len;
		if (want == 0) {
			char probe;

			do {
				k = read(fd, &probe, 1);
			} while (k < 0 && errno == EINTR);
			return k < 0 ? -errno : k > 0 ? -E2BIG : 0;
		}
		r = buffer_reserve(ret, want);
		if (r < 0)
			return r;
		k = read(fd, ret->data + ret->len, want);
		if (k < 0) {
			if (errno == EINTR)
				continue;
			return -errno;
		}
		if (k == 0)
			return 0;
		ret->len += (size_t)k;
	}
}

int io_read_file_at(int dirfd, const char *path, struct buffer *ret)
{
	AUTO_CLOSE int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

	if (fd < 0)
		return -errno;
	return io_read_all(fd, ret);
}
