/*
 * Growth doubles, so that appending is linear. One byte above the maximum is always allowed in the
 * capacity: the NUL of buffer_cstr().
 */
#include "base/buffer.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/number.h"

void buffer_done(struct buffer *b)
{
	free(b->data);
	b->data = NULL;
	b->len = b->cap = 0;
}

static int reserve(struct buffer *b, size_t n)
{
	size_t want, cap;
	char *data;

	if (n <= b->cap - b->len)
		return 0;
	want = b->len + n;
	cap = b->cap < 128 ? 128 : b->cap;
	while (cap < want)
		cap *= 2;
	data = realloc(b->data, cap);
	if (!data)
		return -ENOMEM;
	b->data = data;
	b->cap = cap;
	return 0;
}

int buffer_reserve(struct buffer *b, size_t n)
{
	if (n > b->max - b->len)
		return -E2BIG;
	return reserve(b, n);
}

int buffer_append_u64(struct buffer *b, uint64_t v)
{
	char digits[NUMBER_U64_MAX];

	return buffer_append(b, digits, (size_t)(number_put_u64(digits, v) - digits));
}

int buffer_vprintf(struct buffer *b, const char *format, va_list ap)
{
	va_list again;
	int n, r;

	va_copy(again, ap);
	n = vsnprintf(NULL, 0, format, again);
	va_end(again);
	if (n < 0)
		return -EINVAL;
	if ((size_t)n > b->max - b->len)
		return -E2BIG;
	r = reserve(b, (size_t)n + 1);
	if (r < 0)
		return r;
	(void)vsnprintf(b->data + b->len, (size_t)n + 1, format, ap);
	b->len += (size_t)n;
	return 0;
}

int buffer_printf(struct buffer *b, const char *format, ...)
{
	va_list ap;
	int r;

	va_start(ap, format);
	r = buffer_vprintf(b, format, ap);
	va_end(ap);
	return r;
}

char *buffer_cstr(struct buffer *b)
{
	if (reserve(b, 1) < 0)
		return NULL;
	b->data[b->len] = '\0';
	return b->data;
}
