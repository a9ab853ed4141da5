/*
 * Where the service's directory may not be read, the user's own is the default; that it is missing
 * is not what somebody wants to hear who asked for the service's.
 */
#include "command/state_view.h"

#include <errno.h>
#include <stdlib.h>

#include "base/log.h"
#include "store/file.h"

#define SERVICE_STATE "/var/lib/loginbell"

int shown_open(const struct options *options, struct buffer *path, int *ret_dirfd)
{
	struct error err = {0};
	int r;

	r = options->state_directory ? buffer_append_str(path, options->state_directory)
				     : file_state_path_shown(path);
	if (r < 0 || !buffer_cstr(path)) {
		log_error("the state directory's name: %s", strerror(r < 0 ? -r : ENOMEM));
		return STATUS_FAILED;
	}
	r = file_open_state(path->data, false, ret_dirfd, &err);
	if (r == 0)
		return STATUS_DONE;
	log_error_struct(LOG_ERR, &err);
	if (r == -ENOENT && !options->state_directory && !getenv("STATE_DIRECTORY") &&
	    access(SERVICE_STATE, F_OK) == 0 && access(SERVICE_STATE, R_OK | X_OK) < 0)
		log_error(SERVICE_STATE ": %s; root, and members of group adm, may read it",
			  strerror(errno));
	return STATUS_FAILED;
}
