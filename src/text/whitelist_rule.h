/*
 * One line of a whitelist(5). Private to whitelist*.c.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/slice.h"
#include "text/address.h"
#include "text/netset.h"
#include "text/pattern.h"

enum rule_e {
	RULE_E_SYNTAX = 1, /* *err has column and reason; file and line are the caller's */
};

enum rule_kind {
	RULE_BLANK,	 /* nothing, or a comment */
	RULE_NETWORK,	 /* an address or a network alone */
	RULE_FIELDS,	 /* allow KEY=VALUE… */
	RULE_EXPRESSION, /* PCRE2 */
};

enum rule_key {
	RULE_USER,
	RULE_FROM,
	RULE_METHOD,
	RULE_KEY,
	RULE_CA,
	RULE_CERT_ID,
	RULE_HOST,
	RULE_UNTIL,
	RULE_KEYS, /* how many there are */
};

/* In what way a rule may be wider than it looks: what whitelist_warnings() tells. */
enum rule_caution {
	RULE_CAUTION_WIDE = 1 << 0,	   /* a network that holds a good part of all addresses */
	RULE_CAUTION_ANYBODY = 1 << 1,	   /* fields that name no user, address or key */
	RULE_CAUTION_EMPTY = 1 << 2,	   /* matches the empty text */
	RULE_CAUTION_EVERY_LOGIN = 1 << 3, /* matches logins that have nothing in common */
	RULE_CAUTION_DOTS = 1 << 4,	   /* an address whose dots stand for any byte */
	RULE_CAUTION_LONGER = 1 << 5,	   /* an address that is also found within a longer one */
	RULE_CAUTION_COMMENT = 1 << 6,	   /* " #" behind an expression belongs to it */
	RULE_CAUTION_IDLE = 1 << 7,	   /* earlier networks hold all of its addresses */
};

struct rule {
	enum rule_kind kind;
	unsigned cautions;
	struct network network;	       /* RULE_NETWORK */
	struct pattern *pattern;       /* RULE_EXPRESSION */
	char *text;		       /* a copy of the line, which the slices below point into */
	unsigned given;		       /* 1 << enum rule_key */
	struct slice *users;	       /* RULE_USER */
	size_t n_users;		       /* at least one where given */
	struct netset *from;	       /* RULE_FROM, built */
	struct slice value[RULE_KEYS]; /* all but RULE_USER, RULE_FROM, RULE_UNTIL */
	uint64_t until_usec;	       /* RULE_UNTIL: the last instant at which the rule holds */
};

/*
 * Reads one line without its line end. On 0, rule_done() frees what *ret holds. RULE_E_SYNTAX;
 * -ENOMEM.
 */
int rule_parse(struct slice line, struct pattern_memory *memory, struct rule *ret,
	       struct error *err);
void rule_done(struct rule *r);

/* Whether a network holds so much that nobody can mean it as an exception. */
bool rule_network_wide(const struct network *n);

/*
 * Reads a line, or what stands behind from= (in @line, for the column), as an address, a network
 * or a dotted prefix. RULE_E_SYNTAX: it is meant as one, and is none. rule_address_line() gives
 * -ENOENT for a line that is something else. In whitelist_address.c.
 */
int rule_address_line(struct slice line, struct network *ret, struct error *err);
int rule_address(struct slice text, struct network *ret, const char *line, struct error *err);

/* The cautions that an expression deserves. In whitelist_caution.c. */
unsigned rule_expression_cautions(struct slice text, const struct pattern *pattern,
				  struct pattern_memory *memory);

static inline bool rule_is_space(char c)
{
	return c == ' ' || c == '\t';
}

static inline bool rule_is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static inline struct slice rule_trim(struct slice s)
{
	while (s.n > 0 && rule_is_space(s.p[0]))
		s = slice_from(s, 1);
	while (s.n > 0 && rule_is_space(s.p[s.n - 1]))
		s.n--;
	return s;
}
