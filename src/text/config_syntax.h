/* Reads the lines of systemd.syntax(7): section heads and assignments. */
#pragma once

#include "base/buffer.h"
#include "base/error.h"
#include "base/slice.h"

struct config_syntax {
	struct slice rest;
	unsigned line;	      /* of the line read last, from 1 */
	struct buffer joined; /* the line without its continuations */
};

enum config_syntax_kind { CONFIG_SYNTAX_SECTION, CONFIG_SYNTAX_ASSIGNMENT };

/* All slices live until the next call. */
struct config_syntax_item {
	enum config_syntax_kind kind;
	unsigned line;	      /* its first one */
	struct slice section; /* "Mail" of [Mail] and of [Mail "NAME"] */
	struct slice name;    /* "NAME"; absent for [Mail] */
	struct slice key;     /* not empty */
	struct slice value;   /* trimmed, perhaps empty */
};

enum config_syntax_e {
	CONFIG_SYNTAX_E_LINE = 2,    /* *err has the reason; the next call continues */
	CONFIG_SYNTAX_E_SECTION = 3, /* the same in a section head, so its keys belong to none */
};

/* @text must live as long as @s. It may be up to UINT_MAX bytes. */
void config_syntax_init(struct config_syntax *s, struct slice text);
void config_syntax_done(struct config_syntax *s);

/*
 * The next section head or assignment: 1 and *ret; 0 at the end; CONFIG_SYNTAX_E_*; -ENOMEM. @file
 * is for *err. Values are valid UTF-8 without control characters other than tabs.
 */
int config_syntax_next(struct config_syntax *s, const char *file, struct config_syntax_item *ret,
		       struct error *err);

/* @s without white space at both ends. */
struct slice config_syntax_trim(struct slice s);
