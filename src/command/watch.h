#pragma once

#include "command/options.h"

/* loginbell watch; returns the exit status. */
int command_watch(const struct options *options);
