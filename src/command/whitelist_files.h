/* The whitelist's files: loading, and noticing that they changed. */
#pragma once

#include "base/error.h"
#include "command/options.h"
#include "text/config.h"
#include "text/whitelist.h"

/*
 * Loads all whitelist files that the command line (else the configuration) names. *ret is new.
 * 0; STATUS_WRONG with *err set for a fault in a file, a file that is named and missing, or one
 * that cannot be read; -ENOMEM.
 */
int rules_load(const struct options *options, const struct config *config, struct whitelist **ret,
	       struct error *err);

/*
 * An inotify descriptor (non-blocking) on the directories of these files; -1 where none can be
 * watched. Made anew after each change, since directories come and go.
 */
int rules_watch(const struct options *options, const struct config *config);

/*
 * Reads what the descriptor has to say: true if a file of these may have changed.
 */
bool rules_changed(int fd, const struct options *options, const struct config *config);
