/*
 * If the service's directory may not be read, the user's own is the default; that it is missing
 * would say nothing to somebody who asked for the service's.
 */
#include "command/state_view.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "store/config_file.h"
#include "store/state.h"

/* A part that is missing is no error: *ret stays -1. */
static int open_part(const char *path, enum state_part part, int *ret, struct error *err)
{
	int r = state_open(path, part, STATE_SHOW, ret, err);

	return r == -ENOENT ? 0 : r;
}

static int open_parts(const struct options *options, struct buffer *path, int *ret_reader,
		      int *ret_deliver)
{
	static const char service[] = STATE_DEFAULT "/reader";
	struct error err = {0};
	int r;

	r = options->state_directory ? buffer_append_str(path, options->state_directory)
				     : state_path(STATE_READER, STATE_SHOW, path);
	if (r < 0 || !buffer_cstr(path)) {
		log_error("the state directory's name: %s", strerror(r < 0 ? -r : ENOMEM));
		return STATUS_FAILED;
	}
	r = open_part(path->data, STATE_READER, ret_reader, &err);
	if (r == 0)
		r = open_part(path->data, STATE_DELIVER, ret_deliver, &err);
	if (r == 0 && access(path->data, F_OK) == 0)
		return STATUS_DONE;
	log_error_struct(LOG_ERR, &err);
	if (r == 0 && !options->state_directory && !getenv("STATE_DIRECTORY") &&
	    access(service, F_OK) == 0 && access(service, R_OK | X_OK) < 0)
		log_error("%s: %s; root, and members of group " STATE_GROUP ", may read it",
			  service, strerror(errno));
	return STATUS_FAILED;
}

static void log_fault(const struct error *fault, void *userdata)
{
	(void)userdata;
	log_error_struct(LOG_ERR, fault);
}

int state_view_open(const struct options *options, struct state_view *ret)
{
	AUTO_LAST_GOOD struct last_good good;
	struct error err = {0}, unused;
	int r;

	*ret = (struct state_view){.path = BUFFER_INIT(4096),
				   .dirfd = -1,
				   .deliver_dirfd = -1,
				   .now_usec = clock_now()};
	last_good_init(&good);
	r = config_file_load(options->config, &good, &ret->config, log_fault, NULL, &err);
	if (r < 0)
		log_error_struct(LOG_ERR, &err);
	if (r != 0 && config_file_recover(options->state_directory, STATE_READER, &err, &good,
					  &ret->config, &unused) != 0)
		return r == -ENOMEM ? STATUS_FAILED : STATUS_WRONG;
	r = open_parts(options, &ret->path, &ret->dirfd, &ret->deliver_dirfd);
	if (r != STATUS_DONE)
		return r;
	r = view_load(ret->dirfd, ret->deliver_dirfd, ret->config, log_fault, NULL, &ret->view);
	if (r == -ENOMEM)
		log_error("out of memory");
	return r < 0 ? STATUS_FAILED : STATUS_DONE;
}

void state_view_close(struct state_view *s)
{
	view_done(&s->view);
	(void)config_free(s->config);
	buffer_done(&s->path);
	if (s->dirfd >= 0)
		(void)close(s->dirfd);
	if (s->deliver_dirfd >= 0)
		(void)close(s->deliver_dirfd);
}
