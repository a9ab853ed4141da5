/*
 * First the time and the fault, then a line for the path of each file and one for its text. In
 * memory the files are kept in the same form, so that they can be compared and stored as they are.
 */
#include "store/last_good.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>

#include "base/number.h"
#include "store/fields.h"
#include "store/file.h"
#include "text/alert.h"

#define MAGIC	 "loginbell-last-good 1"
#define FILE_MAX (LAST_GOOD_MAX + 8192) /* with a fault, escaped */

static const char *const keys[] = {[LAST_GOOD_FOR] = "FOR",
				   [LAST_GOOD_CONFIG] = "CONFIG",
				   [LAST_GOOD_WHITELIST] = "WHITELIST"};
static const char *const names[] = {[STATE_READER] = "rules", [STATE_DELIVER] = "config"};
static const mode_t modes[] = {[STATE_READER] = 0640, [STATE_DELIVER] = 0600};

void last_good_init(struct last_good *g)
{
	*g = (struct last_good){.files = BUFFER_INIT(LAST_GOOD_MAX)};
}

void last_good_done(struct last_good *g)
{
	buffer_done(&g->files);
}

static int add_line(struct buffer *b, const char *key, struct slice value)
{
	int r = buffer_printf(b, "%s=", key);

	if (r == 0)
		r = alert_escape(value, b);
	return r == 0 ? buffer_append_char(b, '\n') : r;
}

int last_good_add(struct last_good *g, enum last_good_kind kind, const char *path,
		  struct slice text)
{
	int r;

	if (g->too_large)
		return 0;
	r = add_line(&g->files, keys[kind], slice_of(path));
	if (r == 0 && kind != LAST_GOOD_FOR)
		r = add_line(&g->files, "TEXT", text);
	if (r == -E2BIG) {
		struct buffer files = BUFFER_INIT(LAST_GOOD_MAX);

		r = buffer_append(&files, g->files.data, g->n_for);
		buffer_done(&g->files);
		g->files = files;
		g->n_config = g->n_for;
		g->too_large = true;
		return r;
	}
	/* The kinds are added in their order. */
	if (kind != LAST_GOOD_WHITELIST)
		g->n_config = g->files.len;
	if (kind == LAST_GOOD_FOR)
		g->n_for = g->files.len;
	return r;
}

int last_good_config(const struct last_good *g, struct last_good *ret)
{
	last_good_init(ret);
	ret->n_for = g->n_for;
	ret->n_config = g->n_config;
	ret->too_large = g->too_large;
	return buffer_append(&ret->files, g->files.data, g->n_config);
}

int last_good_each(const struct last_good *g, enum last_good_kind kind, last_good_file each,
		   void *userdata)
{
	AUTO_FIELDS struct fields_reader fields = {.rest = buffer_slice(&g->files),
						   .value = BUFFER_INIT(LAST_GOOD_MAX)};
	AUTO_BUFFER struct buffer path = BUFFER_INIT(LAST_GOOD_MAX);
	struct slice key, value;
	bool wanted = false;
	int r;

	while ((r = fields_next(&fields, &key, &value)) == 1) {
		if (!slice_eq_str(key, "TEXT")) {
			wanted = slice_eq_str(key, keys[kind]);
			buffer_clear(&path);
			r = buffer_append_slice(&path, value);
		} else if (wanted) {
			r = buffer_cstr(&path) ? each(userdata, path.data, value) : -ENOMEM;
		} else {
			r = 0;
		}
		if (r != 0)
			return r;
	}
	return r;
}

/* The line of a key that is no file's. -EINVAL. */
static int parse_key(struct slice key, struct slice value, struct last_good *ret)
{
	if (slice_eq_str(key, "SINCE"))
		return number_parse_u64(value, UINT64_MAX, &ret->since_usec);
	if (!slice_eq_str(key, "FAULT"))
		return -EINVAL;
	(void)snprintf(ret->fault, sizeof(ret->fault), "%.*s", (int)value.n, value.p);
	return 0;
}

static int parse(struct slice text, struct last_good *ret)
{
	AUTO_FIELDS struct fields_reader fields;
	struct slice key, value, files;
	int r = fields_open(&fields, text, MAGIC, NULL) == 0 ? 1 : -EINVAL;

	files = fields.rest;
	while (r == 1 && (r = fields_next(&fields, &key, &value)) == 1) {
		if (slice_eq_str(key, keys[LAST_GOOD_WHITELIST]))
			break;
		if (parse_key(key, value, ret) == 0) {
			files = fields.rest;
			continue;
		}
		ret->n_config = (size_t)(fields.rest.p - files.p);
		if (slice_eq_str(key, keys[LAST_GOOD_FOR]))
			ret->n_for = ret->n_config;
	}
	ret->too_large = files.n == 0; /* otherwise they begin with FOR */
	return r < 0 ? r : buffer_append_slice(&ret->files, files);
}

int last_good_load(int dirfd, enum state_part part, struct last_good *ret)
{
	AUTO_BUFFER struct buffer text = BUFFER_INIT(FILE_MAX);
	int r = file_load(dirfd, names[part], &text);

	last_good_init(ret);
	if (r == 0)
		r = parse(buffer_slice(&text), ret);
	if (r == -ENOENT)
		return LAST_GOOD_E_NONE;
	return r == -EINVAL || r == -ERANGE || r == -E2BIG || r == -ELOOP ? LAST_GOOD_E_DAMAGED : r;
}

int last_good_recover(const char *state, enum state_part part, const struct error *why,
		      struct last_good *g)
{
	AUTO_LAST_GOOD struct last_good copy = {0};
	AUTO_BUFFER struct buffer path = BUFFER_INIT(PATH_MAX);
	AUTO_CLOSE int dirfd = -1;
	int r = state ? buffer_append_str(&path, state) : state_path(part, STATE_SHOW, &path);

	if (r == 0 && buffer_cstr(&path))
		r = state_open(path.data, part, STATE_SHOW, &dirfd, NULL);
	if (r == 0)
		r = last_good_load(dirfd, part, &copy);
	if (r != 0)
		return r == -ENOENT ? LAST_GOOD_E_NONE : r;
	if (!slice_eq((struct slice){copy.files.data, copy.n_for},
		      (struct slice){g->files.data, g->n_for}))
		return LAST_GOOD_E_NONE;
	error_format(why, copy.fault, sizeof(copy.fault));
	last_good_done(g);
	*g = copy;
	last_good_init(&copy);
	return 0;
}

int last_good_save(int dirfd, enum state_part part, struct last_good *g, uint64_t now_usec)
{
	AUTO_BUFFER struct buffer text = BUFFER_INIT(FILE_MAX);
	AUTO_LAST_GOOD struct last_good stored;
	struct fields_writer w;
	const struct slice files = {g->files.data, g->too_large ? 0 : g->files.len};
	int r = last_good_load(dirfd, part, &stored);
	bool same = r == 0 && slice_eq(buffer_slice(&stored.files), files);

	g->since_usec = same ? stored.since_usec : now_usec;
	if (same && strcmp(stored.fault, g->fault) == 0)
		return 0;
	fields_begin(&w, &text, MAGIC);
	fields_add(&w, "SINCE", "%" PRIu64, g->since_usec);
	if (g->fault[0])
		fields_add(&w, "FAULT", "%s", g->fault);
	if (w.r == 0)
		w.r = buffer_append_slice(&text, files);
	r = fields_end(&w);
	return r < 0 ? r : file_replace_mode(dirfd, names[part], buffer_slice(&text), modes[part]);
}
