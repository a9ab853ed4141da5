/*
 * The ledger: the append-only file of all alerts, text in the style of the Journal Export Format.
 * The reader process writes it (ledger_writer), the sender and commands read it (ledger_reader).
 *
 *	LOGINBELL_LEDGER=1          a header block: format, the ledger's id (random),
 *	ID=<32 hex digits>          and the number of its first alert
 *	FIRST_SEQ=1
 *	CRC=<8 hex digits>          of all lines of the block before this one
 *	                            an empty line ends a block
 *	KIND=login
 *	SEQ=1
 *	…
 *	CRC=…
 *
 * Sequence numbers and the id continue over a rotation to "ledger.1".
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/slice.h"

#define LEDGER_NAME	"ledger"
#define LEDGER_ID_MAX	33 /* hex digits with a NUL */
#define LEDGER_OLD_NAME "ledger.1"
#define LEDGER_WINDOW	65536 /* bytes that are read at a time */

struct ledger_header {
	char id[LEDGER_ID_MAX]; /* "" if it cannot be read */
	uint64_t first_seq;	/* 0 if it cannot be read */
};

/* Appends the header's whole block. -ENOMEM, -E2BIG. */
int ledger_header_write(const struct ledger_header *h, struct buffer *ret);

/* Whether a block is a header, readable or not. */
bool ledger_header_is(struct slice body);

/* Reads a header's body. -EINVAL; -EPROTONOSUPPORT: of another version. */
int ledger_header_read(struct slice body, struct ledger_header *ret);

/* What can be recognised of a damaged header: only the id, or nothing. */
void ledger_header_guess(struct slice piece, struct ledger_header *ret);

/* Ends a block that begins at @start in @block: CRC and empty line. -ENOMEM, -E2BIG. */
int ledger_block_end(struct buffer *block, size_t start);

/* The block's SEQ, without reading the rest. -EINVAL. */
int ledger_block_seq(struct slice body, uint64_t *ret);

/*
 * The greatest sequence number that an alert of the ledger may have: that of the last readable
 * block plus, for damaged ones after it, as many as fit into their bytes. The sender may have
 * recorded any number up to it as sent, so none of them is used again.
 */
struct ledger_reach {
	uint64_t readable;
	uint64_t seq;
};

void ledger_reach_block(struct ledger_reach *r, uint64_t seq);
void ledger_reach_damaged(struct ledger_reach *r, uint64_t bytes);

/* Reads a file block by block. */
struct ledger_scan {
	int fd; /* not owned */
	struct buffer window;
	uint64_t offset;     /* in the file, of the window's first byte */
	size_t at;	     /* in the window, of the next block */
	uint64_t piece_len;  /* bytes of what next() returned, with the separator */
	uint64_t unended_at; /* where its CRC ends, if what follows is no separator; else 0 */
	struct {
		uint64_t offset, len;
		uint32_t crc;
	} doubt; /* what looked damaged when it was first read */
};

enum ledger_scan_result {
	LEDGER_SCAN_END = 0, /* no whole block follows (yet); the next call looks again */
	LEDGER_SCAN_BLOCK,   /* *ret_body is a block without its CRC line, which is right */
	LEDGER_SCAN_DAMAGED, /* *ret_body is what was found, or empty */
};

void ledger_scan_init(struct ledger_scan *s, int fd);
void ledger_scan_done(struct ledger_scan *s);
void ledger_scan_seek(struct ledger_scan *s, uint64_t offset);

/* Where the next block begins. */
uint64_t ledger_scan_offset(const struct ledger_scan *s);

/* The next block, which lives until the next call. -errno of pread(2), -ENOMEM. */
int ledger_scan_next(struct ledger_scan *s, struct slice *ret_body);

/*
 * After LEDGER_SCAN_END: whether what follows is a block that lacks nothing but the empty line
 * after its CRC. 1, *ret_body, and *ret_len, its bytes with the CRC's digits; 0; -errno.
 */
int ledger_scan_unended(struct ledger_scan *s, struct slice *ret_body, size_t *ret_len);
