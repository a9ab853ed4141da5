/* Cuts the lines that may report a login out of a file, or of a pipe. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/slice.h"

#define LINES_BLOCK	 262144	 /* bytes read at once ... */
#define LINES_BLOCK_ONCE 1048576 /* ... and by who ends with the file, and keeps no memory */
#define LINES_LONGEST	 65536	 /* bytes of a line that are kept */

struct line {
	struct slice text;   /* without its newline, and without NULs at its begin */
	const char *needle;  /* the first word in it that a login holds; NULL: none */
	uint64_t offset;     /* of text in the file */
	uint64_t end_offset; /* behind its newline */
	bool cut;	     /* longer than LINES_LONGEST: the rest is left out */
};

struct lines {
	int fd;		 /* the caller's; -1: none */
	bool stream;	 /* a pipe or the like: no offsets */
	bool piped;	 /* read in order from @fd, with offsets */
	bool wait;	 /* of a stream: where nothing is there yet, do not wait for it */
	bool ended;	 /* the last read met the end */
	bool finished;	 /* nothing more is read */
	uint64_t reads;	 /* counts reads that gave something */
	uint64_t offset; /* of data[start] in the file: behind all that was gone over */

	char *data; /* owned; block + LINES_LONGEST bytes */
	size_t block;
	size_t start, complete, end; /* whole lines, then the begin of one */
	size_t hit;   /* the first needle at or behind start, or before it: not known */
	size_t fresh; /* bytes behind end that were read last, and are not gone over yet */
	uint64_t read_offset;
	uint64_t skipped; /* bytes left out of the line at start */
};

#define LINES_READ 2

enum lines_want {
	LINES_CANDIDATES, /* lines with a needle */
	LINES_ANY,	  /* the next line, whatever it holds */
};

/* @block: LINES_BLOCK or LINES_BLOCK_ONCE, less in tests. 0 or -ENOMEM. */
int lines_init(struct lines *l, size_t block);
void lines_done(struct lines *l);

/* Begins to read @fd at @offset, and forgets what was read of another. */
void lines_begin(struct lines *l, int fd, uint64_t offset);

/* Reads no more: only what is in the buffer is left. */
void lines_finish(struct lines *l);

/* The bytes of the last LINES_READ, and where in the file they are. */
struct slice lines_fresh(const struct lines *l, uint64_t *ret_offset);

/* Has not read them. */
void lines_unread(struct lines *l);

#define LINES_BEFORE (LINES_LONGEST + 2) /* bytes that tell how the last line of them begins */

/* Appends the last line of @data, without its newline; nothing where it is too long. -ENOMEM. */
int lines_last(const char *data, size_t n, struct buffer *ret);

/* Appends the line that ends at @offset of @fd. -errno. */
int lines_before(int fd, uint64_t offset, struct buffer *ret);

/*
 * The next line: 1, and *ret lives until the next call; LINES_READ where more bytes were read,
 * which the next call goes over; 0 where there is none now; -errno of read(2). With @last the line
 * that is not finished at the end of the file is taken too, but only if it holds a needle:
 * otherwise its end may still come, and with it one.
 */
int lines_next(struct lines *l, enum lines_want want, bool last, struct line *ret);
