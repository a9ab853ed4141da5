#pragma once

#include "command/options.h"

/* loginbell report; returns the exit status. */
int command_report(const struct options *options);
