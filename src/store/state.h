/*
 * The state directory: STATE/reader/ belongs to the reader, STATE/deliver/ to the sender. Each
 * program writes only to its own part, and shows by a lock and a file with its process ID that it
 * runs.
 */
#pragma once

#include <sys/types.h>

#include "base/buffer.h"
#include "base/error.h"

#define STATE_DEFAULT	   "/var/lib/loginbell"
#define STATE_READER_USER  "loginbell"
#define STATE_DELIVER_USER "loginbell-deliver"
#define STATE_GROUP	   "loginbell" /* of both parts: its members may read them */

enum state_part { STATE_READER, STATE_DELIVER };

enum state_access {
	STATE_SHOW,  /* nothing is made or changed, and any directory will do */
	STATE_WRITE, /* the part is made if it is missing, and must belong to this process's user */
};

/* "reader", "deliver": the directory's name. */
const char *state_part_name(enum state_part part);

/*
 * The default: $STATE_DIRECTORY (its first entry, without the part's name at its end), else
 * /var/lib/loginbell if this process is root or has @access to its @part, else
 * $XDG_STATE_HOME/loginbell, else ~/.local/state/loginbell. Appends to @ret. -ENOMEM.
 */
int state_path(enum state_part part, enum state_access access, struct buffer *ret);

/*
 * Opens the @part of the state directory @path. With STATE_WRITE, missing directories are made with
 * mode 0750, and root first becomes the owner of the part (of @path if the part is missing). A part
 * that is a link, belongs to another user or may be written by others is refused. -errno, and *err
 * says what to do.
 */
int state_open(const char *path, enum state_part part, enum state_access access, int *ret_dirfd,
	       struct error *err);

/*
 * Becomes a user for good: the reader with all groups of the user, the sender with @gid alone.
 * -errno of setgroups(2), setresgid(2), setresuid(2).
 */
int state_become(enum state_part part, uid_t uid, gid_t gid);

/*
 * Sets the mode of this process's own files in a part that state_open() opened, and reports each
 * file that another user owns, with the command that fixes it.
 */
void state_check(const char *path, enum state_part part, int dirfd,
		 void (*report)(const struct error *err));

enum state_e {
	STATE_E_LOCKED = 1, /* *ret_holder is the holder's process ID, 0 if it is not known */
};

/*
 * Locks the part, and writes the own process to its .pid file; a full disk does not prevent the
 * lock. The descriptor holds it until state_unlock() or the end of the process. -errno.
 */
int state_lock(int dirfd, enum state_part part, int *ret_fd, pid_t *ret_holder);
/* Removes the .pid file and closes the descriptor; -1 is nothing to do. */
void state_unlock(int dirfd, enum state_part part, int fd);

enum state_process {
	STATE_STOPPED,
	STATE_RUNS,
	STATE_UNKNOWN, /* there is a process of that ID, whose start time is hidden */
};

/* Whether the program of a part runs, by its .pid file; *ret_pid is set unless it is stopped. */
enum state_process state_process(int dirfd, enum state_part part, pid_t *ret_pid);
