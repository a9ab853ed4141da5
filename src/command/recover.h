/* Where reading goes on when the file "position" is damaged or gone. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"

/*
 * Looks in the state directory for what still tells where reading was: *ret (cleared first) becomes
 * a position's text before all that was not handled, and *ret_usec its time. Where there is no
 * ledger, or @ledger_new says that it was made just now, only the time of the damaged position's
 * file is left. 1; 0 where nothing tells; -errno of the ledger.
 */
int recover_position(int dirfd, bool ledger_new, struct buffer *ret, uint64_t *ret_usec);
