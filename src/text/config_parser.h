/*
 * loginbell.conf(5): systemd.syntax(7) as text becomes a struct config. Nothing here reads a file:
 * store/config_file does.
 */
#pragma once

#include "base/error.h"
#include "base/slice.h"
#include "text/config.h"

enum config_e {
	CONFIG_E_INVALID = 1, /* *err names file, line and reason */
};

struct config_parser;

/*
 * A parser reads the files one after another; later ones add to and override earlier ones. NULL
 * when out of memory; config_parser_free() accepts NULL and returns NULL.
 */
struct config_parser *config_parser_new(void);
struct config_parser *config_parser_free(struct config_parser *p);

#define CONFIG_TEXT_MAX (1U << 20) /* bytes of one file */

/*
 * Reads the text of one file; @name is copied. 0; CONFIG_E_INVALID: *err is the first fault, and
 * @fault (may be NULL) was called for each; -ENOMEM.
 */
int config_parser_add(struct config_parser *p, struct slice text, const char *name,
		      config_fault fault, void *userdata, struct error *err);

/*
 * Resolves defaults and what [Mail "NAME"] inherits from [Mail], and checks what only the whole
 * shows (a [Server "URL"] that no destination names, credentials without required TLS). *ret is
 * owned by the caller. Results as of config_parser_add(). After a fault there, *err is that one
 * again, and nothing else is checked.
 */
int config_parser_finish(struct config_parser *p, struct config **ret, config_fault fault,
			 void *userdata, struct error *err);
