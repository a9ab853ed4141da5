/* Going to the place where reading ended, also if its entry is gone. */
#pragma once

#include "source/journal/cursor_reader.h"

/*
 * Goes after the entry of the place. If it is gone, goes to the first one after it; if that is not
 * known, to its time less a margin: some entries are then read again, none is missed. Without a
 * place, goes to where reading begins. Sets landing. -errno of sd_journal_next(3) and its kin.
 */
int journal_seek_place(struct cursor_reader *s);
