/* Signs of life in a long run over the log: the watchdog, and a progress line on a terminal. */
#pragma once

#include "source/source.h"

struct progress {
	bool quiet;			   /* no line */
	uint64_t logins;		   /* that were found, for the line */
	bool shown;			   /* the line is on the terminal */
	uint64_t begun_usec, updated_usec; /* clock_steady(); 0: not yet */
};

/* To be called often; does something five times a second. @name is the source's, for people. */
void progress_update(struct progress *p, struct source *source, const char *name);

/* Wipes the line. */
void progress_clear(struct progress *p);
