/*
 * Compressed files in the chain: rotations that were compressed before they were read. Each is read
 * as a stream when its turn comes, from its begin, so that a place in it is found by going over
 * what is before it. Where it cannot be read whole a gap is told that names the file; what could be
 * read of it counts.
 */
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/timetext.h"
#include "source/logfile/segments.h"

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

void chain_begin_packed(struct chain *c)
{
	const struct segment *s = &c->queue[0];
	char before[LINES_BEFORE];
	size_t want = s->offset < sizeof(before) ? (size_t)s->offset : sizeof(before), n;

	unpack_start(&c->unpack, s->compression, s->fd, unpack_directories);
	unpack_skip(&c->unpack, s->offset - want);
	n = unpack_read(&c->unpack, before, want);
	if (n < want && c->unpack.fault == 0)
		c->unpack.fault = UNPACK_E_SHORT;
	buffer_clear(&c->before);
	(void)lines_last(before, n, &c->before);
	lines_begin(&c->lines, c->unpack.fd, s->offset);
	c->lines.piped = true;
}

bool chain_end_packed(struct chain *c)
{
	const struct segment *s = &c->queue[0];
	struct place p = {.ino = s->ino,
			  .fingerprint = place_head_hash(&s->head, s->head.n),
			  .offset = c->lines.offset};
	uint64_t from_usec = c->read_usec;
	char name[PATH_MAX], reason[512];
	int fault = unpack_end(&c->unpack);

	lines_finish(&c->lines);
	c->read_usec = chain_written_usec(c);
	if (fault == 0)
		return false;
	get_name(s->fd, c->path, name);
	describe(s->compression, fault, name, reason, sizeof(reason));
	chain_set_gap(c, &p, from_usec, from_usec > c->read_usec ? from_usec : c->read_usec,
		      reason);
	return true;
}

bool chain_has_unknown(const struct chain *c)
{
	for (size_t i = 0; i < c->n; i++)
		if (c->queue[i].unknown)
			return true;
	return false;
}

bool chain_is_short(const struct place_file *file, uint64_t n)
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
