/* The systemd journal as a source: this machine's, or the files of a directory. */
#pragma once

#include "source/source.h"

/*
 * Opens the journal of this machine, or of @directory where not NULL, and goes to the place that
 * the options name. 0; SOURCE_E_UNREADABLE, SOURCE_E_POSITION; -errno of sd_journal_open(3) and
 * its kin, with *err set.
 */
int journal_open(const char *directory, const struct source_options *options, struct source **ret,
		 struct error *err);

enum journal_gaps {
	JOURNAL_GAPS_TOLD,  /* entries that the files lack behind options->resume were not read */
	JOURNAL_GAPS_KNOWN, /* they were */
};

/*
 * The same for a NULL-terminated list of files that hold what one machine sent, in its order; they
 * are not looked for, and none may be missing. What is appended to them is seen by source_next();
 * source_wait_fd() and source_process() are not for these. The position knows times of the
 * sender's clock only; it is empty as long as all in the files is still to be read. @paths is
 * copied.
 */
int journal_open_files(const char *const *paths, const struct source_options *options,
		       enum journal_gaps gaps, struct source **ret, struct error *err);
