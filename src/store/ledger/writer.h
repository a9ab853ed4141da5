/*
 * The one writer of the ledger: appends alerts, makes them durable, and rotates the file.
 */
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
	/* The ledger's header could not be read. The file was set aside, as ledger.1 where it holds
	 * alerts that can be read (they are, from there), else as ledger.damaged; a new one was
	 * begun, with the same id where that was still to be made out. */
	bool header_damaged;
};

/*
 * Opens the ledger for writing, makes it where there is none, cuts off a torn last block, and
 * reads the ids of all alerts in it and in ledger.1, so that a record that is read again is known.
 * A last block that lacks only what ends it is ended instead. Where there is a ledger.1 and no
 * ledger (a rotation was interrupted), it goes on from there. Sequence numbers that damaged blocks
 * behind the last readable one may have had are not given again. One writer at a time: the caller
 * holds reader.lock. @dirfd stays the caller's and open meanwhile. @report is set. -errno with *err
 * set; -EPROTONOSUPPORT: the ledger is of a later version.
 */
int ledger_writer_open(int dirfd, struct ledger_writer **ret, struct ledger_report *report,
		       struct error *err);
struct ledger_writer *ledger_writer_free(struct ledger_writer *w);

/*
 * Appends an alert: sets its seq, and writes its block in one write(2). Not durable before
 * ledger_sync(). 0; LEDGER_E_KNOWN; -errno (-ENOSPC, …): then what was written of the block is cut
 * off again (if that fails too, before the next append), and the seq is not used up. -EINVAL: its
 * id is not 32 hex digits. An alert whose block would exceed ALERT_BLOCK_MAX is written with its
 * texts cut (alert_clip()). Where the ledger was removed or replaced meanwhile, it is put back
 * whole; where it was emptied, a new one goes on with its id and number.
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
