/* The messages that report one alert, as they would be sent. */
#pragma once

#include "text/config.h"

/*
 * Prints, for every destination for which the alert @id waits or was given up, the message that
 * reports it: the frozen one, or one made from the ledger now. Nothing on disk changes, no lock is
 * needed. @config is then owned by the callee. The exit status.
 */
int show_messages(const char *path, int dirfd, struct config *config, const char *id);

/*
 * Prints the messages that a sender would send now, in a state directory in which nothing was sent
 * yet: those of `scan --dry-run`. As show_messages().
 */
int show_all(const char *path, int dirfd, struct config *config);
