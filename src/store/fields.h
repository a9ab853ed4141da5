/* Lines of state files: "KEY=word word … rest", taken from the left. */
#pragma once

#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "base/hash.h"
#include "base/number.h"
#include "base/slice.h"

/* Takes the next line of *text, without its newline. 1; 0 at the end; -EINVAL without newline. */
static inline int fields_line(struct slice *text, struct slice *ret)
{
	const char *end;

	if (text->n == 0)
		return 0;
	end = memchr(text->p, '\n', text->n);
	if (!end)
		return -EINVAL;
	*ret = (struct slice){text->p, (size_t)(end - text->p)};
	*text = slice_from(*text, ret->n + 1);
	return 1;
}

/* Takes "KEY" off "KEY=value"; *line is then the value. -EINVAL. */
static inline int fields_key(struct slice *line, struct slice *ret)
{
	const char *eq = memchr(line->p, '=', line->n);

	if (!eq)
		return -EINVAL;
	*ret = (struct slice){line->p, (size_t)(eq - line->p)};
	*line = slice_from(*line, ret->n + 1);
	return 0;
}

/* Takes what stands before the next space, or all; empty at the end. */
static inline struct slice fields_word(struct slice *line)
{
	const char *space = line->n ? memchr(line->p, ' ', line->n) : NULL;
	struct slice word = {line->p, space ? (size_t)(space - line->p) : line->n};

	*line = slice_from(*line, word.n + (space != NULL));
	return word;
}

/* Takes @n numbers. -EINVAL, -ERANGE. */
static inline int fields_numbers(struct slice *line, size_t n, uint64_t *const ret[])
{
	for (size_t i = 0; i < n; i++) {
		int r = number_parse_u64(fields_word(line), UINT64_MAX, ret[i]);

		if (r < 0)
			return r;
	}
	return 0;
}

/* Takes 32 hex digits. -EINVAL. */
static inline int fields_hash(struct slice *line, struct hash128 *ret)
{
	struct slice word = fields_word(line);

	if (word.n != 32 ||
	    number_parse_hex((struct slice){word.p, 16}, UINT64_MAX, &ret->high) < 0 ||
	    number_parse_hex((struct slice){word.p + 16, 16}, UINT64_MAX, &ret->low) < 0)
		return -EINVAL;
	return 0;
}
