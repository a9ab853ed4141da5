/* Mails that go at once and leave no state: the test message, and alerts that the disk did not
 * take. */
#pragma once

#include "text/config.h"

/* Sends a test message to every destination and prints what its server said. The exit status. */
int oneshot_test(const struct config *config);

/*
 * Mails the alerts on standard input, blocks as in the ledger (a CRC line is not looked at), to
 * every destination. 0 once each has them, else EX_TEMPFAIL; 2 where the input cannot be read.
 */
int oneshot_stdin(const struct config *config);
