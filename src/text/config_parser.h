/*
 * loginbell.conf(5): systemd.syntax(7) as text becomes a struct config. Nothing here reads a file:
 * store/config_file does.
 */
#pragma once

#include "base/cleanup.h"
#include "base/error.h"
#include "base/slice.h"
#include "text/config.h"

enum config_e {
	CONFIG_E_INVALID = 1, /* *err names file, line and reason */
};

struct config_parser;

/*
 * A parser reads the files one after another; later ones add to and override earlier ones. @fault
 * (may be NULL) is called for each fault. NULL when out of memory; config_parser_free() accepts
 * NULL and returns NULL.
 */
struct config_parser *config_parser_new(config_fault fault, void *userdata);
struct config_parser *config_parser_free(struct config_parser *p);

#define CONFIG_TEXT_MAX (1U << 20) /* bytes of one file */

/* Reads the text of one file; @name is copied. 0, also after faults; -ENOMEM. */
int config_parser_add(struct config_parser *p, struct slice text, const char *name);

/*
 * Resolves defaults and what [Mail "NAME"] inherits from [Mail], and checks what only the whole
 * shows (a [Server "URL"] that no destination names, credentials without required TLS). On 0, *ret
 * is owned by the caller and owns the parser: *p is NULL. CONFIG_E_INVALID: *err is the first
 * fault; after one of config_parser_add(), nothing else is checked. -ENOMEM.
 */
int config_parser_finish(struct config_parser **p, struct config **ret, struct error *err);

/* Accepts NULL and returns NULL. */
struct config *config_free(struct config *c);

#define AUTO_CONFIG CLEANUP(config_auto_free)
static inline void config_auto_free(struct config **c)
{
	(void)config_free(*c);
}
