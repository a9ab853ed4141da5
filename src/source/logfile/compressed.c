/*
 * Each compressed segment is read as a stream when its turn comes. If it cannot be read to its end,
 * a gap names the file; the records before that count.
 */
#include "source/logfile/compressed.h"

#include <stdio.h>
#include <string.h>

#include "base/timetext.h"

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
			       "%.300s was not read: %s is not installed or must not be executed",
			       name, program);
	else if (fault == UNPACK_E_DAMAGED)
		(void)snprintf(
			ret, size,
			"%.300s was not read to its end: %s reports that it is damaged or ends "
			"too early",
			name, program);
	else if (fault == UNPACK_E_SHORT)
		(void)snprintf(ret, size, "%.300s holds less than was read of it before", name);
	else
		(void)snprintf(ret, size, "%.300s was not read: %s cannot be run: %s", name,
			       program, strerror(-fault));
}

bool compressed_end(struct segments *s)
{
	const struct segment *first = &s->queue[0];
	struct file_id id = segments_first_id(s);
	uint64_t from_usec = s->read_usec;
	char name[FILE_NAME_SIZE], reason[512];
	int fault = unpack_end(&s->unpack);

	lines_finish(&s->lines);
	s->read_usec = segments_written_usec(s);
	if (fault == 0)
		return false;
	file_name(first->fd, name);
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
