/*
 * Every value is checked when its line is read, so that a fault names its line. It is then kept as
 * text in its section, with its number if it means one. Defaults, and checks of the whole, are in
 * config_resolve.c: an empty value, which resets, and a missing key are the same there.
 */
#include "text/config_parser.h"

#include <errno.h>
#include <strings.h>

#include "text/config_keys.h"
#include "text/config_resolve.h"
#include "text/config_section.h"
#include "text/config_syntax.h"
#include "text/config_value.h"

#define LIST_MAX	1000 /* values of one key */
#define NAME_LENGTH_MAX 64

struct config_parser {
	struct config_sections sections;
	char **files; /* names, which the sections point to */
	size_t n_files;
};

struct config_parser *config_parser_new(config_fault fault, void *userdata)
{
	struct config_parser *p = calloc(1, sizeof(*p));

	if (p) {
		p->sections.fault = fault;
		p->sections.userdata = userdata;
	}
	return p;
}

struct config_parser *config_parser_free(struct config_parser *p)
{
	if (!p)
		return NULL;
	config_section_done_all(&p->sections);
	for (size_t i = 0; i < p->n_files; i++)
		free(p->files[i]);
	free(p->files);
	free(p);
	return NULL;
}

/* A destination's name becomes part of file names in the state directory. */
static bool is_destination_name(struct slice s)
{
	if (s.n == 0 || s.n > NAME_LENGTH_MAX || s.p[0] == '.' || s.p[0] == '-')
		return false;
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];

		if (!ascii_is_alnum(c) && c != '.' && c != '_' && c != '-')
			return false;
	}
	return true;
}

/*
 * Checks and normalizes a section's name. 0 and *ret (NULL: the section has none); -EINVAL after a
 * fault; -ENOMEM.
 */
static int section_name(struct config_sections *all, const char *file,
			const struct config_syntax_item *item, enum config_section_kind kind,
			char **ret)
{
	AUTO_BUFFER struct buffer url = BUFFER_INIT(item->name.n + 64);
	enum config_scheme scheme;
	struct error why;
	int r;

	if (kind == CONFIG_SECTION_MAIL && item->name.p && !is_destination_name(item->name)) {
		config_section_fault(all, file, item->line,
				     "the name \"%.*s\" is not made of 1 to %d letters, digits, "
				     "\"_\", \"-\" and \".\", beginning with none of the last two",
				     CONFIG_VALUE_SHOWN(item->name), NAME_LENGTH_MAX);
		return -EINVAL;
	}
	if (kind == CONFIG_SECTION_SERVER) {
		if (!item->name.p) {
			config_section_fault(all, file, item->line,
					     "[Server] needs a URL: [Server \"smtp://HOST\"]");
			return -EINVAL;
		}
		r = config_value_url(item->name, &url, &scheme, NULL, &why);
		if (r == 0 && scheme == CONFIG_SCHEME_SENDMAIL) {
			error_set(&why, NULL, 0, 0, "sendmail has no TLS and AUTH keys");
			r = -EINVAL;
		}
		if (r == -EINVAL)
			config_section_fault(all, file, item->line, "%s", why.text);
		if (r < 0)
			return r;
		*ret = strndup(url.data, url.len);
		return *ret ? 0 : -ENOMEM;
	}
	if (kind != CONFIG_SECTION_MAIL && item->name.p) {
		config_section_fault(all, file, item->line, "[%.*s] has no name",
				     CONFIG_VALUE_SHOWN(item->section));
		return -EINVAL;
	}
	*ret = NULL;
	if (item->name.p)
		*ret = strndup(item->name.p, item->name.n);
	return item->name.p && !*ret ? -ENOMEM : 0;
}

/* *ret is NULL after a fault: the keys of the section are skipped. */
static int begin_section(struct config_sections *all, const char *file,
			 const struct config_syntax_item *item, struct config_section **ret)
{
	char *name;
	int r;

	*ret = NULL;
	for (enum config_section_kind kind = 0; kind < CONFIG_SECTION_KINDS; kind++) {
		if (!slice_eq_str(item->section, config_section_names[kind]))
			continue;
		r = section_name(all, file, item, kind, &name);
		if (r == 0)
			r = config_section_get(all, kind, name, file, item->line, ret);
		return r == -EINVAL ? 0 : r;
	}
	if (slice_eq_str(item->section, "Webhook"))
		config_section_fault(all, file, item->line,
				     "webhooks are not implemented in this version");
	else
		config_section_fault(all, file, item->line, "unknown section [%.*s]",
				     CONFIG_VALUE_SHOWN(item->section));
	return 0;
}

/* CONFIG_KEY_COUNT after a fault. */
static enum config_key find_key(struct config_sections *all, const char *file,
				const struct config_syntax_item *item,
				const struct config_section *section)
{
	const char *section_name = config_section_names[section->kind];
	const struct config_key_info *near = NULL;

	for (enum config_key key = 0; key < CONFIG_KEY_COUNT; key++) {
		const struct config_key_info *info = &config_key_table[key];

		if (info->sections & 1U << section->kind && slice_eq_str(item->key, info->name))
			return key;
		if (slice_eq_nocase(item->key, slice_of(info->name)))
			near = info;
	}
	if (near)
		config_section_fault(all, file, item->line,
				     "unknown key %.*s= in [%s]; there is %s= in [%s]",
				     CONFIG_VALUE_SHOWN(item->key), section_name, near->name,
				     near->sections & 1U << section->kind
					     ? section_name
					     : config_section_names[ffs((int)near->sections) - 1]);
	else
		config_section_fault(all, file, item->line, "unknown key %.*s= in [%s]",
				     CONFIG_VALUE_SHOWN(item->key), section_name);
	return CONFIG_KEY_COUNT;
}

/* Checks one value and keeps it. 0; -EINVAL with why->text; -ENOMEM. */
static int keep(enum config_key key, struct slice s, struct config_value *value, struct error *why)
{
	const struct config_key_info *info = &config_key_table[key];
	AUTO_BUFFER struct buffer url = BUFFER_INIT(s.n + 64);
	int r = 0;

	if (info->words)
		r = config_value_choice(s, info->words, why);
	if (r >= 0 && info->words)
		value->number = info->form == CONFIG_FORM_LIST ? value->number | UINT64_C(1) << r
							       : (uint64_t)r;
	if (info->check)
		r = info->check(s, why);
	if (info->number)
		r = info->number(s, &value->number, why);
	if (key == CONFIG_KEY_SERVER) {
		r = config_value_url(s, &url, NULL, NULL, why);
		s = buffer_slice(&url);
	}
	return r < 0 ? r : config_section_add_text(value, s);
}

static int assign(struct config_sections *all, const char *file,
		  const struct config_syntax_item *item, struct config_section *section)
{
	enum config_key key = find_key(all, file, item, section);
	struct slice rest = item->value, word = rest;
	const struct config_key_info *info;
	struct config_value *value;
	struct error why;
	int r = 1;

	if (key == CONFIG_KEY_COUNT)
		return 0;
	info = &config_key_table[key];
	value = &section->values[key];
	if (item->value.n == 0 || info->form == CONFIG_FORM_ONE)
		config_section_reset(value);
	value->file = file;
	value->line = item->line;
	while (rest.n > 0) {
		if (info->form == CONFIG_FORM_ONE)
			rest.n = 0;
		else
			r = config_value_next_word(&rest, &word, &why);
		if (r == 0)
			return 0;
		if (value->list.n >= LIST_MAX) {
			config_section_fault(all, file, item->line, "%s=: more than %d values",
					     info->name, LIST_MAX);
			return 0;
		}
		if (r == 1)
			r = keep(key, word, value, &why);
		else
			rest.n = 0;
		if (r == -EINVAL)
			config_section_fault(all, file, item->line, "%s=: %s", info->name,
					     why.text);
		else if (r < 0)
			return r;
	}
	return 0;
}

/* Keeps a copy of a file's name, to which values point. */
static int keep_file(struct config_parser *p, const char *name, const char **ret)
{
	char **files = reallocarray(p->files, p->n_files + 1, sizeof(*files));

	if (!files)
		return -ENOMEM;
	p->files = files;
	files[p->n_files] = strdup(name);
	if (!files[p->n_files])
		return -ENOMEM;
	*ret = files[p->n_files++];
	return 0;
}

static int read_text(struct config_sections *all, struct slice text, const char *file)
{
	CLEANUP(config_syntax_done) struct config_syntax syntax;
	struct config_section *section = NULL;
	bool skip = false;

	config_syntax_init(&syntax, text);
	for (;;) {
		struct config_syntax_item item;
		struct error why;
		int r = config_syntax_next(&syntax, file, &item, &why);

		if (r <= 0)
			return r;
		if (r == CONFIG_SYNTAX_E_LINE || r == CONFIG_SYNTAX_E_SECTION) {
			config_section_fault(all, why.file, why.line, "%s", why.text);
			skip = skip || r == CONFIG_SYNTAX_E_SECTION;
			continue;
		}
		r = 0;
		if (item.kind == CONFIG_SYNTAX_SECTION) {
			r = begin_section(all, file, &item, &section);
			skip = !section;
		} else if (section && !skip) {
			r = assign(all, file, &item, section);
		} else if (!skip) {
			config_section_fault(all, file, item.line,
					     "%.*s= is before the first [Section]",
					     CONFIG_VALUE_SHOWN(item.key));
		}
		if (r < 0)
			return r;
	}
}

int config_parser_add(struct config_parser *p, struct slice text, const char *name)
{
	const char *file;
	int r = keep_file(p, name, &file);

	if (r < 0)
		return r;
	if (text.n <= CONFIG_TEXT_MAX)
		return read_text(&p->sections, text, file);
	config_section_fault(&p->sections, file, 0, "larger than 1 MiB");
	return 0;
}

int config_parser_finish(struct config_parser **p, struct config **ret, struct error *err)
{
	AUTO_CONFIG struct config *c = calloc(1, sizeof(*c));
	struct config_sections *all = &(*p)->sections;
	int r = c ? 0 : -ENOMEM;

	/* A faulty line may be why something else is missing: each fault is reported once. */
	if (r == 0 && !all->faulty)
		r = config_resolve(all, c);
	if (r < 0)
		return r;
	if (all->faulty) {
		if (err)
			*err = all->first;
		return CONFIG_E_INVALID;
	}
	c->parser = STEAL_PTR(*p);
	*ret = STEAL_PTR(c);
	return 0;
}

struct config *config_free(struct config *c)
{
	if (!c)
		return NULL;
	for (size_t i = 0; i < c->n_destinations; i++)
		free(c->destinations[i].servers);
	free(c->destinations);
	(void)config_parser_free(c->parser);
	free(c);
	return NULL;
}
