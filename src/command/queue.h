#pragma once

#include "command/options.h"

/* loginbell queue; returns the exit status. */
int command_queue(const struct options *options);
