/*
 * The one growable byte buffer. Its maximum is mandatory, so that nothing that is fed from outside
 * grows without bound.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/slice.h"

struct buffer {
	char *data; /* owned; may be NULL while len is 0 */
	size_t len;
	size_t cap;
	size_t max; /* len never exceeds it */
};

#define BUFFER_INIT(maximum) {NULL, 0, 0, (maximum)}

/* Frees what the buffer holds; it may be used again. */
void buffer_done(struct buffer *b);
#define AUTO_BUFFER CLEANUP(buffer_done)

/*
 * Each appends, or leaves the buffer as it was and gives -ENOMEM, or -E2BIG beyond the maximum.
 * buffer_reserve() makes room for @n more bytes at data + len.
 */
int buffer_reserve(struct buffer *b, size_t n);
int buffer_append(struct buffer *b, const void *p, size_t n);
int buffer_append_slice(struct buffer *b, struct slice s);
int buffer_append_str(struct buffer *b, const char *s);
int buffer_append_char(struct buffer *b, char c);
int buffer_printf(struct buffer *b, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Puts a NUL behind the content (not counted in len) and gives it; NULL when out of memory. */
char *buffer_cstr(struct buffer *b);

static inline void buffer_clear(struct buffer *b)
{
	b->len = 0;
}

static inline struct slice buffer_slice(const struct buffer *b)
{
	return (struct slice){b->data ? b->data : "", b->len};
}
