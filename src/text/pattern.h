/*
 * PCRE2 expressions over log messages: bytes, never UTF-8; compiled just in time where the kernel
 * allows it (not under MemoryDenyWriteExecute=), interpreted elsewhere; bounded in time and memory.
 */
#pragma once

#include "base/error.h"
#include "base/slice.h"

struct pattern;
struct pattern_memory;

enum pattern_e {
	PATTERN_E_SYNTAX = 1, /* *err has column and reason; file and line are the caller's */
};

enum pattern_answer {
	PATTERN_ABSENT = 0,
	PATTERN_FOUND = 1,
	PATTERN_FAILED = 2, /* a limit was reached: neither found nor absent */
};

/* What searches share: limits and working memory. NULL when out of memory. */
struct pattern_memory *pattern_memory_new(void);
struct pattern_memory *pattern_memory_free(struct pattern_memory *m);

/*
 * Compiles @expression. On 0, *ret is owned by the caller (pattern_free(), which takes NULL and
 * gives it). PATTERN_E_SYNTAX, -ENOMEM.
 */
int pattern_new(struct slice expression, struct pattern **ret, struct error *err);
struct pattern *pattern_free(struct pattern *p);

/* Whether @p is found anywhere in @text. Not to be called with one @m by two threads at a time. */
enum pattern_answer pattern_search(const struct pattern *p, struct pattern_memory *m,
				   struct slice text);
