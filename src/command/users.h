/* The users that the two programs run as, if root starts them. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/buffer.h"
#include "command/options.h"
#include "store/state.h"

struct program_user {
	bool change; /* false: the present user */
	uid_t uid;
	gid_t gid;
};

/*
 * Finds the state directory, and by enum state_part the user of each program. As root, each is the
 * owner of its part, which is made if it is missing; of a state directory that was named, its owner
 * is both. Logs what is wrong and returns the exit status.
 */
int users_find(const struct options *options, struct buffer *ret_state, struct program_user ret[2]);

/*
 * In a child process that was just forked by @parent: becomes the user, and dies with the parent by
 * SIGTERM. -errno.
 */
int users_become(const struct program_user *user, enum state_part part, pid_t parent);
