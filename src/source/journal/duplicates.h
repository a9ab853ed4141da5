/*
 * Entries that one host sent twice. systemd-journal-upload notes what it sent only when an upload
 * ends well. After one that did not (systemd issue 39166, a collector that went away, a signal) it
 * sends everything again, and the collector's files hold the same entries twice. The ledger
 * recognises those that were reported, but not those from before the first start.
 */
#pragma once

#include "source/journal/cursor_reader.h"

struct duplicates {
	struct sd_journal *j; /* to look an entry up; NULL: not open */
	char boot[33];	      /* of the last entry that could be a login; "": there was none */
	uint64_t usec;	      /* the latest in that boot, the host's CLOCK_MONOTONIC */
	bool within;	      /* the last one was a duplicate */
};

/*
 * Whether the current entry of @r, which reads @paths, is in these files once before: 1, 0, -errno.
 * On 0, @data is its message.
 */
int duplicates_find(struct duplicates *ds, const struct cursor_reader *r, char *const *paths,
		    const void **data, size_t *size);

/* Forgets everything, as before the files are opened again. */
void duplicates_forget(struct duplicates *ds);
