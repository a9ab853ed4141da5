/*
 * If the service's directory may not be read, the user's own is the default; that it is missing
 * would say nothing to somebody who asked for the service's.
 */
#include "command/state_view.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "store/state.h"

/* A part that is missing is none. */
static int open_part(const char *path, enum state_part part, int *ret, struct error *err)
{
	int r = state_open(path, part, STATE_SHOW, ret, err);

	return r == -ENOENT ? 0 : r;
}

int shown_open(const struct options *options, struct buffer *path, int *ret_reader,
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
