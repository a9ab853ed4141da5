/* A fault is passed on as soon as it is found, since a user wants to mend all of them at once. */
#include "text/config_section.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/cleanup.h"

#define SECTIONS_MAX 200

void config_section_fault(struct config_sections *all, const char *file, unsigned line,
			  const char *format, ...)
{
	struct error fault;
	char text[sizeof(fault.text)];
	va_list ap;

	va_start(ap, format);
	(void)vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	error_set(&fault, file, line, 0, "%s", text);
	if (!all->faulty)
		all->first = fault;
	all->faulty = true;
	if (all->fault)
		all->fault(&fault, all->userdata);
}

int config_section_add_text(struct config_value *v, struct slice s)
{
	AUTO_FREE char *copy = NULL;
	const char **items;

	for (size_t i = 0; i < v->list.n; i++)
		if (slice_eq_str(s, v->list.items[i]))
			return 0;
	copy = strndup(s.p, s.n);
	items = reallocarray(v->list.items, v->list.n + 2, sizeof(*items));
	if (items)
		v->list.items = items;
	if (!items || !copy)
		return -ENOMEM;
	items[v->list.n++] = STEAL_PTR(copy);
	items[v->list.n] = NULL;
	return 0;
}

void config_section_reset(struct config_value *v)
{
	for (size_t i = 0; i < v->list.n; i++)
		free((void *)v->list.items[i]);
	free(v->list.items);
	*v = (struct config_value){0};
}

static void section_free(struct config_section *s)
{
	for (size_t i = 0; i < CONFIG_KEY_COUNT; i++)
		config_section_reset(&s->values[i]);
	free(s->name);
	free(s);
}

struct config_section *config_section_find(const struct config_sections *all,
					   enum config_section_kind kind, const char *name)
{
	for (size_t i = 0; i < all->n; i++) {
		struct config_section *s = all->items[i];

		if (s->kind == kind && (name ? s->name && strcmp(s->name, name) == 0 : !s->name))
			return s;
	}
	return NULL;
}

int config_section_get(struct config_sections *all, enum config_section_kind kind, char *name,
		       const char *file, unsigned line, struct config_section **ret)
{
	struct config_section *s = config_section_find(all, kind, name), **items;
	AUTO_FREE char *owned = name;

	if (s) {
		*ret = s;
		return 0;
	}
	if (all->n >= SECTIONS_MAX) {
		config_section_fault(all, file, line, "more than %d sections", SECTIONS_MAX);
		return -EINVAL;
	}
	items = reallocarray(all->items, all->n + 1, sizeof(*items));
	if (!items)
		return -ENOMEM;
	all->items = items;
	s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->kind = kind;
	s->name = STEAL_PTR(owned);
	s->file = file;
	s->line = line;
	all->items[all->n++] = s;
	*ret = s;
	return 0;
}

void config_section_done_all(struct config_sections *all)
{
	for (size_t i = 0; i < all->n; i++)
		section_free(all->items[i]);
	free(all->items);
	*all = (struct config_sections){0};
}
