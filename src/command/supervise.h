/* "watch" as two processes, the reader and the sender, and this one, which keeps both running. */
#pragma once

#include "command/options.h"

/*
 * Runs @reader in a child as its user, and the sender (unless options->no_deliver) as its own.
 * @reader gets options with the state directory, and writes a byte to @ready_fd once it watches;
 * until then, its failure is that of the command. Each is started again if it ends by itself, and
 * gets SIGHUP and SIGTERM that come. Returns the exit status when both ended.
 */
int supervise(const struct options *options,
	      int (*reader)(const struct options *options, int ready_fd));
