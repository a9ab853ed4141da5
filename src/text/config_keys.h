/* The keys of loginbell.conf(5). */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/slice.h"

enum config_section_kind {
	CONFIG_SECTION_SOURCE,
	CONFIG_SECTION_MATCH,
	CONFIG_SECTION_WHITELIST,
	CONFIG_SECTION_MAIL,
	CONFIG_SECTION_SERVER,
	CONFIG_SECTION_ALERT,
	CONFIG_SECTION_KINDS, /* their number */
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

/* At most one of words, check and number is set: what a value must be. */
struct config_key_info {
	const char *name;
	unsigned sections; /* in which it may be: 1 << enum config_section_kind */
	enum config_form form;
	const char *const *words; /* one of these; its number is the index, that of a list bits */
	int (*check)(struct slice s, struct error *err);		 /* as in config_value.h */
	int (*number)(struct slice s, uint64_t *ret, struct error *err); /* the same */
};

extern const char *const config_section_names[CONFIG_SECTION_KINDS];
extern const struct config_key_info config_key_table[CONFIG_KEY_COUNT];
