/* What an administrator asks for by "loginbell queue": done before anything is sent. */
#pragma once

#include "deliver/sender.h"

/* The dest's name for people. */
const char *admin_destination(const struct delivery_destination *dest);

/*
 * Does what is asked for, writes it down, and answers. 1 where alerts were dropped, so that the
 * ledger has to be looked through again for what waits; s->retried is set where some were taken
 * back; 0. What cannot be done or written down is logged, and asked for again at the next run.
 */
int admin_apply(struct sender *s);

/*
 * Waits until the sender that holds the lock has done what is asked for, at most 30 s. 0; or
 * ADMIN_E_FREE: the lock was given up, and *ret_lock is it now; EX_TEMPFAIL; -errno.
 */
enum admin_e { ADMIN_E_FREE = 1 };
int admin_wait(int dirfd, int *ret_lock);
