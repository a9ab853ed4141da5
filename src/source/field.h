/* The words "KEY=value" of a position's text. */
#pragma once

#include "base/number.h"

/* Removes the first word from @text if it is @key, which ends in "=". */
static inline bool field_cut(struct slice *text, const char *key, struct slice *ret)
{
	if (!slice_skip(text, key))
		return false;
	*ret = slice_cut_word(text);
	return true;
}

/* The same of a number up to @max; false also if it is not a number. */
static inline bool field_cut_number(struct slice *text, const char *key, uint64_t max,
				    uint64_t *ret)
{
	struct slice value;

	return field_cut(text, key, &value) && number_parse_u64(value, max, ret) == 0;
}
