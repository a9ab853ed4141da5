/*
 * A whitelist, a line with "====", and then a message a line. Whatever the text: it is refused as
 * a whole, with a place in it, or judges every message without fault and by one of its own lines.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "text/whitelist.h"

#define MUST(condition)                                                                            \
	do {                                                                                       \
		if (!(condition))                                                                  \
			abort();                                                                   \
	} while (0)

#define SEPARATOR "\n====\n"

static unsigned count_lines(struct slice s)
{
	unsigned n = 1;

	for (size_t i = 0; i < s.n; i++)
		n += s.p[i] == '\n';
	return n;
}

static void check_verdict(const struct verdict *v, const struct login *login, unsigned lines)
{
	if (v->allowed) {
		MUST(!login->ambiguous);
		MUST(v->refusal == WHITELIST_REFUSAL_NONE);
		MUST(strcmp(v->file, "w") == 0 && v->line >= 1 && v->line <= lines);
		return;
	}
	MUST(!v->file && v->line == 0);
	MUST(!v->refusal_file == !v->refusal_line && v->refusal_line <= lines);
	MUST(!login->ambiguous || v->refusal == WHITELIST_REFUSAL_AMBIGUOUS);
}

static void judge(struct whitelist *w, struct slice message, unsigned lines)
{
	struct whitelist_query q = {.message = message, .host = SLICE_LITERAL("h"), .now_usec = 1};
	struct verdict v, again;
	struct login login;

	if (login_parse(message, &login) != LOGIN_ACCEPTED)
		return;
	q.login = &login;
	whitelist_judge(w, &q, &v);
	check_verdict(&v, &login, lines);
	whitelist_judge(w, &q, &again);
	MUST(v.allowed == again.allowed && v.line == again.line && v.refusal == again.refusal);
	login.ambiguous = true;
	whitelist_judge(w, &q, &v);
	check_verdict(&v, &login, lines);
}

static void check_warning(const struct error *what, void *userdata)
{
	const unsigned *lines = userdata;

	MUST(what->line >= 1 && what->line <= *lines && what->text[0]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice text = {(const char *)data, size}, messages = {NULL, 0};
	const char *separator = memmem(data, size, SEPARATOR, strlen(SEPARATOR));
	AUTO_WHITELIST struct whitelist *w = whitelist_new();
	struct error err = {.line = 0};
	unsigned lines;
	int r;

	MUST(w);
	if (separator) {
		text.n = (size_t)(separator - text.p);
		messages = (struct slice){separator + strlen(SEPARATOR),
					  size - text.n - strlen(SEPARATOR)};
	}
	lines = count_lines(text);
	r = whitelist_add(w, text, "w", &err);
	if (r == WHITELIST_E_SYNTAX) {
		MUST(strcmp(err.file, "w") == 0 && err.line >= 1 && err.line <= lines);
		MUST(err.column >= 1 && err.column <= text.n + 1 && err.text[0]);
		return 0;
	}
	MUST(r == 0 && whitelist_size(w) <= lines);
	MUST(whitelist_build(w) == 0);
	whitelist_warnings(w, 1, check_warning, &lines);
	while (messages.n > 0) {
		const char *end = memchr(messages.p, '\n', messages.n);
		size_t n = end ? (size_t)(end - messages.p) : messages.n;

		judge(w, (struct slice){messages.p, n}, lines);
		messages = slice_from(messages, end ? n + 1 : n);
	}
	return 0;
}
