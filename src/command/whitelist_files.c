/*
 * Directories are watched, not files, since editors write a new file and rename it. If a directory
 * is missing, its nearest parent that exists is watched, and any event there counts as a change.
 */
#include "command/whitelist_files.h"

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <glob.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/inotify.h"
#include "base/io.h"

#define WHITELIST_MAX ((size_t)256 << 20) /* bytes of one file */

/* The i-th pattern, or NULL after the last. */
static const char *pattern_at(const struct options *options, const struct config *config, size_t i)
{
	if (options->n_whitelists)
		return i < options->n_whitelists ? options->whitelists[i] : NULL;
	return i < config->whitelist_files.n ? config->whitelist_files.items[i] : NULL;
}

static bool is_glob(const char *s)
{
	return strpbrk(s, "*?[") != NULL;
}

struct loading {
	struct whitelist *whitelist;
	struct last_good *copy;
	struct error *err;
};

static int load_text(void *userdata, const char *path, struct slice text)
{
	const struct loading *l = userdata;
	int r = whitelist_add(l->whitelist, text, path, l->err);

	return r > 0 ? STATUS_WRONG : r;
}

static int load_file(struct loading *l, const char *path)
{
	struct buffer text AUTO_BUFFER = BUFFER_INIT(WHITELIST_MAX);
	int r = io_read_file_at(AT_FDCWD, path, &text);

	if (r < 0) {
		error_set(l->err, path, 0, 0, "the whitelist cannot be read: %s", strerror(-r));
		return r == -ENOMEM ? r : STATUS_WRONG;
	}
	r = last_good_add(l->copy, LAST_GOOD_WHITELIST, path, buffer_slice(&text));
	return r == 0 ? load_text(l, path, buffer_slice(&text)) : r;
}

/* A missing directory holds no files; one that cannot be read may hold some. */
static int glob_error(const char *path, int error)
{
	(void)path;
	return error != ENOENT && error != ENOTDIR;
}

static int load_pattern(struct loading *l, const char *pattern, bool may_miss)
{
	glob_t found = {0};
	int r;

	if (!is_glob(pattern))
		return may_miss && access(pattern, F_OK) < 0 && errno == ENOENT
			       ? 0
			       : load_file(l, pattern);
	r = glob(pattern, 0, glob_error, &found);
	if (r == GLOB_NOSPACE)
		r = -ENOMEM;
	else if (r == GLOB_ABORTED) {
		error_set(l->err, pattern, 0, 0, "the whitelist directory cannot be read: %s",
			  strerror(errno));
		r = STATUS_WRONG;
	} else {
		r = 0;
		for (size_t i = 0; i < found.gl_pathc && r == 0; i++)
			r = load_file(l, found.gl_pathv[i]);
	}
	globfree(&found);
	return r;
}

/* @r is the result so far. Frees the whitelist, or it is *ret. */
static int finish(struct loading *l, int r, struct whitelist **ret)
{
	if (r == 0)
		r = whitelist_build(l->whitelist);
	if (r == -ENOMEM)
		error_set(l->err, NULL, 0, 0, "out of memory for the whitelist");
	if (r == 0)
		*ret = STEAL_PTR(l->whitelist);
	(void)whitelist_free(l->whitelist);
	return r;
}

int whitelist_files_load(const struct options *options, const struct config *config,
			 struct last_good *copy, struct whitelist **ret, struct error *err)
{
	struct loading l = {whitelist_new(), copy, err};
	bool may_miss = !options->n_whitelists && config->whitelist_is_default;
	const char *pattern;
	int r = l.whitelist ? 0 : -ENOMEM;

	for (size_t i = 0; r == 0 && (pattern = pattern_at(options, config, i)); i++)
		r = load_pattern(&l, pattern, may_miss);
	return finish(&l, r, ret);
}

int whitelist_files_load_copy(const struct last_good *copy, struct whitelist **ret,
			      struct error *err)
{
	struct loading l = {.whitelist = whitelist_new(), .err = err};
	int r = l.whitelist ? last_good_each(copy, LAST_GOOD_WHITELIST, load_text, &l) : -ENOMEM;

	return finish(&l, r, ret);
}

/* Removes the last part of @path. */
static bool to_parent(char *path)
{
	char *slash = strrchr(path, '/');

	if (!slash || strcmp(path, "/") == 0)
		return false;
	if (slash == path)
		slash++;
	*slash = '\0';
	return true;
}

int whitelist_files_watch(const struct options *options, const struct config *config)
{
	const uint32_t mask = IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_CREATE |
			      IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;
	const char *pattern;
	int fd = inotify_open();

	if (fd < 0)
		return -1;
	for (size_t i = 0; (pattern = pattern_at(options, config, i)); i++) {
		char path[PATH_MAX];

		if ((size_t)snprintf(path, sizeof(path), "%s%s", pattern[0] == '/' ? "" : "./",
				     pattern) >= sizeof(path))
			continue;
		while (to_parent(path) && inotify_add_watch(fd, path, mask) < 0 && errno == ENOENT)
			;
	}
	return fd;
}

/*
 * Whether an event on @name is about a file of @pattern. A new file is not read before its writer
 * closes it: half a line may be a wider rule. A symbolic link is complete at once.
 */
static bool concerns(const char *pattern, const char *name, uint32_t mask)
{
	const char *slash = strrchr(pattern, '/'), *base = slash ? slash + 1 : pattern;
	char path[PATH_MAX];
	struct stat st;

	if (fnmatch(base, name, 0) != 0)
		return false;
	if (!(mask & IN_CREATE))
		return true;
	return (size_t)snprintf(path, sizeof(path), "%.*s%s", (int)(base - pattern), pattern,
				name) < sizeof(path) &&
	       lstat(path, &st) == 0 && S_ISLNK(st.st_mode);
}

struct change {
	const struct options *options;
	const struct config *config;
	bool changed;
};

static void look_at(void *userdata, const struct inotify_event *event)
{
	struct change *c = userdata;
	const char *pattern;

	/* A directory was made or removed, or events were lost: any file may have changed. */
	if (event->len == 0 || (event->mask & (IN_ISDIR | IN_Q_OVERFLOW)))
		c->changed = true;
	for (size_t i = 0; !c->changed && (pattern = pattern_at(c->options, c->config, i)); i++)
		c->changed = concerns(pattern, event->name, event->mask);
}

bool whitelist_files_changed(int fd, const struct options *options, const struct config *config)
{
	struct change c = {options, config, false};

	(void)inotify_drain(fd, look_at, &c);
	return c.changed;
}
