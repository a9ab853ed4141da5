/* Going to the place where reading ended, also if its entry is gone. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "source/journal/cursor.h"

struct sd_journal;

struct journal_landing {
	bool pending; /* the current entry is unread, and the next one */
	bool gap;     /* entries between these times were vacuumed unread */
	uint64_t gap_from_usec, gap_to_usec;
};

/*
 * Goes after the entry of @p. If it is gone, goes to the first one after it; if that is not known,
 * to its time less a margin: some entries are then read again, none is missed. @begin_usec and
 * @end_usec are the times of the first and the last entry in the journal. On 0, *ret is set.
 * -errno of sd_journal_next(3) and its kin.
 */
int journal_seek_position(struct sd_journal *j, const struct journal_position *p,
			  uint64_t begin_usec, uint64_t end_usec, struct journal_landing *ret);
