/*
 * Prose into a buffer: the first error sticks, and what follows does nothing, so that a text of
 * many small parts is checked once, at its end.
 */
#pragma once

#include <stdint.h>

#include "base/buffer.h"
#include "base/slice.h"

struct writer {
	struct buffer *to;
	int error; /* 0, -ENOMEM, -E2BIG */
};

void writer_str(struct writer *w, const char *s);
void writer_format(struct writer *w, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Writes @s by display_append(); beyond about @limit bytes of what that gives, "..." stands. */
void writer_shown(struct writer *w, struct slice s, size_t limit);

/* Writes "1 user", "2 users": @singular, with an "s" for any other number than 1. */
void writer_count(struct writer *w, uint64_t n, const char *singular);
