/*
 * Files that must survive: opened as regular files only, and replaced whole or not at all.
 */
#pragma once

#include <sys/types.h>

#include "base/buffer.h"
#include "base/error.h"

#define FILE_TEMPORARY_SUFFIX ".tmp" /* of file_replace(); a crash may leave one behind */

/*
 * As openat(2), for files of the state: links are not followed, and what is not a regular file is
 * refused without waiting for it. @dirfd is -1 for a directory that is missing. The descriptor;
 * -errno, -EINVAL if it is not a regular file.
 */
int file_open(int dirfd, const char *name, int flags, mode_t mode);

/*
 * Replaces @name in @dirfd by @content: a temporary file beside it is written, fsync(2)ed, renamed
 * over it, and the directory fsync(2)ed. Mode 0640. The old file stays whole whatever fails.
 * -errno of openat(2), write(2), fsync(2), renameat(2); -EINVAL if @name has a slash.
 */
int file_replace(int dirfd, const char *name, struct slice content);
int file_replace_mode(int dirfd, const char *name, struct slice content, mode_t mode);

/* Reads the whole file into @ret, which is cleared first. As file_open(); -E2BIG, -ENOMEM;
 * -ENOENT if @dirfd is -1, a part that is missing. */
int file_load(int dirfd, const char *name, struct buffer *ret);
