/* The one writer of the ledger: appends alerts, makes them durable, and rotates the file. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "store/ledger/format.h"
#include "text/alert.h"

#define LEDGER_ROTATE_MIN (1U << 20) /* bytes; a smaller ledger need not be rotated */

struct ledger_writer;

enum ledger_writer_e {
	LEDGER_E_KNOWN = 1, /* an alert of the same id is already there: nothing was written */
};

/* What was found wrong when opening; for the log. */
struct ledger_report {
	uint64_t torn_bytes;	 /* of an unfinished last block, cut off */
	uint64_t damaged_blocks; /* in ledger and ledger.1, skipped: their CRC or form is wrong */
	bool made_new;		 /* there was none */
	/*
	 * The ledger's header could not be read. The file was renamed: to ledger.1 if it has alerts
	 * that can be read (they are read from there), else to ledger.damaged. A new one was begun,
	 * with the same id if that could be recognised.
	 */
	bool header_damaged;
};

/*
 * Opens the ledger for writing, or makes it, cuts off a torn last block, and reads the ids of all
 * alerts in it and in ledger.1, so that a record that is read again is recognised. A last block
 * that lacks only its end is ended instead. If there is a ledger.1 and no ledger (a rotation was
 * interrupted), the new one continues it. Sequence numbers that damaged blocks after the last
 * readable one may have had are not used again. One writer at a time: the caller holds the lock.
 * @dirfd is the caller's and stays open. @report is set. -errno with *err set; -EPROTONOSUPPORT:
 * the ledger is of a later version.
 */
int ledger_writer_open(int dirfd, struct ledger_writer **ret, struct ledger_report *report,
		       struct error *err);
struct ledger_writer *ledger_writer_free(struct ledger_writer *w);

/*
 * Appends an alert: sets its seq, and writes its block in one write(2). Not durable before
 * ledger_sync(). 0; LEDGER_E_KNOWN; -errno (-ENOSPC, …): what was written of the block is cut off
 * (if that fails, before the next append), and the seq is not used. -EINVAL: its id is not 32 hex
 * digits. An alert whose block would exceed ALERT_BLOCK_MAX is written with its texts cut
 * (alert_clip()). A ledger that was removed or replaced is restored first; for one that was
 * emptied, a new one continues its id and numbers.
 */
int ledger_append(struct ledger_writer *w, struct alert *a);

/*
 * fdatasync(2), if anything was appended since the last one, or since the ledger was opened: what
 * an earlier process appended may not be durable yet. -errno: all since then is in doubt, and the
 * caller must not move the position. The kernel forgets what it could not write; the next call
 * writes it again.
 */
int ledger_sync(struct ledger_writer *w);

/* Whether an alert of this id (32 hex digits) was appended before. */
bool ledger_knows(const struct ledger_writer *w, struct slice id);

/* The latest time of a record (time_usec) among forged alerts of this uid, 0 without one. */
uint64_t ledger_forged_until(const struct ledger_writer *w, uint64_t uid);

/* Whether the file was found shorter than it was, since the last call. */
bool ledger_lost(struct ledger_writer *w);

const char *ledger_id(const struct ledger_writer *w);	 /* lives as long as @w */
uint64_t ledger_last_seq(const struct ledger_writer *w); /* 0: none yet */
uint64_t ledger_size(const struct ledger_writer *w);	 /* bytes */

/*
 * Renames the ledger to ledger.1 and begins a new one; the ids of the former ledger.1 are
 * forgotten. Whether it is time (LEDGER_ROTATE_MIN) is the caller's to judge. -errno: the old one
 * is still in use.
 */
int ledger_rotate(struct ledger_writer *w);
