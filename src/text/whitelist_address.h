/* Lines and values of a whitelist(5) that are addresses. Private to whitelist*.c. */
#pragma once

#include "base/error.h"
#include "base/slice.h"
#include "text/address.h"

enum whitelist_address_e {
	WHITELIST_ADDRESS_E_SYNTAX =
		1, /* meant as an address, but not a valid one; *err says why */
};

/*
 * Reads a line as an address, a network or a dotted prefix. WHITELIST_ADDRESS_E_SYNTAX, with column
 * and reason; -ENOENT: the line is something else.
 */
int whitelist_address_line(struct slice line, struct network *ret, struct error *err);

/* The same of a value of from=; @line, in which it is, is for the column. Never -ENOENT. */
int whitelist_address_value(struct slice text, struct network *ret, const char *line,
			    struct error *err);
