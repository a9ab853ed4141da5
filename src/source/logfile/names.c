/* Rotation appends something to the name of the log file, or inserts it before the ending. */
#include "source/logfile/names.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/number.h"

#define NUMBER_MAX 99999 /* a date has more digits */

/* What rotation added, with its separator; NULL: it is no rotation. */
static const char *suffix_of(const char *name, const char *base)
{
	const char *dot = strrchr(base, '.'), *suffix = NULL;
	size_t n = strlen(base), stem = dot && dot > base ? (size_t)(dot - base) : n;

	if (strncmp(name, base, n) == 0)
		suffix = name + n;
	else if (stem < n && strncmp(name, base, stem) == 0 && strstr(name + stem, base + stem))
		suffix = name + stem;
	return suffix && *suffix && strchr(".-_", *suffix) ? suffix : NULL;
}

bool names_is_rotation(const char *name, const char *base)
{
	return suffix_of(name, base) != NULL;
}

unsigned names_number(const char *name, const char *base)
{
	const char *suffix = suffix_of(name, base);
	struct slice digits = {suffix ? suffix + 1 : "", 0};
	uint64_t number;

	digits.n = strspn(digits.p, "0123456789");
	return number_parse_u64(digits, NUMBER_MAX, &number) == 0 ? (unsigned)number : 0;
}

static int open_name(DIR *dir, const char *name, struct open_file *ret)
{
	AUTO_CLOSE int fd = -1;
	struct stat st;

	if (fstatat(dirfd(dir), name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	fd = openat(dirfd(dir), name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | O_NOFOLLOW);
	if (fd < 0 || fstat(fd, &ret->st) < 0)
		return -errno;
	ret->compression = compression_of(fd, name);
	ret->fd = steal_fd(&fd);
	return 0;
}

int names_open(DIR *dir, const struct dirent *e, struct open_file *ret, bool *ret_changed)
{
	int r = open_name(dir, e->d_name, ret);

	*ret_changed |= r == -ENOENT || (r == 0 && ret->st.st_ino != e->d_ino);
	return r;
}

/*
 * Whether the file that a compressed one is made from still exists. The log itself is none, and a
 * file of that name may be another one.
 */
static bool has_source(DIR *dir, const char *name, const char *base, const struct open_file *file)
{
	const char *dot = strrchr(name, '.');
	struct open_file source;
	struct file_head head;
	char source_name[NAME_MAX + 1];
	bool r;

	if (!dot)
		return false;
	(void)snprintf(source_name, sizeof(source_name), "%.*s", (int)(dot - name), name);
	if (strcmp(source_name, base) == 0 || open_name(dir, source_name, &source) < 0)
		return false;
	r = source.compression == COMPRESSION_NONE && file_head_read(source.fd, &head) == 0 &&
	    file_head_grew(&file->head, &head);
	(void)close(source.fd);
	return r;
}

bool names_unpack(DIR *dir, const char *name, const char *base, struct open_file *file)
{
	if (file->compression == COMPRESSION_NONE)
		return true;
	file_unpack_head(file);
	if (has_source(dir, name, base, file))
		return false;
	/* Now it is complete; before, it may not have been. */
	if (file->fault != 0)
		file_unpack_head(file);
	return true;
}
