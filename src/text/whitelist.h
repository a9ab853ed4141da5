/*
 * Whitelists: which logins cause no message. The first rule that matches decides, in the order of
 * the files and of their lines.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/slice.h"
#include "text/login.h"

struct whitelist;

enum whitelist_e {
	WHITELIST_E_SYNTAX = 1, /* *err says which line and why */
};

/* NULL when out of memory. whitelist_free() accepts NULL and returns NULL. */
struct whitelist *whitelist_new(void);
struct whitelist *whitelist_free(struct whitelist *w);

#define AUTO_WHITELIST CLEANUP(whitelist_auto_free)
static inline void whitelist_auto_free(struct whitelist **w)
{
	(void)whitelist_free(*w);
}

/*
 * Adds the rules of one whitelist(5) text: any bytes, no NUL needed; @name is copied and names it
 * in errors and verdicts. @w stays usable only on 0. On WHITELIST_E_SYNTAX, *err names file, line,
 * column and reason, and @w must be freed: no rule of a faulty file is used. -ENOMEM.
 */
int whitelist_add(struct whitelist *w, struct slice text, const char *name, struct error *err);

/* After the last whitelist_add() and before the first whitelist_judge(). 0 or -ENOMEM. */
int whitelist_build(struct whitelist *w);

/* The number of rules. */
size_t whitelist_size(const struct whitelist *w);

/* Why a rule that seems to match does not, for `explain` and messages. */
enum whitelist_refusal {
	WHITELIST_REFUSAL_NONE = 0,
	WHITELIST_REFUSAL_AMBIGUOUS,   /* the message has more than one address */
	WHITELIST_REFUSAL_MATCH_LIMIT, /* an expression reached its limit, which is no match */
	WHITELIST_REFUSAL_CUT, /* an expression, ca= or cert-id=, and a message that was cut */
};

struct verdict {
	bool allowed;
	const char *file; /* of the deciding rule; lives as long as the whitelist */
	unsigned line;
	enum whitelist_refusal refusal; /* if not allowed */
	unsigned refusal_line;		/* of the first rule that met its limit or the cut; or 0 */
	const char *refusal_file;	/* NULL with refusal_line 0 */
};

/* The login to judge. */
struct whitelist_query {
	const struct login *login; /* LOGIN_ACCEPTED only: nothing else is ever asked */
	struct slice message;	   /* the login's slices point into it */
	struct slice host;	   /* absent: unknown */
	uint64_t now_usec;	   /* for until=; a day alone lasts to its end in the local zone */
};

/*
 * Judges a login. @ret is always set; an expression that fails does not match. Only PCRE2 may
 * allocate memory, once.
 */
void whitelist_judge(struct whitelist *w, const struct whitelist_query *q, struct verdict *ret);

/*
 * Calls @warn for each rule that allows more than it seems to (an address in an expression,
 * "from=0.0.0.0/0", an expression that matches every login), and for each that never decides (an
 * expired until=, addresses that earlier rules contain). After whitelist_build().
 */
void whitelist_warnings(const struct whitelist *w, uint64_t now_usec,
			void (*warn)(const struct error *what, void *userdata), void *userdata);
