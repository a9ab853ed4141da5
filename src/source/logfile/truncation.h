/* Whether a file was truncated while it was read, and what is read instead. */
#pragma once

#include "source/logfile/path.h"

/*
 * 0: the first segment's file, and the bytes that were just read of it, belong to the same
 * generation. 1: they do not; the bytes are dropped, and what is to be read instead is queued.
 * -errno.
 */
int truncation_check(struct segments *s, const struct path *path);
