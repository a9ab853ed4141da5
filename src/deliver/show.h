/* The mails that tell of one alert, as they would go. */
#pragma once

#include "text/config.h"

/*
 * Prints, for every destination that the alert @id waits or was given up for, the mail that tells
 * of it: its frozen bytes, else what would be made of the ledger now. Writes nothing and takes no
 * lock. @config is taken over. The exit status.
 */
int show_messages(int dirfd, struct config *config, const char *id);
