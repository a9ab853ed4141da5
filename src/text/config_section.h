/*
 * What config.c gathers from the files by the list in config_keys.c, and config_resolve.c makes a
 * configuration of: sections with the values of their keys. Nobody else includes this.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "text/config.h"

enum config_section_kind {
	CONFIG_SECTION_SOURCE,
	CONFIG_SECTION_MATCH,
	CONFIG_SECTION_WHITELIST,
	CONFIG_SECTION_MAIL,
	CONFIG_SECTION_SERVER,
	CONFIG_SECTION_ALERT,
};

enum config_key {
	CONFIG_KEY_KIND,
	CONFIG_KEY_DIRECTORY,
	CONFIG_KEY_LOG_FILE,
	CONFIG_KEY_PROGRAMS,
	CONFIG_KEY_METHODS,
	CONFIG_KEY_PATTERN,
	CONFIG_KEY_FILE,
	CONFIG_KEY_TO,
	CONFIG_KEY_SERVER,
	CONFIG_KEY_FROM,
	CONFIG_KEY_ENVELOPE_FROM,
	CONFIG_KEY_TLS,
	CONFIG_KEY_TLS_MINIMUM,
	CONFIG_KEY_CA_FILE,
	CONFIG_KEY_PINNED_KEY,
	CONFIG_KEY_CLIENT_CERT,
	CONFIG_KEY_CLIENT_KEY,
	CONFIG_KEY_USER,
	CONFIG_KEY_PASSWORD_FILE,
	CONFIG_KEY_AUTH,
	CONFIG_KEY_EHLO_NAME,
	CONFIG_KEY_TIMEOUT,
	CONFIG_KEY_SUBJECT,
	CONFIG_KEY_BODY_FILE,
	CONFIG_KEY_EVENTS,
	CONFIG_KEY_INTERVAL,
	CONFIG_KEY_REPEAT_INTERVAL,
	CONFIG_KEY_MAX_PER_MAIL,
	CONFIG_KEY_HEARTBEAT,
	CONFIG_KEY_GIVE_UP_AFTER,
	CONFIG_KEY_COUNT,
};

enum config_form { CONFIG_FORM_ONE, CONFIG_FORM_LIST };

struct config_key_info {
	enum config_section_kind section;
	const char *section_name;
	const char *name;
	enum config_key id; /* the same for a key of [Mail] and of [Server "URL"] */
	enum config_form form;
	int (*check)(struct slice s,
		     struct error *err); /* of one value, as in config_value.h; NULL */
	int (*number)(struct slice s, uint64_t *ret, struct error *err); /* the same; NULL */
};

extern const struct config_key_info config_key_table[];
extern const size_t config_key_table_size;

/* What a key was set to; list.n == 0: not set, or reset. */
struct config_value {
	struct config_list list; /* one item for a key that is no list */
	uint64_t number;  /* of keys that are a number, a time span or a choice; events: bits */
	const char *file; /* of the last assignment; lives as long as the parser */
	unsigned line;
};

struct config_section {
	enum config_section_kind kind;
	char *name; /* of [Mail "NAME"], the URL in its one form of [Server "URL"]; else NULL */
	const char *file; /* where it stands first */
	unsigned line;
	bool used; /* a [Server "URL"] that a destination names */
	struct config_value values[CONFIG_KEY_COUNT];
};

struct config_parser {
	struct config_section **sections; /* in order of appearance */
	size_t n_sections;
	char **files;
	size_t n_files;

	/* Of the call under way. */
	config_fault fault;
	void *userdata;
	/* Of all calls. */
	bool faulty;
	struct error first;
};

/* Tells a fault: to the callback, and as p->first if it is the first. */
void config_parser_fault(struct config_parser *p, const char *file, unsigned line,
			 const char *format, ...) __attribute__((format(printf, 4, 5)));

/* The section of this kind and name (NULL: without one), or NULL. */
struct config_section *config_parser_section(const struct config_parser *p,
					     enum config_section_kind kind, const char *name);

/* Appends a copy of @s, unless it is in the list already. 0 or -ENOMEM. */
int config_list_add(struct config_list *l, struct slice s);
void config_list_done(struct config_list *l);
