/* Sending once while another sender holds the lock: that one sends, and this process waits. */
#pragma once

enum wait_for_sender_e {
	WAIT_FOR_SENDER_E_FREE = 1,
};

/*
 * Requests that the sender which holds the lock of @dirfd, the sender's part of @state, sends now,
 * and waits until all that the ledger holds now is sent: 0; it could not be sent: EX_TEMPFAIL; that
 * sender ended: WAIT_FOR_SENDER_E_FREE, and *ret_lock is locked. After 30 s EX_TEMPFAIL. -errno.
 */
int wait_for_sender(const char *state, int dirfd, int *ret_lock);
