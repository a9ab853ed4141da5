#pragma once

#include "command/options.h"

/* loginbell status; returns the exit status. */
int command_status(const struct options *options);
