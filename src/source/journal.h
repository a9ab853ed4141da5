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
