/*
 * Where the service's directory may not be read, the user's own is the default; that it is missing
 * is not what somebody wants to hear who asked for the service's.
 */
#include "command/state_view.h"

#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "store/config_file.h"
#include "store/file.h"

#define SERVICE_STATE "/var/lib/loginbell"

static int shown_open(const struct options *options, struct buffer *path, int *ret_dirfd)
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

static void log_fault(const struct error *fault, void *userdata)
{
	(void)userdata;
	log_error_struct(LOG_ERR, fault);
}

int state_view_open(const struct options *options, struct state_view *ret)
{
	struct error err = {0};
	int r;

	*ret = (struct state_view){.path = BUFFER_INIT(4096),
				   .dirfd = -1,
				   .deliver_dirfd = -1,
				   .now_usec = clock_now()};
	r = config_file_load(options->config, &ret->config, log_fault, NULL, &err);
	if (r == CONFIG_E_INVALID)
		return STATUS_WRONG;
	if (r != 0) {
		log_error_struct(LOG_ERR, &err);
		return r == -ENOMEM ? STATUS_FAILED : STATUS_WRONG;
	}
	r = shown_open(options, &ret->path, &ret->dirfd);
	if (r != STATUS_DONE)
		return r;
	ret->deliver_dirfd = ret->dirfd;
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
}
