/*
 * One parser reads all files in the order in which they count. A fault in one does not stop it, so
 * that all faults are reported at once. Files that begin with a dot are an editor's.
 */
#include "store/config_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "base/io.h"

static int select_conf(const struct dirent *e)
{
	size_t n = strlen(e->d_name);

	return e->d_name[0] != '.' && n > 5 && strcmp(e->d_name + n - 5, ".conf") == 0;
}

/* alphasort(3) looks at the locale. */
static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int unreadable(const char *path, int r, struct error *err)
{
	if (r == -E2BIG)
		error_set(err, path, 0, 0, "larger than 1 MiB");
	else
		error_set(err, path, 0, 0, "cannot be read: %s", strerror(-r));
	return r;
}

struct loading {
	struct config_parser *parser;
	struct last_good *copy; /* NULL: none */
};

/* 0 also after faults, which the parser remembers. */
static int add_text(void *userdata, const char *path, struct slice text)
{
	const struct loading *l = userdata;

	return config_parser_add(l->parser, text, path);
}

static int add_file(struct loading *l, const char *path, struct error *err)
{
	AUTO_BUFFER struct buffer text = BUFFER_INIT(CONFIG_TEXT_MAX);
	int r = io_read_file_at(AT_FDCWD, path, &text);

	if (r < 0)
		return unreadable(path, r, err);
	if (l->copy)
		r = last_good_add(l->copy, LAST_GOOD_CONFIG, path, buffer_slice(&text));
	return r == 0 ? add_text(l, path, buffer_slice(&text)) : r;
}

static int add_directory(struct loading *l, const char *path, struct error *err)
{
	struct dirent **entries;
	int n = scandir(path, &entries, select_conf, by_name), r = 0;

	if (n < 0)
		return errno == ENOENT ? 0 : unreadable(path, -errno, err);
	for (int i = 0; i < n; i++) {
		AUTO_FREE char *file = NULL;

		if (r == 0 && asprintf(&file, "%s/%s", path, entries[i]->d_name) < 0) {
			file = NULL; /* undefined after a failure */
			r = -ENOMEM;
		}
		if (r == 0)
			r = add_file(l, file, err);
		free(entries[i]);
	}
	free(entries);
	return r;
}

static int load(struct loading *l, const char *path, bool may_miss, struct error *err)
{
	AUTO_FREE char *directory = NULL;
	int r = 0;

	if (l->copy)
		r = last_good_add(l->copy, LAST_GOOD_FOR, path, (struct slice){NULL, 0});
	if (r == 0)
		r = add_file(l, path, err);
	if (r < 0 && !(may_miss && r == -ENOENT))
		return r;
	if (asprintf(&directory, "%s.d", path) < 0) {
		directory = NULL;
		return -ENOMEM;
	}
	return add_directory(l, directory, err);
}

/* Frees the parser. @r is the result so far. */
static int finish(struct loading *l, int r, struct config **ret, struct error *err)
{
	if (r == 0)
		r = config_parser_finish(&l->parser, ret, err);
	if (r == -ENOMEM)
		error_set(err, NULL, 0, 0, "out of memory for the configuration");
	(void)config_parser_free(l->parser);
	return r;
}

int config_file_load(const char *path, struct last_good *copy, struct config **ret,
		     config_fault fault, void *userdata, struct error *err)
{
	struct loading l = {config_parser_new(fault, userdata), copy};
	const char *file = path ? path : CONFIG_FILE_DEFAULT;

	return finish(&l, l.parser ? load(&l, file, !path, err) : -ENOMEM, ret, err);
}

int config_file_recover(const char *state, enum state_part part, const struct error *why,
			struct last_good *copy, struct config **ret, struct error *err)
{
	struct loading l = {0};
	int r = last_good_recover(state, part, why, copy);

	if (r == LAST_GOOD_E_NONE)
		return r;
	if (r != 0) {
		error_set(err, NULL, 0, 0, "%s", r < 0 ? strerror(-r) : "damaged");
		return -EIO;
	}
	l.parser = config_parser_new(NULL, NULL);
	r = l.parser ? last_good_each(copy, LAST_GOOD_CONFIG, add_text, &l) : -ENOMEM;
	r = finish(&l, r, ret, err);
	return r > 0 ? -EINVAL : r;
}

int config_file_read_body(const struct config_destination *destination, struct buffer *ret,
			  struct error *err)
{
	AUTO_BUFFER struct buffer text = BUFFER_INIT(CONFIG_TEXT_MAX);
	int r;

	if (!destination->body_file)
		return 0;
	r = io_read_file_at(AT_FDCWD, destination->body_file, &text);
	if (r < 0)
		return unreadable(destination->body_file, r, err);
	if (text.len > 0 && memchr(text.data, '\0', text.len)) {
		error_set(err, destination->body_file, 0, 0, "contains a NUL byte");
		return -EINVAL;
	}
	return buffer_append_slice(ret, buffer_slice(&text));
}
