/* The configuration's files: loginbell.conf and those of loginbell.conf.d beside it. */
#pragma once

#include "base/buffer.h"
#include "store/last_good.h"
#include "text/config_parser.h"

#define CONFIG_FILE_DEFAULT "/etc/loginbell/loginbell.conf"

/*
 * Reads @path (NULL: the default file, which may be missing), then the files of PATH.d that end in
 * ".conf", sorted by strcmp(3), without hidden ones (PATH.d may be missing). The path, and each
 * file that was read, are added to @copy (may be NULL), also if there are faults. 0 and *ret, owned
 * by the caller; CONFIG_E_INVALID with the first fault in *err and each passed to @fault (may be
 * NULL); -errno of a file that cannot be read, named in *err.
 */
int config_file_load(const char *path, struct last_good *copy, struct config **ret,
		     config_fault fault, void *userdata, struct error *err);

/*
 * After the fault @why: as last_good_recover(), and loads the configuration of that copy, whose
 * files *err names by their own paths. 0; LAST_GOOD_E_NONE; -errno, and *err says why.
 */
int config_file_recover(const char *state, enum state_part part, const struct error *why,
			struct last_good *copy, struct config **ret, struct error *err);

/*
 * Appends the text of the destination's BodyFile= to @ret; nothing if it has none. -errno of the
 * file, -E2BIG beyond 1 MiB, -EINVAL for a NUL in it; *err names the file and the reason, and @ret
 * is empty.
 */
int config_file_read_body(const struct config_destination *destination, struct buffer *ret,
			  struct error *err);
