/*
 * Bytes that somebody else owns. Text from outside is a slice: any byte may occur, and no NUL
 * follows. An absent value has p == NULL; an empty one has p != NULL and n == 0.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

#include "base/ascii.h"

struct slice {
	const char *p;
	size_t n;
};

#define SLICE_LITERAL(s) ((struct slice){(s), sizeof(s) - 1})

static inline struct slice slice_of(const char *s)
{
	return (struct slice){s, s ? strlen(s) : 0};
}

static inline bool slice_eq(struct slice a, struct slice b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static inline bool slice_eq_str(struct slice a, const char *s)
{
	return slice_eq(a, slice_of(s));
}

/* Whether they differ in the case of letters at most. */
static inline bool slice_eq_nocase(struct slice a, struct slice b)
{
	return a.n == b.n && (a.n == 0 || strncasecmp(a.p, b.p, a.n) == 0);
}

static inline bool slice_starts_with(struct slice a, const char *prefix)
{
	size_t n = strlen(prefix);

	return a.n >= n && memcmp(a.p, prefix, n) == 0;
}

/* @a without its first @n bytes; @n must not exceed a.n. */
static inline struct slice slice_from(struct slice a, size_t n)
{
	return (struct slice){a.p + n, a.n - n};
}

/* Removes @literal from the beginning of @s, if @s starts with it. */
static inline bool slice_skip(struct slice *s, const char *literal)
{
	if (!slice_starts_with(*s, literal))
		return false;
	*s = slice_from(*s, strlen(literal));
	return true;
}

/* The same at the end of @s. */
static inline bool slice_skip_end(struct slice *s, const char *literal)
{
	size_t n = strlen(literal);

	if (s->n < n || memcmp(s->p + s->n - n, literal, n) != 0)
		return false;
	s->n -= n;
	return true;
}

/* @s without blanks and tabs at both ends. */
static inline struct slice slice_trim(struct slice s)
{
	while (s.n > 0 && ascii_is_blank(s.p[0]))
		s = slice_from(s, 1);
	while (s.n > 0 && ascii_is_blank(s.p[s.n - 1]))
		s.n--;
	return s;
}

/* The digits that @s begins with. */
static inline struct slice slice_digits(struct slice s)
{
	size_t n = 0;

	while (n < s.n && ascii_is_digit(s.p[n]))
		n++;
	return (struct slice){s.p, n};
}

/* Removes the first word from @s, with the blank after it, and returns the word. */
static inline struct slice slice_cut_word(struct slice *s)
{
	const char *blank = s->n > 0 ? memchr(s->p, ' ', s->n) : NULL;
	struct slice word = {s->p, blank ? (size_t)(blank - s->p) : s->n};

	*s = slice_from(*s, blank ? word.n + 1 : word.n);
	return word;
}

/* Removes the first line from @s and returns it without its LF or CRLF. */
static inline struct slice slice_cut_line(struct slice *s)
{
	const char *newline = s->n > 0 ? memchr(s->p, '\n', s->n) : NULL;
	struct slice line = {s->p, newline ? (size_t)(newline - s->p) : s->n};

	*s = slice_from(*s, line.n + (newline != NULL));
	if (line.n > 0 && line.p[line.n - 1] == '\r')
		line.n--;
	return line;
}
