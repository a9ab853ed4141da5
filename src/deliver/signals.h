/*
 * Signals of the sender. They are handled, not blocked: libcurl may be in a wait that nothing else
 * ends. A handler sets a flag and writes into a pipe.
 */
#pragma once

#include <stdbool.h>

#define SIGNALS_LAST_SEC 10 /* from SIGTERM to the end, whatever hangs */

/* -errno. Call once, before the first lock is taken: SIGUSR1 must not end the process. */
int signals_init(void);
/* Readable when a signal came; drained by signals_drain(). */
int signals_fd(void);
void signals_drain(void);
/* SIGTERM or SIGINT came: the process ends at the latest in SIGNALS_LAST_SEC, by SIGALRM. */
bool signals_stop(void);
/* Whether SIGHUP, or SIGUSR1, came since the last call. */
bool signals_take_reload(void);
bool signals_take_flush(void);
