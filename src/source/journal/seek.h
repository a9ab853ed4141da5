/* Going to where reading had ended, also when that entry is gone. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "source/journal/cursor.h"

struct sd_journal;

struct journal_landing {
	bool pending; /* the current entry is the first unread one: not to be stepped over */
	bool gap;     /* entries between these times were vacuumed unread */
	uint64_t gap_from_usec, gap_to_usec;
};

/*
 * Goes behind the entry of @p. Where it is gone, to the first one behind it; where that cannot be
 * told, by time with a margin: some entries are then given again, none is left out. @begin_usec
 * and @end_usec are the times of the first and the last entry in the journal. *ret is always set
 * on 0. -errno of sd_journal_next(3) and its kin.
 */
int journal_seek_position(struct sd_journal *j, const struct journal_position *p,
			  uint64_t begin_usec, uint64_t end_usec, struct journal_landing *ret);
