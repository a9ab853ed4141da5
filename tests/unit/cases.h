/*
 * Reads tests/data/NAME.txt: blocks of "key: value" lines, divided by blank lines; lines that begin
 * with '#' are skipped. In a value "{c*N}" stands for N times the character c, "{0xHH}" for a byte.
 * Each block becomes a cmocka test of its own, named by its key "case".
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/io.h"
#include "base/number.h"
#include "base/slice.h"

#define CASE_LINES 24

struct case_line {
	char *key;
	struct buffer value;
	bool asked;
};

struct test_case {
	unsigned line;
	size_t n;
	struct case_line lines[CASE_LINES];
};

struct case_file {
	struct test_case *cases;
	size_t n;
};

/* Ends the program: a fault in a data file is the author's. */
static inline void case_fault(const char *name, unsigned line, const char *what)
{
	fprintf(stderr, "%s:%u: %s\n", name, line, what);
	exit(1);
}

static inline void case_expand(const char *name, unsigned line, struct slice s, struct buffer *ret)
{
	*ret = (struct buffer)BUFFER_INIT(1 << 20);
	for (size_t i = 0; i < s.n; i++) {
		const char *end = s.p[i] == '{' ? memchr(s.p + i, '}', s.n - i) : NULL;
		size_t n = end ? (size_t)(end - s.p) - i : 0;
		uint64_t v = 0;
		int r = 0;

		if (n == 5 && s.p[i + 1] == '0' && s.p[i + 2] == 'x' &&
		    number_parse_hex((struct slice){s.p + i + 3, 2}, 255, &v) == 0) {
			r = buffer_append_char(ret, (char)v);
			i += n;
		} else if (n > 3 && s.p[i + 2] == '*' &&
			   number_parse_u64((struct slice){s.p + i + 3, n - 3}, 1 << 20, &v) == 0) {
			while (v-- > 0 && r == 0)
				r = buffer_append_char(ret, s.p[i + 1]);
			i += n;
		} else {
			r = buffer_append_char(ret, s.p[i]);
		}
		if (r < 0)
			case_fault(name, line, "value too long");
	}
}

static inline void case_read(const char *name, struct case_file *ret)
{
	AUTO_BUFFER struct buffer text = BUFFER_INIT(16 << 20);
	struct test_case *c = NULL;
	char path[4096];
	unsigned line = 0;

	(void)snprintf(path, sizeof(path), "%s/%s", getenv("TEST_DATA"), name);
	if (io_read_file_at(AT_FDCWD, path, &text) < 0)
		case_fault(path, 0, "cannot be read");
	*ret = (struct case_file){NULL, 0};
	for (size_t at = 0, n; at < text.len; at += n + 1) {
		const char *begin = text.data + at, *colon;
		const char *end = memchr(begin, '\n', text.len - at);
		struct case_line *l;

		n = end ? (size_t)(end - begin) : text.len - at;
		line++;
		if (n == 0) {
			c = NULL;
			continue;
		}
		if (begin[0] == '#')
			continue;
		if (!c) {
			ret->cases = realloc(ret->cases, (ret->n + 1) * sizeof(*ret->cases));
			if (!ret->cases)
				case_fault(path, line, "out of memory");
			c = &ret->cases[ret->n++];
			memset(c, 0, sizeof(*c));
			c->line = line;
		}
		colon = memchr(begin, ':', n);
		if (!colon || c->n == CASE_LINES)
			case_fault(path, line, "no key, or too many");
		l = &c->lines[c->n++];
		l->key = strndup(begin, (size_t)(colon - begin));
		if (!l->key)
			case_fault(path, line, "out of memory");
		colon++;
		if (colon < begin + n && *colon == ' ')
			colon++;
		case_expand(path, line, (struct slice){colon, (size_t)(begin + n - colon)},
			    &l->value);
	}
}

/* The @nth value of @key; absent where there is none. */
static inline struct slice case_get(struct test_case *c, const char *key, size_t nth)
{
	for (size_t i = 0; i < c->n; i++) {
		if (strcmp(c->lines[i].key, key) == 0 && nth-- == 0) {
			c->lines[i].asked = true;
			return buffer_slice(&c->lines[i].value);
		}
	}
	return (struct slice){NULL, 0};
}

static inline bool case_is(struct test_case *c, const char *key, const char *value)
{
	return slice_eq_str(case_get(c, key, 0), value);
}

/* Fails where a key of the block was not asked for: it is misspelt, and would test nothing. */
static inline void case_assert_all_asked(const struct test_case *c)
{
	for (size_t i = 0; i < c->n; i++) {
		if (!c->lines[i].asked)
			fail_msg("line %u: key \"%s\" is not used", c->line, c->lines[i].key);
	}
}

static inline void case_assert_slice(const char *what, struct slice got, struct slice want)
{
	if (!!got.p == !!want.p && slice_eq(got, want))
		return;
	fail_msg("%s: got %s\"%.*s\", want %s\"%.*s\"", what, got.p ? "" : "(absent) ", (int)got.n,
		 got.p ? got.p : "", want.p ? "" : "(absent) ", (int)want.n, want.p ? want.p : "");
}

/* Runs @test for each block, with the block as its state, then @more. */
static inline int case_run(const char *group, const struct case_file *file, CMUnitTestFunction test,
			   const struct CMUnitTest *more, size_t n_more)
{
	AUTO_FREE struct CMUnitTest *tests = calloc(file->n + n_more, sizeof(*tests));

	if (!tests)
		return 1;
	for (size_t i = 0; i < file->n; i++) {
		struct slice name = case_get(&file->cases[i], "case", 0);

		if (!name.p)
			case_fault(group, file->cases[i].line, "block without a case:");
		tests[i].name = buffer_cstr(&file->cases[i].lines[0].value);
		tests[i].test_func = test;
		tests[i].initial_state = &file->cases[i];
	}
	if (n_more > 0)
		memcpy(tests + file->n, more, n_more * sizeof(*more));
	return _cmocka_run_group_tests(group, tests, file->n + n_more, NULL, NULL);
}

static inline void case_free(struct case_file *file)
{
	for (size_t i = 0; i < file->n; i++) {
		for (size_t k = 0; k < file->cases[i].n; k++) {
			free(file->cases[i].lines[k].key);
			buffer_done(&file->cases[i].lines[k].value);
		}
	}
	free(file->cases);
	*file = (struct case_file){NULL, 0};
}
