#pragma once

#include "command/options.h"

/* loginbell explain; returns the exit status. */
int command_explain(const struct options *options);
