/*
 * Reads the ledger while another process may append to it: the sender and the commands that show
 * the state.
 */
#pragma once

#include <stdint.h>

#include "base/error.h"
#include "store/ledger/format.h"
#include "text/alert.h"

struct ledger_reader;

enum ledger_reader_e {
	LEDGER_E_REPLACED = 2, /* of ledger_reader_next() */
};

/*
 * Opens the ledger for reading, at the first alert whose number is above @after_seq; ledger.1 is
 * read first where it may hold such. No lock is needed. 0 also where there is no ledger yet: next()
 * then finds it when it comes. -errno with *err set. A caller whose @after_seq belongs to another
 * id than ledger_reader_id() says opens it again with 0.
 */
int ledger_reader_open(int dirfd, uint64_t after_seq, struct ledger_reader **ret,
		       struct error *err);
struct ledger_reader *ledger_reader_free(struct ledger_reader *r);

/*
 * The next alert: 1 and *ret, which lives until the next call; 0 where there is none (yet: an
 * unfinished last block is waited for); -errno. A damaged block is skipped and counted. A rotation
 * is noticed at the end of the old file.
 *
 * LEDGER_E_REPLACED, once, without *ret: @after_seq and the numbers given so far say nothing of
 * what follows. The ledger was deleted and made anew (ledger_reader_id() gives the new id), or it
 * ends before @after_seq (it was put back from a backup). The caller resets its mark to 0; the next
 * calls give the ledger's alerts from its first on, some of which may have been seen before.
 */
int ledger_reader_next(struct ledger_reader *r, struct alert *ret);

/* Makes what was read durable: fdatasync(2) of the file, so that no mail tells of an alert that a
 * power loss takes back. -errno. */
int ledger_reader_sync(struct ledger_reader *r);

/* How many damaged blocks were skipped, those before @after_seq too. */
uint64_t ledger_reader_damaged(const struct ledger_reader *r);

/* The id of the ledger; "" where there is none yet, or its header is damaged. Lives as long as the
 * reader. */
const char *ledger_reader_id(const struct ledger_reader *r);

/* The number of the first alert in the file "ledger"; 0 if its header cannot be read. */
uint64_t ledger_first_seq(int dirfd);

/*
 * Calls @each for every alert that there is now, in order; the alert lives until it returns.
 * *ret_damaged (may be NULL) is the number of damaged blocks. -errno, also that of @each, which
 * ends it.
 */
typedef int (*ledger_alert)(void *userdata, const struct alert *alert);
int ledger_each(int dirfd, ledger_alert each, void *userdata, uint64_t *ret_damaged);
