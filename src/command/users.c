/*
 * Root only looks at directories here, and makes those that are missing. The default directory
 * must be root's: in one of another user, the directories of the programs could be replaced while
 * root changes their owner.
 */
#include "command/users.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"

#define PARENT_MODE 0755
#define PART_MODE   02750

static const char *const names[] = {
	[STATE_READER] = STATE_READER_USER, [STATE_DELIVER] = STATE_DELIVER_USER};

static int make_part(const char *path, enum state_part part, struct stat *st)
{
	const struct group *group = getgrnam(STATE_GROUP);
	const struct passwd *user = getpwnam(names[part]);

	if (!user || !group) {
		log_error("%s: cannot be made: there is no %s %s", path, user ? "group" : "user",
			  user ? STATE_GROUP : names[part]);
		return STATUS_FAILED;
	}
	if (mkdir(path, PART_MODE) < 0 || lchown(path, user->pw_uid, group->gr_gid) < 0 ||
	    chmod(path, PART_MODE) < 0 || lstat(path, st) < 0) {
		log_error("%s: cannot be made: %s", path, strerror(errno));
		return STATUS_FAILED;
	}
	return STATUS_DONE;
}

/* The owner of a part of the default directory. */
static int find_owner(const char *state, enum state_part part, struct program_user *ret)
{
	char path[sizeof(STATE_DEFAULT) + 16];
	struct stat st;

	(void)snprintf(path, sizeof(path), "%s/%s", state, state_part_name(part));
	if (lstat(path, &st) < 0) {
		if (errno != ENOENT) {
			log_error("%s: %s", path, strerror(errno));
			return STATUS_FAILED;
		}
		if (make_part(path, part, &st) != STATUS_DONE)
			return STATUS_FAILED;
	}
	if (st.st_uid == 0) {
		log_error(
			"%s: belongs to root, as whom this program does not run; chown -R "
			"%s:" STATE_GROUP " %s",
			path, names[part], path);
		return STATUS_FAILED;
	}
	*ret = (struct program_user){.change = true, .uid = st.st_uid, .gid = st.st_gid};
	return STATUS_DONE;
}

static int find_default(const char *state, struct program_user ret[2])
{
	struct stat st;
	int r;

	/* Restored or made with a umask, it may be closed to the two users. */
	if (mkdir(state, PARENT_MODE) < 0 && errno != EEXIST) {
		log_error("%s: cannot be made: %s", state, strerror(errno));
		return STATUS_FAILED;
	}
	if (stat(state, &st) < 0 || st.st_uid != 0) {
		log_error("%s: does not belong to root; chown root:root %s", state, state);
		return STATUS_FAILED;
	}
	if ((st.st_mode & 07777) != PARENT_MODE && chmod(state, PARENT_MODE) < 0)
		log_error("%s: cannot set its mode: %s", state, strerror(errno));
	r = find_owner(state, STATE_READER, &ret[STATE_READER]);
	return r == STATUS_DONE ? find_owner(state, STATE_DELIVER, &ret[STATE_DELIVER]) : r;
}

int users_find(const struct options *options, struct buffer *ret_state, struct program_user ret[2])
{
	struct stat st = {0};
	int r = options->state_directory ? buffer_append_str(ret_state, options->state_directory)
					 : state_path(STATE_READER, STATE_WRITE, ret_state);

	memset(ret, 0, 2 * sizeof(*ret));
	if (r < 0 || !buffer_cstr(ret_state)) {
		log_error("the state directory's name: %s", strerror(r < 0 ? -r : ENOMEM));
		return STATUS_FAILED;
	}
	if (geteuid() != 0)
		return STATUS_DONE;
	if (!options->state_directory && strcmp(ret_state->data, STATE_DEFAULT) == 0)
		return find_default(ret_state->data, ret);
	if (stat(ret_state->data, &st) < 0 && errno != ENOENT) {
		log_error("%s: %s", ret_state->data, strerror(errno));
		return STATUS_FAILED;
	}
	if (st.st_uid == 0)
		log_warning("%s belongs to root, so reader and sender run as root",
			    ret_state->data);
	for (int i = 0; st.st_uid != 0 && i < 2; i++)
		ret[i] = (struct program_user){.change = true, .uid = st.st_uid, .gid = st.st_gid};
	return STATUS_DONE;
}

int users_become(const struct program_user *user, enum state_part part, pid_t parent)
{
	int r = user->change ? state_become(part, user->uid, user->gid) : 0;

	/* A change of the user clears it. */
	(void)prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		return -ESRCH;
	return r;
}
