/* The mails that tell of one alert, as they would go. */
#pragma once

#include "text/config.h"

/*
 * Prints, for every destination that the alert @id waits or was given up for, the mail that tells
 * of it: its frozen bytes, else what would be made of the ledger now. Writes nothing and takes no
 * lock. @config is taken over. The exit status.
 */
int show(int dirfd, struct config *config, const char *id);

/*
 * Prints the messages that a sender would send now, in a state directory in which nothing was sent
 * yet: those of `scan --dry-run`. As show().
 */
int show_all(int dirfd, struct config *config);
