/* The lines of a file, or of a pipe, that may report a login. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/slice.h"

#define LINES_BLOCK	 262144	 /* bytes read at once, ... */
#define LINES_BLOCK_ONCE 1048576 /* ... and if the file is not followed and memory not kept */
#define LINES_LONGEST	 65536	 /* bytes of a line that are kept */

struct line {
	struct slice text;   /* without its newline, and without NULs at its beginning */
	const char *needle;  /* the first word in it that a login contains; NULL: none */
	uint64_t offset;     /* of text in the file */
	uint64_t end_offset; /* after its newline */
	bool cut;	     /* it was longer than LINES_LONGEST */
};

struct lines {
	int fd;		 /* the caller's; -1: none */
	bool no_offsets; /* of a pipe or the like: what was read cannot be found again */
	bool no_seek;	 /* @fd is the pipe of a program that unpacks; offsets are of its output */
	bool poll_first; /* without data a read would block */
	bool at_end;	 /* the last read reached the end */
	bool only_buffered; /* set by the caller: nothing more is read */
	uint64_t reads;	    /* counts reads that returned bytes */
	uint64_t offset;    /* of data[start] in the file: everything before it was searched */

	char *data; /* owned; block + LINES_LONGEST bytes */
	size_t block;
	size_t start, complete, end; /* whole lines, then the beginning of one */
	size_t hit;		     /* the first needle from start on; before start: unknown */
	size_t fresh; /* bytes after end that were just read, and are not searched yet */
	uint64_t read_offset;
	uint64_t skipped; /* bytes of the line at start that were not kept */
};

#define LINES_READ 2

enum lines_want {
	LINES_CANDIDATES, /* lines with a needle */
	LINES_ANY,	  /* the next line, whatever it contains */
};

/* @block: LINES_BLOCK or LINES_BLOCK_ONCE; less in tests. 0 or -ENOMEM. */
int lines_init(struct lines *l, size_t block);
void lines_done(struct lines *l);

/* Begins to read @fd at @offset, and drops what was read of another. */
void lines_begin(struct lines *l, int fd, uint64_t offset);

/* The bytes of the last LINES_READ, and their offset in the file. */
struct slice lines_fresh(const struct lines *l, uint64_t *ret_offset);

/* Drops these bytes, as if they had not been read. */
void lines_unread(struct lines *l);

#define LINES_BEFORE                                                                               \
	(LINES_LONGEST + 2) /* bytes that surely contain the whole last line of them               \
			     */

/* Appends the last line of @data, without its newline; nothing if it is too long. -ENOMEM. */
int lines_last(const char *data, size_t n, struct buffer *ret);

/* Appends the line that ends at @offset of @fd. -errno. */
int lines_before(int fd, uint64_t offset, struct buffer *ret);

/*
 * The next line: 1, and *ret lives until the next call. LINES_READ: bytes were read, and the next
 * call searches them. 0: none now. -errno of read(2). With @last, an unfinished line at the end of
 * the file counts, but only if it has a needle: otherwise its end, with a needle, may still come.
 */
int lines_next(struct lines *l, enum lines_want want, bool last, struct line *ret);
