/*
 * Boots whose clock is behind. sd_journal(3) orders entries of different boots by time, so a reader
 * that continues from its place never reaches those of a new boot that come before it. They are
 * read first, each boot in a pass of its own, with a match; then comes the main pass, from the
 * place. If the last of these boots is the running one, only it is read from then on.
 */
#pragma once

#include "source/journal/boots.h"
#include "source/journal/cursor_reader.h"

struct boot_pass {
	struct journal_boots all;      /* in the journal */
	struct journal_boots behind;   /* to be read in passes of their own */
	size_t at;		       /* the one that is read now; behind.n: the main pass */
	struct journal_position place; /* in that boot; the reader's stays before all of them */
	uint64_t main_entries;	       /* that the main pass has read */
	bool local;		       /* this machine's journal is read */
	struct buffer text;	       /* of all; the reader's place refers to it */
};

/* Whether a boot is read by itself now. */
static inline bool boot_pass_active(const struct boot_pass *p)
{
	return p->at < p->behind.n;
}

/* The boot whose entries alone are read now; "" for all. */
const char *boot_pass_boot(const struct boot_pass *p, const struct cursor_reader *r);

/* The place that the current entry moves. */
struct journal_position *boot_pass_place(struct boot_pass *p, struct cursor_reader *r);

/* Lists the boots; without @resume (the place is a position's) all are known from now on. -errno.
 */
int boot_pass_init(struct boot_pass *p, struct cursor_reader *r, bool resume);

/* Begins the current pass: sets the matches, and goes to the pass's first unread entry. -errno. */
int boot_pass_begin(struct boot_pass *p, struct cursor_reader *r);

/* At the end of a pass: 1 if another one begins, 0 if it was the last, -errno. */
int boot_pass_next(struct boot_pass *p, struct cursor_reader *r);
