/*
 * Templates for subjects and bodies: "${name}" is replaced; "$$" is a "$"; any other "$" is itself.
 */
#pragma once

#include "base/buffer.h"
#include "base/error.h"
#include "base/slice.h"

enum template_variable {
	TEMPLATE_USER = 0,
	TEMPLATE_ADDR,
	TEMPLATE_PORT,
	TEMPLATE_METHOD,
	TEMPLATE_HOST,
	TEMPLATE_TIME,
	TEMPLATE_KEY,
	TEMPLATE_MESSAGE,
	TEMPLATE_COUNT,
	TEMPLATE_EVENT,
	TEMPLATE_VARIABLES, /* their number */
};

enum template_e {
	TEMPLATE_E_UNKNOWN = 1, /* *err names the variable, line and column */
};

/* Checks a template: 0 or TEMPLATE_E_UNKNOWN. @file and @line are its place, for *err. */
int template_check(struct slice text, const char *file, unsigned line, struct error *err);

/* Whether @text contains the variable. */
bool template_uses(struct slice text, enum template_variable variable);

/*
 * Appends @text with each variable replaced by its value (absent: nothing), which the caller has
 * made safe. -ENOMEM, -E2BIG.
 */
int template_expand(struct slice text, const struct slice values[TEMPLATE_VARIABLES],
		    struct buffer *ret);
