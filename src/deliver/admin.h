/* What administrators request by "loginbell queue"; it is done before anything is sent. */
#pragma once

#include "deliver/state.h"

/*
 * Does what is requested, saves it, and answers. 1 if alerts were dropped, so that the ledger has
 * to be read again to see what waits; else 0. s->run.retried is set if alerts that were given up
 * are tried again. What fails is logged, and tried again in the next run.
 */
int admin_apply(struct sender *s);

/*
 * Waits up to 30 s until the sender that holds the lock has done what is requested: 0.
 * ADMIN_E_FREE: that sender has ended, and *ret_lock is the lock; EX_TEMPFAIL; -errno.
 */
enum admin_e { ADMIN_E_FREE = 1 };
int admin_wait(int dirfd, int *ret_lock);
