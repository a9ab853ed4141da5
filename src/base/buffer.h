/*
 * The one growable byte buffer. Its maximum is mandatory, so that input from outside cannot make it
 * grow without bound.
 */
#pragma once

#include <stdarg.h>
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

#define BUFFER_INIT(maximum)                                                                       \
	{                                                                                          \
		NULL, 0, 0, (maximum)                                                              \
	}

/* Frees the content; the buffer may be used again. */
void buffer_done(struct buffer *b);
#define AUTO_BUFFER CLEANUP(buffer_done)

/*
 * Each of these appends. -ENOMEM; -E2BIG beyond the maximum; then the buffer is unchanged.
 * buffer_reserve() makes room for @n more bytes at data + len.
 */
int buffer_reserve(struct buffer *b, size_t n);
static inline int buffer_append(struct buffer *b, const void *p, size_t n);
static inline int buffer_append_slice(struct buffer *b, struct slice s);
static inline int buffer_append_str(struct buffer *b, const char *s);
static inline int buffer_append_char(struct buffer *b, char c);
int buffer_append_u64(struct buffer *b, uint64_t v);
int buffer_vprintf(struct buffer *b, const char *format, va_list ap)
	__attribute__((format(printf, 2, 0)));
int buffer_printf(struct buffer *b, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The content with a NUL after it, which len does not count; NULL when out of memory. */
char *buffer_cstr(struct buffer *b);

static inline int buffer_append(struct buffer *b, const void *p, size_t n)
{
	int r = 0;

	if (n == 0)
		return 0;
	if (n > b->max - b->len || n > b->cap - b->len)
		r = buffer_reserve(b, n);
	if (r < 0)
		return r;
	memcpy(b->data + b->len, p, n);
	b->len += n;
	return 0;
}

static inline int buffer_append_slice(struct buffer *b, struct slice s)
{
	return buffer_append(b, s.p, s.n);
}

static inline int buffer_append_str(struct buffer *b, const char *s)
{
	return buffer_append(b, s, strlen(s));
}

static inline int buffer_append_char(struct buffer *b, char c)
{
	return buffer_append(b, &c, 1);
}

static inline void buffer_clear(struct buffer *b)
{
	b->len = 0;
}

static inline struct slice buffer_slice(const struct buffer *b)
{
	return (struct slice){b->data ? b->data : "", b->len};
}
