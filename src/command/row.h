/* One row of a table for people, built column by column, safe for a terminal. */
#pragma once

#include "base/buffer.h"

/* The terminal's width; 0 if standard output is no terminal: rows are not cut. */
size_t row_columns(void);

/* Appends @s, or "-" if it is empty, padded to @width, and two spaces. -ENOMEM, -E2BIG. */
int row_column(struct buffer *row, struct slice s, size_t width);

/* Prints @s, safe for a terminal. */
void row_print_safe(struct slice s);

/* Prints a destination's section: "[Mail]" or "[Mail "NAME"]". */
void row_print_destination(const char *name);

/* Prints the row, cut after @columns; @colour is an escape sequence, or "". */
void row_print(const struct buffer *row, size_t columns, const char *colour);
