#pragma once

#include "command/options.h"

/* loginbell scan; returns the exit status. */
int command_scan(const struct options *options);
