/* Begins at a time instead of a position. */
#pragma once

#include "source/logfile/path.h"

/*
 * Queues what was logged since @usec, and adds a gap if a part of that does not exist. @now is what
 * the path names (fd -1: nothing); it belongs to the segments from now on. Records older than @usec
 * by up to @slack_usec are returned too. -errno.
 */
int since_append(struct segments *s, const struct path *path, const struct open_file *now,
		 uint64_t usec, uint64_t slack_usec);
