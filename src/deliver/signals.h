/*
 * Signals of the sender. They are handled, not blocked: only a signal ends some of libcurl's waits.
 * A handler sets a flag and writes into a pipe.
 */
#pragma once

#include <stdbool.h>

#define SIGNALS_LAST_SEC 10 /* from SIGTERM to the end, whatever blocks */

/* -errno. Call it once, before the first lock. */
int signals_init(void);
/* Readable after a signal, until signals_drain(). */
int signals_fd(void);
void signals_drain(void);
/* SIGTERM or SIGINT came: SIGALRM ends the process after SIGNALS_LAST_SEC. */
bool signals_stop(void);
/* Whether SIGHUP came since the last call. */
bool signals_reload(void);
