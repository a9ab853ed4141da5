/*
 * A log file of syslogd as a source, or standard input. Nothing in it proves who wrote a line:
 * records are trusted, and not authenticated.
 *
 * Standard input has no positions: source_position() gives an empty slice, and so do records. When
 * it is followed and has ended, source_wait_fd() gives -ENODATA.
 */
#pragma once

#include "source/source.h"

/*
 * Opens @path ("-": standard input) and goes to the place that the options name. When following,
 * the file need not exist yet. 0; SOURCE_E_UNREADABLE, SOURCE_E_POSITION; -errno; *err is set where
 * not 0.
 */
int logfile_open(const char *path, const struct source_options *options, struct source **ret,
		 struct error *err);

/* The same, reading @block bytes at once; for tests. */
int logfile_open_block(const char *path, const struct source_options *options, size_t block,
		       struct source **ret, struct error *err);

/* Why a log file that is followed is looked at every second; NULL: changes are told. */
const char *logfile_polls(const struct source *s);

/* Whether @position (a position's text) is one of a log file's. */
bool logfile_owns_position(struct slice position);
