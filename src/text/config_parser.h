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
 * A parser takes the files one after another, then gives the configuration: later files add to
 * and override earlier ones. NULL when out of memory; config_parser_free() takes NULL.
 */
struct config_parser *config_parser_new(void);
struct config_parser *config_parser_free(struct config_parser *p);

#define CONFIG_TEXT_MAX (1U << 20) /* bytes of one file */

/*
 * Reads one file's text; @name is copied. 0; CONFIG_E_INVALID after faults, each given to @fault
 * (may be NULL), the first also in *err; -ENOMEM.
 */
int config_parser_add(struct config_parser *p, struct slice text, const char *name,
		      config_fault fault, void *userdata, struct error *err);

/*
 * Resolves defaults and what [Mail "NAME"] takes from [Mail], and checks what only the whole can
 * show (a [Server "URL"] that nobody names, credentials without required TLS). *ret is owned by
 * the caller. As config_parser_add(); after faults there, it gives the first of those again in
 * *err, and no more to @fault.
 */
int config_parser_finish(struct config_parser *p, struct config **ret, config_fault fault,
			 void *userdata, struct error *err);
