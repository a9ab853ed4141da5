/* A row of a table for people, column by column, safe for a terminal. */
#pragma once

#include "base/buffer.h"

/* The terminal's width; 0 where standard output is none: rows are not cut. */
size_t row_columns(void);

/* Appends @s (empty: "-") by display_append(), padded to @width, and two spaces. -ENOMEM, -E2BIG.
 */
int row_column(struct buffer *row, struct slice s, size_t width);

/* Prints it, cut at the edge; @colour is an escape sequence, or "". */
void row_print(const struct buffer *row, size_t columns, const char *colour);
