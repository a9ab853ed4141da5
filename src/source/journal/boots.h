/*
 * The boots that a journal holds. sd_journal(3) orders entries of different boots by time. If the
 * clock of a new boot is behind the last one's, the new entries come before those that were read
 * last, and a reader that continues from there misses them (systemd issues 9108, 24344). So the
 * position lists the boots that existed when it was stored.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

#define JOURNAL_BOOT_ID	  33  /* 32 hexadecimal digits with a NUL */
#define JOURNAL_BOOTS_MAX 400 /* in one position; if a journal has more, none are listed */

struct journal_boots {
	char ids[JOURNAL_BOOTS_MAX][JOURNAL_BOOT_ID];
	size_t n; /* 0: not known */
};

struct sd_journal;

/* All boots in the journal, in no order; n is 0 if there are too many. -errno. */
int journal_boots_list(struct sd_journal *j, struct journal_boots *ret);

/* Whether all entries have the same machine ID. */
bool journal_boots_one_machine(struct sd_journal *j);

/*
 * The time of a boot's first entry. Flushes the matches of @j and moves its place. 0, or -errno;
 * -ENODATA: there is no entry.
 */
int journal_boots_begin(struct sd_journal *j, const char *id, uint64_t *ret_usec);

/* Appends the last 12 digits of each ID, separated by commas. -ENOMEM, -E2BIG. */
int journal_boots_format(const struct journal_boots *boots, struct buffer *ret);

/* Whether a text of journal_boots_format() lists this boot. */
bool journal_boots_listed(struct slice text, const char *id);
