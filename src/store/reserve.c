/*
 * A file of blocks that are allocated and hold nothing. It is removed when a write finds the disk
 * full: then there is room for what matters, and time for the administrator to make more.
 */
#include "store/reserve.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "store/file.h"

int reserve_keep(int dirfd)
{
	AUTO_CLOSE int fd = -1;
	struct stat st;

	if (fstatat(dirfd, RESERVE_NAME, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) &&
	    (uint64_t)st.st_blocks * 512 >= RESERVE_SIZE)
		return 0;
	fd = file_open(dirfd, RESERVE_NAME, O_WRONLY | O_CREAT, 0640);
	if (fd < 0)
		return fd;
	/* Not posix_fallocate(3), which writes where the file system cannot allocate. */
	if (fallocate(fd, 0, 0, RESERVE_SIZE) < 0) {
		int r = -errno;

		(void)unlinkat(dirfd, RESERVE_NAME, 0);
		return r;
	}
	return 0;
}

bool reserve_release(int dirfd)
{
	return unlinkat(dirfd, RESERVE_NAME, 0) == 0;
}

bool reserve_helps(int r)
{
	return r == -ENOSPC || r == -EDQUOT;
}
