/* A log file of syslogd as a source, or standard input. */
#pragma once

#include "source/source.h"

/*
 * Opens @path ("-": standard input) and goes to the place that the options name. 0;
 * SOURCE_E_UNREADABLE, SOURCE_E_POSITION; -errno, with *err set.
 */
int logfile_open(const char *path, const struct source_options *options, struct source **ret,
		 struct error *err);

/* Whether @position (a position's text) is one of a log file's. */
bool logfile_owns_position(struct slice position);
