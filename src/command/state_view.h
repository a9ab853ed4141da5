/* The state as commands see it that only show: no lock, nothing is made or changed. */
#pragma once

#include "base/buffer.h"
#include "command/options.h"

/* Opens the state directory; its name is in *path. STATUS_FAILED: told. */
int shown_open(const struct options *options, struct buffer *path, int *ret_dirfd);
