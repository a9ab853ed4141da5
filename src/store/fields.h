/*
 * The one text form of state files and of the ledger's blocks: lines "KEY=value". The first one
 * names the file and its version; values are escaped to one line (alert_escape()); the last line,
 * "CRC=xxxxxxxx", covers all lines before it. Of unknown keys readers know nothing, and skip them.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/hash.h"
#include "base/slice.h"

#define FIELDS_CRC_KEY	"CRC="
#define FIELDS_CRC_LINE 12 /* bytes of the last line, without its newline */

/* ---- writing ---- */

/* Appends a block to a buffer. The first failure sticks, until fields_end() returns it. */
struct fields_writer {
	struct buffer *to; /* not owned */
	size_t begin;
	struct buffer value; /* before it is escaped */
	int r;
};

/* @magic is the first line. */
void fields_begin(struct fields_writer *w, struct buffer *to, const char *magic);
void fields_add(struct fields_writer *w, const char *key, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* Appends the CRC's line. 0; -ENOMEM, -E2BIG: the buffer is as before fields_begin(). */
int fields_end(struct fields_writer *w);

/* The CRC's line of what @to holds from @begin on. -ENOMEM, -E2BIG. */
int fields_add_crc(struct buffer *to, size_t begin);

/* ---- reading ---- */

struct fields_reader {
	struct slice rest;
	struct slice line; /* the one that fields_next() returned, with its escapes */
	unsigned number;   /* of that line, from 1 */
	struct buffer value;
};

enum fields_e {
	FIELDS_E_OTHER = 1,   /* not a block of this kind and version */
	FIELDS_E_DAMAGED = 2, /* its checksum is missing or wrong */
};

/*
 * Checks the block that @text begins with, which must outlive the reader. *ret_rest (may be NULL:
 * there must be none) is what follows it. 0; FIELDS_E_*. fields_close() in any case.
 */
int fields_open(struct fields_reader *r, struct slice text, const char *magic,
		struct slice *ret_rest);
void fields_close(struct fields_reader *r);
#define AUTO_FIELDS CLEANUP(fields_close)

/* The next field: 1, and both live until the next call; 0 at the end; -EINVAL; -ENOMEM. */
int fields_next(struct fields_reader *r, struct slice *key, struct slice *value);

/* The value, with its escapes, of the first line of @text that has this key; absent if none has. */
struct slice fields_find(struct slice text, const char *key);

/* Whether a line is that of a CRC, which *ret then is. */
bool fields_is_crc(struct slice line, uint32_t *ret);

/* ---- words of a value; each is cut off @value. 0; -EINVAL, -ERANGE ---- */

int fields_numbers(struct slice *value, size_t n, uint64_t *const ret[]);
int fields_hash(struct slice *value, struct hash128 *ret);
/* A word that is one of @n names. */
int fields_name(struct slice *value, const char *const names[], unsigned n, unsigned *ret);

/* The whole value as a string. -EINVAL: it has a NUL, or is longer than @size - 1. */
int fields_string(struct slice value, char *ret, size_t size);
