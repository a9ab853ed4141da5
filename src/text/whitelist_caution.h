/* In what ways a rule may allow more, or less, than its author meant. Private to whitelist*.c. */
#pragma once

#include <stdbool.h>

#include "base/slice.h"
#include "text/address.h"
#include "text/pattern.h"

enum whitelist_caution {
	WHITELIST_CAUTION_WIDE = 1 << 0,	/* a network with a good part of all addresses */
	WHITELIST_CAUTION_ANYBODY = 1 << 1,	/* fields that name no user, address or key */
	WHITELIST_CAUTION_EMPTY = 1 << 2,	/* matches the empty text */
	WHITELIST_CAUTION_EVERY_LOGIN = 1 << 3, /* matches logins with nothing in common */
	WHITELIST_CAUTION_DOTS = 1 << 4,	/* an address whose dots match any byte */
	WHITELIST_CAUTION_LONGER = 1 << 5,	/* an address that also matches in a longer one */
	WHITELIST_CAUTION_COMMENT = 1 << 6,	/* " #" after an expression belongs to it */
	WHITELIST_CAUTION_IDLE = 1 << 7,	/* earlier networks contain all of its addresses */
};

/* The cautions of an expression. */
unsigned whitelist_caution_expression(struct slice text, const struct pattern *pattern,
				      struct pattern_memory *memory);

/* Whether a network is so large that nobody can mean it as an exception. */
bool whitelist_caution_wide(const struct network *n);

/* A sentence for the user, without its full stop. */
const char *whitelist_caution_text(enum whitelist_caution caution);
