/* Judged logins on standard output: as a table for people, as JSON, or as journal export. */
#pragma once

#include "command/judge.h"
#include "command/options.h"

struct table;

enum table_host { TABLE_NO_HOST, TABLE_WITH_HOST };

/* NULL: out of memory. */
struct table *table_new(const struct options *options, enum table_host host);
struct table *table_free(struct table *t);

/* Prints one row; the heading before the first. -ENOMEM, -E2BIG. */
int table_row(struct table *t, const struct judged *judged);
