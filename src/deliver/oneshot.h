/* The test message, which leaves no state. */
#pragma once

#include "text/config.h"

/* Sends a test message to every destination and prints what its server said. The exit status. */
int oneshot_test(const struct config *config);
