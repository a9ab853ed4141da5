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
#include "text/whitelist_caution.h"

enum rule_e {
	RULE_E_SYNTAX = 1, /* *err has column and reason; the caller adds file and line */
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

struct rule {
	enum rule_kind kind;
	unsigned cautions;	       /* enum whitelist_caution */
	struct network network;	       /* RULE_NETWORK */
	struct pattern *pattern;       /* RULE_EXPRESSION */
	char *text;		       /* a copy of the line, which the slices below point into */
	unsigned keys;		       /* 1 << enum rule_key */
	struct slice *users;	       /* RULE_USER */
	size_t n_users;		       /* at least one with RULE_USER */
	struct netset *from;	       /* RULE_FROM, built */
	struct slice value[RULE_KEYS]; /* all but RULE_USER, RULE_FROM, RULE_UNTIL */
	uint64_t until_usec;	       /* RULE_UNTIL: the last instant of the rule */
};

/*
 * Reads one line without its line end. On 0, *ret needs rule_done(). RULE_E_SYNTAX;
 * -ENOMEM.
 */
int rule_parse(struct slice line, struct pattern_memory *memory, struct rule *ret,
	       struct error *err);
void rule_done(struct rule *r);
