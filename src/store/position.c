#include "store/position.h"

#include <errno.h>
#include <inttypes.h>

#include "base/cleanup.h"
#include "store/fields.h"
#include "store/file.h"

#define MAGIC	 "LOGINBELL_POSITION=1"
#define TEXT_MAX (POSITION_MAX + POSITION_HEARTBEAT_MAX + 256)

void position_done(struct position *p)
{
	buffer_done(&p->text);
	buffer_done(&p->heartbeat);
}

static void clear(struct position *p)
{
	buffer_clear(&p->text);
	buffer_clear(&p->heartbeat);
	p->time_usec = 0;
}

int position_save(int dirfd, struct slice text, uint64_t time_usec, struct slice heartbeat)
{
	AUTO_BUFFER struct buffer file = BUFFER_INIT(TEXT_MAX);
	struct fields_writer w;
	int r;

	if (text.n == 0)
		return -EINVAL;
	if (text.n > POSITION_MAX || heartbeat.n > POSITION_HEARTBEAT_MAX)
		return -E2BIG;
	fields_begin(&w, &file, MAGIC);
	fields_add(&w, "TEXT", "%.*s", (int)text.n, text.p);
	fields_add(&w, "TIME", "%" PRIu64, time_usec);
	if (heartbeat.n > 0)
		fields_add(&w, "HEARTBEAT", "%.*s", (int)heartbeat.n, heartbeat.p);
	r = fields_end(&w);
	return r < 0 ? r : file_replace(dirfd, POSITION_NAME, buffer_slice(&file));
}

static int read_field(struct slice key, struct slice value, struct position *ret)
{
	if (slice_eq_str(key, "TEXT"))
		return buffer_append_slice(&ret->text, value);
	if (slice_eq_str(key, "TIME"))
		return fields_numbers(&value, 1, (uint64_t *[]){&ret->time_usec});
	if (slice_eq_str(key, "HEARTBEAT"))
		return buffer_append_slice(&ret->heartbeat, value);
	return 0;
}

static int damaged(struct position *ret, struct error *err, const char *what)
{
	clear(ret);
	error_set(err, POSITION_NAME, 0, 0, "the position is damaged: %s", what);
	return POSITION_E_DAMAGED;
}

int position_load(int dirfd, struct position *ret, struct error *err)
{
	AUTO_BUFFER struct buffer file = BUFFER_INIT(TEXT_MAX);
	AUTO_FIELDS struct fields_reader f = {0};
	struct slice key, value;
	int r;

	clear(ret);
	r = file_load(dirfd, POSITION_NAME, &file);
	if (r == -ENOENT)
		return POSITION_E_NONE;
	if (r == -E2BIG)
		return damaged(ret, err, "it is too long");
	if (r == 0) {
		r = fields_open(&f, buffer_slice(&file), MAGIC, NULL);
		if (r != 0)
			return damaged(ret, err,
				       r == FIELDS_E_OTHER ? "not of this version"
							   : "its checksum is wrong");
		while (r == 0 && (r = fields_next(&f, &key, &value)) > 0)
			r = read_field(key, value, ret);
	}
	if (r == 0 && !buffer_cstr(&ret->text))
		r = -ENOMEM;
	if (r == -EINVAL || r == -ERANGE || r == -E2BIG || (r == 0 && ret->text.len == 0))
		return damaged(ret, err, "it cannot be understood");
	if (r < 0) {
		clear(ret);
		error_set(err, POSITION_NAME, 0, 0, "cannot read the position: %s", strerror(-r));
	}
	return r;
}
