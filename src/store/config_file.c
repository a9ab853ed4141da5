/*
 * All files are read and handed to one parser, in the order in which they count; faults of one do
 * not keep the next from being read, so that all are told in one go. Files that begin with a dot
 * are none (an editor's locks and copies).
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

/* 0 also after faults: the parser remembers them. */
static int add_file(struct config_parser *p, const char *path, struct error *err)
{
	AUTO_BUFFER struct buffer text = BUFFER_INIT(CONFIG_TEXT_MAX);
	int r = io_read_file_at(AT_FDCWD, path, &text);

	if (r < 0)
		return unreadable(path, r, err);
	return config_parser_add(p, buffer_slice(&text), path);
}

static int add_directory(struct config_parser *p, const char *path, struct error *err)
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
			r = add_file(p, file, err);
		free(entries[i]);
	}
	free(entries);
	return r;
}

static int load(struct config_parser *p, const char *path, bool may_miss, struct error *err)
{
	AUTO_FREE char *directory = NULL;
	int r = add_file(p, path, err);

	if (r < 0 && !(may_miss && r == -ENOENT))
		return r;
	if (asprintf(&directory, "%s.d", path) < 0) {
		directory = NULL;
		return -ENOMEM;
	}
	return add_directory(p, directory, err);
}

int config_file_load(const char *path, struct config **ret, config_fault fault, void *userdata,
		     struct error *err)
{
	struct config_parser *p = config_parser_new(fault, userdata);
	const char *file = path ? path : CONFIG_FILE_DEFAULT;
	int r = -ENOMEM;

	if (p)
		r = load(p, file, !path, err);
	if (r == 0)
		r = config_parser_finish(&p, ret, err);
	if (r == -ENOMEM)
		error_set(err, file, 0, 0, "out of memory");
	(void)config_parser_free(p);
	return r;
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
