/*
 * Files that must survive: replaced whole or not at all, and locked by one writer.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/buffer.h"
#include "base/error.h"

#define FILE_TEMPORARY_SUFFIX ".tmp" /* of file_replace(); a crash may leave one behind */

/*
 * Replaces @name in @dirfd by @content: a temporary file beside it is written, fsync(2)ed, renamed
 * over it, and the directory fsync(2)ed. Mode 0640. The old file stays whole whatever fails.
 * -errno of openat(2), write(2), fsync(2), renameat(2); -EINVAL where @name has a slash.
 */
int file_replace(int dirfd, const char *name, struct slice content);

/* As io_read_file_at(); *ret is cleared first. -ENOENT where there is none. */
int file_load(int dirfd, const char *name, struct buffer *ret);

/*
 * The state directory: opened, or made with mode 0750 (@create; its parents too). The descriptor
 * is O_DIRECTORY. Where it cannot be written (@create), or not read, *err says so: -errno. When
 * the process is root and the directory belongs to somebody else, and @create, the process becomes
 * that user and the directory's group first, so that no file of root's is left behind; groups
 * systemd-journal and adm, where they exist, stay as supplementary ones. /var/lib/loginbell, when
 * root makes it here, is given to user loginbell and group adm, where they exist.
 */
int file_open_state(const char *path, bool create, int *ret_dirfd, struct error *err);

/* The default: $STATE_DIRECTORY (its first entry), else /var/lib/loginbell where that can be
 * written or the process is root, else $XDG_STATE_HOME/loginbell, else ~/.local/state/loginbell.
 * Appends to @ret. -ENOMEM. */
int file_state_path(struct buffer *ret);

/* The same for commands that only show: /var/lib/loginbell already where it can be read. */
int file_state_path_shown(struct buffer *ret);

enum file_e {
	FILE_E_LOCKED = 1, /* *ret_pid is the holder's, 0 where not known */
};

/*
 * Takes flock(2) on @name in @dirfd, made if missing, and writes the own pid into it. The
 * descriptor holds the lock until it is closed; it is closed on exec. -errno.
 */
int file_lock(int dirfd, const char *name, int *ret_fd, pid_t *ret_pid);

/* Whether a process holds the lock, and which. Nobody may have it while it looks. */
bool file_lock_held(int dirfd, const char *name, pid_t *ret_pid);
