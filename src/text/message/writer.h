/*
 * Text of many small parts in a buffer: after the first error the functions do nothing, so that it
 * is checked once, at the end.
 */
#pragma once

#include <stdint.h>

#include "base/buffer.h"
#include "base/slice.h"

struct writer {
	struct buffer *to;
	int error; /* 0, -ENOMEM, -E2BIG */
};

void writer_slice(struct writer *w, struct slice s);
void writer_str(struct writer *w, const char *s);
void writer_format(struct writer *w, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Writes @s by display_append(), cut with "..." after about @limit bytes. */
void writer_shown(struct writer *w, struct slice s, size_t limit);

/* Writes @s like that, with @before and @after around it. */
void writer_around(struct writer *w, const char *before, struct slice s, size_t limit,
		   const char *after);

/* Writes "1 user", "2 users": @singular, with an "s" for any other number than 1. */
void writer_count(struct writer *w, uint64_t n, const char *singular);
