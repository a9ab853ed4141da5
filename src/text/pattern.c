/*
 * PCRE2 applies its limits to each position at which a match may begin, so the caller must bound
 * the text. Working memory is shared, since the interpreter never shrinks it. If the stack of
 * just-in-time code (32 KiB) is too small, the interpreter tries within the limits.
 */
#define PCRE2_CODE_UNIT_WIDTH 8

#include "text/pattern.h"

#include <errno.h>
#include <pcre2.h>
#include <stdlib.h>

#define EXPRESSION_MAX 65535  /* bytes */
#define MATCH_LIMIT    100000 /* PCRE2's default is 10 million: seconds for one message */
#define DEPTH_LIMIT    10000
#define HEAP_LIMIT_KIB 1024

struct pattern_memory {
	pcre2_match_context *context;
	pcre2_match_data *data;
};

struct pattern_memory *pattern_memory_new(void)
{
	struct pattern_memory *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	m->context = pcre2_match_context_create(NULL);
	m->data = pcre2_match_data_create(1, NULL);
	if (!m->context || !m->data)
		return pattern_memory_free(m);
	(void)pcre2_set_match_limit(m->context, MATCH_LIMIT);
	(void)pcre2_set_depth_limit(m->context, DEPTH_LIMIT);
	(void)pcre2_set_heap_limit(m->context, HEAP_LIMIT_KIB);
	return m;
}

struct pattern_memory *pattern_memory_free(struct pattern_memory *m)
{
	if (!m)
		return NULL;
	pcre2_match_context_free(m->context);
	pcre2_match_data_free(m->data);
	free(m);
	return NULL;
}

/* A struct pattern is never defined: it is PCRE2's code under the module's name. */
static const pcre2_code *code_of(const struct pattern *p)
{
	return (const pcre2_code *)p;
}

int pattern_new(struct slice expression, struct pattern **ret, struct error *err)
{
	pcre2_code *code;
	PCRE2_SIZE at;
	int number;

	if (expression.n > EXPRESSION_MAX) {
		error_set(err, NULL, 0, EXPRESSION_MAX + 1,
			  "the expression is longer than %d bytes", EXPRESSION_MAX);
		return PATTERN_E_SYNTAX;
	}
	code = pcre2_compile((PCRE2_SPTR)expression.p, expression.n, PCRE2_NEVER_UTF, &number, &at,
			     NULL);
	if (!code) {
		PCRE2_UCHAR text[256];

		if (number == PCRE2_ERROR_HEAP_FAILED)
			return -ENOMEM;
		if (pcre2_get_error_message(number, text, sizeof(text)) < 0)
			text[0] = '\0';
		error_set(err, NULL, 0, (unsigned)at + 1, "%s", (const char *)text);
		return PATTERN_E_SYNTAX;
	}
	/* Refused without executable memory, and by builds without it: pcre2_match() interprets. */
	(void)pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);
	*ret = (struct pattern *)code;
	return 0;
}

struct pattern *pattern_free(struct pattern *p)
{
	pcre2_code_free((pcre2_code *)p);
	return NULL;
}

enum pattern_answer pattern_search(const struct pattern *p, struct pattern_memory *m,
				   struct slice text)
{
	PCRE2_SPTR subject = (PCRE2_SPTR)(text.p ? text.p : "");
	int r;

	r = pcre2_match(code_of(p), subject, text.n, 0, 0, m->data, m->context);
	if (r == PCRE2_ERROR_JIT_STACKLIMIT || r == PCRE2_ERROR_JIT_BADOPTION)
		r = pcre2_match(code_of(p), subject, text.n, 0, PCRE2_NO_JIT, m->data, m->context);
	if (r >= 0)
		return PATTERN_FOUND;
	return r == PCRE2_ERROR_NOMATCH ? PATTERN_ABSENT : PATTERN_FAILED;
}
