/* The sender as a service: stays, and sends what comes. */
#pragma once

#include "deliver/sender.h"

/*
 * Until SIGTERM or SIGINT, then once more. @config_path is read again on SIGHUP; NULL: the default.
 * The exit status: 0, 1, or EX_TEMPFAIL where alerts still wait.
 */
int loop_run(struct sender *s, const char *config_path);
