/*
 * Each compressed segment is read as a stream when its turn comes. If it cannot be read to its end,
 * a gap names the file; the records before that count.
 */
#include "source/logfile/compressed.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/timetext.h"

/* The name that the file has now. */
static void get_name(int fd, const char *otherwise, char ret[PATH_MAX])
{
	char link[32];
	ssize_t n;

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, ret, PATH_MAX - 1);
	if (n > 0)
		ret[n] = '\0';
	else
		(void)snprintf(ret, PATH_MAX, "a rotation of %s", otherwise);
}

static void describe(enum compression compression, int fault, const char *name, char *ret,
		     size_t size)
{
	const char *program = unpack_program(compression);

	if (!program)
		(void)snprintf(ret, size,
			       "%.300s was not read: it is compressed, and neither by gzip nor by "
			       "xz nor by zstd",
			       name);
	else if (fault == UNPACK_E_MISSING)
		(void)snprintf(ret, size,
			       "%.300s was not read: %s is not installed, or may not be run", name,
			       program);
	else if (fault == UNPACK_E_DAMAGED)
		(void)snprintf(ret, size,
			       "%.300s was not read to its end: %s says that it is damaged or ends "
			       "too early",
			       name, program);
	else if (fault == UNPACK_E_SHORT)
		(void)snprintf(ret, size, "%.300s holds less than was read of it before", name);
	else
		(void)snprintf(ret, size, "%.300s was not read: %s cannot be run: %s", name,
			       program, strerror(-fault));
}

bool compressed_end(struct segments *s, const struct path *path)
{
	const struct segment *first = &s->queue[0];
	struct file_id id = segments_first_id(s);
	uint64_t from_usec = s->read_usec;
	char name[PATH_MAX], reason[512];
	int fault = unpack_end(&s->unpack);

	lines_finish(&s->lines);
	s->read_usec = segments_written_usec(s);
	if (fault == 0)
		return false;
	get_name(first->fd, path->name, name);
	describe(first->compression, fault, name, reason, sizeof(reason));
	segments_add_gap(s, &id, from_usec, from_usec > s->read_usec ? from_usec : s->read_usec,
			 reason);
	return true;
}

bool compressed_have_unknown(const struct segments *s)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->queue[i].unknown)
			return true;
	return false;
}

bool compressed_is_short(const struct open_file *file, uint64_t n)
{
	struct unpack u = UNPACK_INIT;
	bool is;

	if (file->compression == COMPRESSION_NONE)
		return false;
	unpack_start(&u, file->compression, file->fd, unpack_directories);
	unpack_skip(&u, n);
	is = u.fault == UNPACK_E_SHORT && unpack_end(&u) == UNPACK_E_SHORT;
	unpack_stop(&u);
	return is;
}
