/* The sender as a service: stays, and sends what comes. */
#pragma once

#include "deliver/state.h"
#include "store/last_good.h"

/*
 * Runs until SIGTERM or SIGINT, then sends once more. @config_path is read again on SIGHUP; NULL:
 * the default; @good are the files in force. Returns the exit status: 0, 1, or EX_TEMPFAIL if
 * alerts still wait.
 */
int loop_run(struct sender *s, const char *config_path, struct last_good *good);
