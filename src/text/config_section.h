/* Sections of the configuration's files, with the values of their keys. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "text/config.h"
#include "text/config_keys.h"

/* What a key was set to; list.n == 0: not set, or reset. */
struct config_value {
	struct config_list list; /* owned; one item for a key that is no list */
	uint64_t number;  /* of keys that are a number, a time span or a choice; events: bits */
	const char *file; /* of the last assignment */
	unsigned line;
};

struct config_section {
	enum config_section_kind kind;
	char *name;	  /* of [Mail "NAME"], the normalized URL of [Server "URL"]; else NULL */
	const char *file; /* of its first head */
	unsigned line;
	bool used; /* a [Server "URL"] that a destination names */
	struct config_value values[CONFIG_KEY_COUNT];
};

struct config_sections {
	struct config_section **items; /* in order of appearance */
	size_t n;

	config_fault fault; /* NULL */
	void *userdata;
	bool faulty;
	struct error first; /* fault */
};

/* Reports a fault: to the callback, and as all->first if it is the first. */
void config_section_fault(struct config_sections *all, const char *file, unsigned line,
			  const char *format, ...) __attribute__((format(printf, 4, 5)));

/* The section of this kind and name (NULL: without one), or NULL. */
struct config_section *config_section_find(const struct config_sections *all,
					   enum config_section_kind kind, const char *name);

/*
 * Finds or adds it. @name is freed with the section, or here; @file must outlive @all. -EINVAL
 * after a fault; -ENOMEM.
 */
int config_section_get(struct config_sections *all, enum config_section_kind kind, char *name,
		       const char *file, unsigned line, struct config_section **ret);

/* Appends a copy of @s, unless the value contains it. 0 or -ENOMEM. */
int config_section_add_text(struct config_value *v, struct slice s);
/* Makes it a value that is not set. */
void config_section_reset(struct config_value *v);

void config_section_done_all(struct config_sections *all);
