/* The state as commands see it that only show: no lock, nothing is made or changed. */
#pragma once

#include "base/buffer.h"
#include "command/options.h"

/*
 * Opens both parts of the state directory, whose name is in *path; a part that is missing is -1.
 * Logs what is wrong and returns the exit status.
 */
int shown_open(const struct options *options, struct buffer *path, int *ret_reader,
	       int *ret_deliver);
