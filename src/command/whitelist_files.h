/* The files of the whitelist: loading them, and noticing changes. */
#pragma once

#include "base/error.h"
#include "command/options.h"
#include "store/last_good.h"
#include "text/config.h"
#include "text/whitelist.h"

/*
 * Loads all whitelist files that the command line, or else the configuration, names. On 0, *ret is
 * new and owned by the caller. STATUS_WRONG with *err set: a file has a fault, cannot be read, or
 * is named and missing. -ENOMEM with *err set. Each file that was read is added to @copy.
 */
int whitelist_files_load(const struct options *options, const struct config *config,
			 struct last_good *copy, struct whitelist **ret, struct error *err);

/* The rules of the whitelist files in @copy, which *err names by their own paths. The same. */
int whitelist_files_load_copy(const struct last_good *copy, struct whitelist **ret,
			      struct error *err);

/*
 * An inotify(7) descriptor, which does not block, on the directories of these files; -1 if there is
 * none. After each change it must be opened again, since directories may have been made or removed.
 */
int whitelist_files_watch(const struct options *options, const struct config *config);

/* Reads the descriptor's events: true if one of these files may have changed. */
bool whitelist_files_changed(int fd, const struct options *options, const struct config *config);
