/*
 * A log file of syslogd, or standard input, as a source. Nothing in it proves who wrote a line, so
 * records are trusted but not authenticated.
 *
 * Standard input has no positions: source_position() and records return an empty slice. When it is
 * followed and has ended, source_wait_fd() returns -ENODATA.
 */
#pragma once

#include "source/source.h"

/*
 * Opens @path ("-": standard input) at the position that the options name. A file that is followed
 * need not exist yet. 0; SOURCE_E_UNREADABLE, SOURCE_E_POSITION; -errno. *err is set if not 0.
 */
int logfile_open(const char *path, const struct source_options *options, struct source **ret,
		 struct error *err);

/* Why a followed log file is polled once a second; NULL: it is not. */
const char *logfile_polls(const struct source *s);

/* Whether @position is the text of a position in a log file. */
bool logfile_owns_position(struct slice position);
