#pragma once

#include "command/options.h"

/* loginbell check and test-mail; each returns the exit status. */
int command_check(const struct options *options);
int command_test_mail(const struct options *options);
