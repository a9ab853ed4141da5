/* The names that rotation gives to a log file. */
#pragma once

#include <stdbool.h>

/* "auth.log.1", "auth.log-20261123", "auth-20261123.log", and these compressed, of "auth.log". */
bool names_is_rotation(const char *name, const char *base);

/* The 1 of "auth.log.1": a larger one is older. 0: a rotation without, as with a date. */
unsigned names_number(const char *name, const char *base);
