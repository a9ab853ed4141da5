/*
 * PCRE2 expressions over log messages: bytes, never UTF-8; compiled just in time if the kernel
 * allows it (not under MemoryDenyWriteExecute=), else interpreted; bounded in time and memory.
 */
#pragma once

#include "base/error.h"
#include "base/slice.h"

struct pattern;
struct pattern_memory;

enum pattern_e {
	PATTERN_E_SYNTAX = 1, /* *err has column and reason; the caller adds file and line */
};

enum pattern_answer {
	PATTERN_ABSENT = 0,
	PATTERN_FOUND = 1,
	PATTERN_FAILED = 2, /* a limit was reached: neither found nor absent */
};

/* Limits and working memory, which searches share. NULL when out of memory. */
struct pattern_memory *pattern_memory_new(void);
struct pattern_memory *pattern_memory_free(struct pattern_memory *m);

/*
 * Compiles @expression. On 0, *ret is owned by the caller (pattern_free(), which accepts NULL and
 * returns NULL). PATTERN_E_SYNTAX, -ENOMEM.
 */
int pattern_new(struct slice expression, struct pattern **ret, struct error *err);
struct pattern *pattern_free(struct pattern *p);

/* Whether @p is found anywhere in @text. One @m serves one thread at a time. */
enum pattern_answer pattern_search(const struct pattern *p, struct pattern_memory *m,
				   struct slice text);
