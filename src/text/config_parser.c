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

struct config_parser *config_parser_new(void)
{
	return calloc(1, sizeof(struct config_parser));
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
	for (size_t i = 0; i < config_key_table_size; i++) {
		if (!slice_eq_str(item->section, config_key_table[i].section_name))
			continue;
		r = section_name(all, file, item, config_key_table[i].section, &name);
		if (r == 0)
			r = config_section_get(all, config_key_table[i].section, name, file,
					       item->line, ret);
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

static bool same_but_for_case(struct slice s, const char *name)
{
	return s.n == strlen(name) && strncasecmp(s.p, name, s.n) == 0;
}

static const struct config_key_info *find_key(struct config_sections *all, const char *file,
					      const struct config_syntax_item *item,
					      const struct config_section *section)
{
	const char *section_name = "";
	const struct config_key_info *near = NULL;

	for (size_t i = 0; i < config_key_table_size; i++) {
		bool here = config_key_table[i].section == section->kind;

		if (here && slice_eq_str(item->key, config_key_table[i].name))
			return &config_key_table[i];
		if (here)
			section_name = config_key_table[i].section_name;
		if (same_but_for_case(item->key, config_key_table[i].name) && (here || !near))
			near = &config_key_table[i];
	}
	if (near)
		config_section_fault(all, file, item->line,
				     "unknown key %.*s= in [%s]; there is %s= in [%s]",
				     CONFIG_VALUE_SHOWN(item->key), section_name, near->name,
				     near->section_name);
	else
		config_section_fault(all, file, item->line, "unknown key %.*s= in [%s]",
				     CONFIG_VALUE_SHOWN(item->key), section_name);
	return NULL;
}

/* Checks one value and keeps it. 0; -EINVAL with why->text; -ENOMEM. */
static int keep(const struct config_key_info *key, struct slice s, struct config_value *value,
		struct error *why)
{
	AUTO_BUFFER struct buffer url = BUFFER_INIT(s.n + 64);
	int r = 0;

	if (key->check)
		r = key->check(s, why);
	if (r == 0 && key->number)
		r = key->number(s, &value->number, why);
	if (r == 0 && key->id == CONFIG_KEY_SERVER) {
		r = config_value_url(s, &url, NULL, NULL, why);
		s = buffer_slice(&url);
	}
	return r < 0 ? r : config_list_add(&value->list, s);
}

static int assign(struct config_sections *all, const char *file,
		  const struct config_syntax_item *item, struct config_section *section)
{
	const struct config_key_info *key = find_key(all, file, item, section);
	struct config_value *value;
	struct slice rest = item->value, word;
	struct error why;

	if (!key)
		return 0;
	value = &section->values[key->id];
	if (item->value.n == 0 || key->form == CONFIG_FORM_ONE) {
		config_list_done(&value->list);
		value->number = 0;
	}
	value->file = file;
	value->line = item->line;
	if (item->value.n == 0)
		return 0;
	for (;;) {
		int r = 1;

		if (key->form == CONFIG_FORM_ONE)
			word = rest;
		else
			r = config_value_next_word(&rest, &word, &why);
		if (r == 0)
			return 0;
		if (value->list.n >= LIST_MAX) {
			config_section_fault(all, file, item->line, "%s=: more than %d values",
					     key->name, LIST_MAX);
			return 0;
		}
		if (r == 1)
			r = keep(key, word, value, &why);
		else
			rest.n = 0;
		if (r == -EINVAL)
			config_section_fault(all, file, item->line, "%s=: %s", key->name, why.text);
		else if (r < 0)
			return r;
		if (key->form == CONFIG_FORM_ONE || rest.n == 0)
			return 0;
	}
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

int config_parser_add(struct config_parser *p, struct slice text, const char *name,
		      config_fault fault, void *userdata, struct error *err)
{
	struct config_sections *all = &p->sections;
	struct error first_before = all->first;
	bool faulty_before = all->faulty, faulty;
	const char *file;
	int r;

	r = keep_file(p, name, &file);
	if (r < 0)
		return r;
	all->fault = fault;
	all->userdata = userdata;
	all->faulty = false;
	if (text.n > CONFIG_TEXT_MAX)
		config_section_fault(all, file, 0, "larger than 1 MiB");
	else
		r = read_text(all, text, file);
	faulty = all->faulty;
	if (faulty && err)
		*err = all->first;
	if (faulty_before) {
		all->first = first_before;
		all->faulty = true;
	}
	if (r < 0)
		return r;
	return faulty ? CONFIG_E_INVALID : 0;
}

int config_parser_finish(struct config_parser *p, struct config **ret, config_fault fault,
			 void *userdata, struct error *err)
{
	AUTO_CONFIG struct config *c = NULL;
	struct config_sections *all = &p->sections;
	int r;

	all->fault = fault;
	all->userdata = userdata;
	/* A faulty line may be why something else is missing: each fault is reported once. */
	if (!all->faulty) {
		r = config_resolve(all, &c);
		if (r < 0)
			return r;
	}
	if (all->faulty) {
		if (err)
			*err = all->first;
		return CONFIG_E_INVALID;
	}
	*ret = STEAL_PTR(c);
	return 0;
}
