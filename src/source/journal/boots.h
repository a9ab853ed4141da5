/*
 * The boots that a journal holds. sd_journal(3) orders entries of different boots by time, so
 * those of a new boot whose clock stands behind the last one's are ordered before what was read
 * last, and a reader that goes on from there never sees them (systemd issues 9108, 24344). So the
 * position says which boots were there when it was stored.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

#define JOURNAL_BOOT_ID	  33  /* 32 hexadecimal digits with a NUL */
#define JOURNAL_BOOTS_MAX 400 /* known by one position; of a journal with more, none are */

struct journal_boots {
	char ids[JOURNAL_BOOTS_MAX][JOURNAL_BOOT_ID];
	size_t n; /* 0: not known */
};

struct sd_journal;

/* All boots in the journal, in no order; n is 0 where they are more than fit. -errno. */
int journal_boots_list(struct sd_journal *j, struct journal_boots *ret);

/* Whether this machine's journal, or a directory of one machine's, is read: one machine id. */
bool journal_boots_one_machine(struct sd_journal *j);

/*
 * The time of a boot's first entry. Flushes the matches of @j and moves its place. 0, or -errno;
 * -ENODATA where it has none.
 */
int journal_boots_begin(struct sd_journal *j, const char *id, uint64_t *ret_usec);

/* As text: the last 12 digits of each, with commas. -ENOMEM, -E2BIG. */
int journal_boots_format(const struct journal_boots *boots, struct buffer *ret);

/* Whether a text of journal_boots_format() names this boot. */
bool journal_boots_named(struct slice text, const char *id);
