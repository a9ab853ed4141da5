/* Sending once while another sender holds the state: that one does it, and is waited for. */
#pragma once

#include <sys/types.h>

enum wait_for_sender_e {
	WAIT_FOR_SENDER_E_FREE = 1, /* the lock is ours now: *ret_lock */
};

/*
 * Asks the holder @pid (0: not known) to send now, and waits until it has mailed all that the
 * ledger holds now: 0; that it could not: EX_TEMPFAIL; that it went away: WAIT_FOR_SENDER_E_FREE.
 * After 30 s EX_TEMPFAIL. -errno.
 */
int wait_for_sender(int dirfd, pid_t pid, int *ret_lock);
