/* Where reading begins. */
#pragma once

#include "source/logfile/path.h"
#include "source/source.h"

/*
 * Queues the files to be read: from options->resume, from go_on_usec, from the end, or from the
 * beginning of what the path names. 0, SOURCE_E_…, -errno; *err is set if not 0.
 */
int open_files(struct segments *s, struct path *path, const struct source_options *options,
	       struct error *err);

/* The same for standard input. */
int open_stream(struct segments *s, bool follow, struct error *err);
