/* Where reading resumes if the file "position" is damaged or was removed. */
#pragma once

#include <stdbool.h>

#include "store/position.h"

/*
 * Finds a position in the state directory before everything that was not handled: that of the last
 * alert, or only a time. If there is no ledger, or @ledger_new says that it was made just now, only
 * the time of the damaged position's file is left. *ret is empty before. 1; 0: nothing is known;
 * -errno of the ledger, -ENOMEM.
 */
int recover_position(int dirfd, bool ledger_new, struct position *ret);
