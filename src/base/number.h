/* Numbers in text that is not NUL-terminated. No sign, no white space, no base prefix. */
#pragma once

#include <stdint.h>

#include "base/slice.h"

/* Parses all of @s as a decimal or hexadecimal number up to @max. -EINVAL; -ERANGE above @max. */
int number_parse_u64(struct slice s, uint64_t max, uint64_t *ret);
int number_parse_hex(struct slice s, uint64_t max, uint64_t *ret);

#define NUMBER_U64_MAX 20 /* digits of the largest one */

/* Writes @v in decimal and returns the end. @at has room for NUMBER_U64_MAX bytes. */
char *number_put_u64(char *at, uint64_t v);
