/*
 * One scanner cuts a template into pieces, each text or a variable. Checking and expanding both use
 * it, so that they cannot disagree. template_expand() copies what template_check() rejects.
 */
#include "text/message/template.h"

enum piece_kind { PIECE_TEXT, PIECE_VARIABLE, PIECE_UNKNOWN };

struct piece {
	enum piece_kind kind;
	enum template_variable variable; /* of PIECE_VARIABLE */
	struct slice text;		 /* its expansion; of PIECE_UNKNOWN as written */
	size_t length;			 /* in the template */
};

static const char *const names[TEMPLATE_VARIABLES] = {
	[TEMPLATE_USER] = "user",     [TEMPLATE_ADDR] = "addr",	      [TEMPLATE_PORT] = "port",
	[TEMPLATE_METHOD] = "method", [TEMPLATE_HOST] = "host",	      [TEMPLATE_TIME] = "time",
	[TEMPLATE_KEY] = "key",	      [TEMPLATE_MESSAGE] = "message", [TEMPLATE_COUNT] = "count",
	[TEMPLATE_EVENT] = "event",
};

static bool lookup(struct slice name, enum template_variable *ret)
{
	for (size_t i = 0; i < TEMPLATE_VARIABLES; i++)
		if (slice_eq_str(name, names[i])) {
			*ret = (enum template_variable)i;
			return true;
		}
	return false;
}

/* @s begins with "${". An unclosed one ends with its line. */
static void scan_variable(struct slice s, struct piece *ret)
{
	size_t n = 2;

	while (n < s.n && s.p[n] != '}' && s.p[n] != '\n')
		n++;
	ret->kind = PIECE_UNKNOWN;
	if (n < s.n && s.p[n] == '}') {
		if (lookup((struct slice){s.p + 2, n - 2}, &ret->variable))
			ret->kind = PIECE_VARIABLE;
		n++;
	}
	ret->text = (struct slice){s.p, n};
	ret->length = n;
}

/* The first piece of @s, which is not empty. */
static void scan(struct slice s, struct piece *ret)
{
	const char *dollar = memchr(s.p, '$', s.n);
	size_t before = dollar ? (size_t)(dollar - s.p) : s.n;

	ret->kind = PIECE_TEXT;
	if (before > 0) {
		ret->text = (struct slice){s.p, before};
		ret->length = before;
	} else if (s.n > 1 && s.p[1] == '{') {
		scan_variable(s, ret);
	} else {
		ret->text = (struct slice){s.p, 1};
		ret->length = s.n > 1 && s.p[1] == '$' ? 2 : 1;
	}
}

int template_check(struct slice text, const char *file, unsigned line, struct error *err)
{
	unsigned column = 1;

	while (text.n > 0) {
		struct piece piece;

		scan(text, &piece);
		if (piece.kind == PIECE_UNKNOWN) {
			int n = piece.text.n > 60 ? 60 : (int)piece.text.n;

			if (piece.text.p[piece.text.n - 1] == '}')
				error_set(err, file, line, column, "unknown variable \"%.*s\"", n,
					  piece.text.p);
			else
				error_set(err, file, line, column,
					  "\"%.*s\" has no \"}\" (\"$$\" is a \"$\")", n,
					  piece.text.p);
			return TEMPLATE_E_UNKNOWN;
		}
		for (size_t i = 0; i < piece.length; i++) {
			column++;
			if (text.p[i] == '\n') {
				line++;
				column = 1;
			}
		}
		text = slice_from(text, piece.length);
	}
	return 0;
}

bool template_uses(struct slice text, enum template_variable variable)
{
	while (text.n > 0) {
		struct piece piece;

		scan(text, &piece);
		if (piece.kind == PIECE_VARIABLE && piece.variable == variable)
			return true;
		text = slice_from(text, piece.length);
	}
	return false;
}

int template_expand(struct slice text, const struct slice values[TEMPLATE_VARIABLES],
		    struct buffer *ret)
{
	size_t before = ret->len;

	while (text.n > 0) {
		struct piece piece;
		int r;

		scan(text, &piece);
		r = buffer_append_slice(ret, piece.kind == PIECE_VARIABLE ? values[piece.variable]
									  : piece.text);
		if (r < 0) {
			ret->len = before;
			return r;
		}
		text = slice_from(text, piece.length);
	}
	return 0;
}
