/* The systemd journal as a source: this machine's, or the files of a directory. */
#pragma once

#include "source/source.h"

/*
 * Opens the journal of @directory, or if it is NULL, of this machine, and goes to where the options
 * say. 0; SOURCE_E_UNREADABLE, SOURCE_E_POSITION; -errno of sd_journal_open(3) and its kin, with
 * *err set.
 *
 * process() fails with -ESTALE when /etc/machine-id has changed, and with -EACCES if a file that
 * was made may not be read.
 */
int journal_open(const char *directory, const struct source_options *options, struct source **ret,
		 struct error *err);

enum journal_gaps {
	JOURNAL_GAPS_REPORTED, /* entries that the files lack after options->resume were not read */
	JOURNAL_GAPS_KNOWN,    /* they were */
};

/*
 * The same for a NULL-terminated list of files (copied) that one host sent, in its order; the open
 * fails if one is missing. source_next() sees what is appended to them; source_wait_fd() and
 * source_process() must not be called. The position has times of the sender's clock only, and is
 * empty while nothing was read.
 */
int journal_open_files(const char *const *paths, const struct source_options *options,
		       enum journal_gaps gaps, struct source **ret, struct error *err);
