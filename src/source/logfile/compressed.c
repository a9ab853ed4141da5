/*
 * Each compressed segment is read as a stream when its turn comes. If it cannot be read to its end,
 * a gap names the file; the records before that count.
 */
#include "source/logfile/compressed.h"

#include <stdio.h>
#include <string.h>

#include "base/timetext.h"

const char *compressed_why(enum compression compression, int fault, char storage[COMPRESSED_WHY])
{
	const char *program = unpack_program(compression);

	if (!program)
		return "it is compressed, and neither by gzip nor by xz nor by zstd";
	if (fault == UNPACK_E_SHORT)
		return "it holds less than was read of it before";
	(void)snprintf(storage, COMPRESSED_WHY, "%s %s%s", program,
		       fault == UNPACK_E_MISSING   ? "is not installed or must not be executed"
		       : fault == UNPACK_E_DAMAGED ? "reports that it is damaged or ends too early"
						   : "cannot be run: ",
		       fault < 0 ? strerror(-fault) : "");
	return storage;
}

bool compressed_end(struct segments *s)
{
	const struct segment *first = &s->queue[0];
	struct file_id id = segments_first_id(s);
	uint64_t from_usec = s->read_usec, to_usec = segments_written_usec(s);
	char name[FILE_NAME_SIZE], storage[COMPRESSED_WHY];
	int fault = unpack_end(&s->unpack);

	s->lines.only_buffered = true;
	s->read_usec = to_usec;
	if (fault == 0)
		return false;
	file_name(first->fd, name);
	segments_add_gap(s, &id, from_usec, from_usec > to_usec ? from_usec : to_usec,
			 "%s was not read%s: %s", name,
			 fault == UNPACK_E_DAMAGED || fault == UNPACK_E_SHORT ? " to its end" : "",
			 compressed_why(first->compression, fault, storage));
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
