/*
 * systemd-journal-upload keeps in mind what it sent only when an upload ends well. After one that
 * did not (systemd issue 39166, a collector that went away, a signal) it sends all of it again, and
 * the collector's files hold the same entries twice. The ledger knows again what was told, but not
 * what lay before the first start.
 *
 * Time goes on within a boot, so only an entry that goes back, or that is the first of its boot
 * here, or that comes behind one that was a repeat, is looked for: by its message, of which there
 * are few.
 */
#include "source/journal/internal.h"

#include <string.h>
#include <systemd/sd-id128.h>
#include <systemd/sd-journal.h>

#include "base/cleanup.h"
#include "source/journal/sigbus.h"

#define SAME_MAX 1000 /* entries of the same message that are looked at */

void journal_repeats_forget(struct journal_repeats *rs)
{
	sd_journal_close(rs->j);
	*rs = (struct journal_repeats){.j = NULL};
}

/* Whether the entry may be one that was read before; notes it. */
static bool is_doubtful(struct journal_repeats *rs, sd_id128_t boot, uint64_t usec)
{
	char id[SD_ID128_STRING_MAX];
	bool other = strcmp(sd_id128_to_string(boot, id), rs->boot) != 0;
	bool back = other || usec <= rs->usec;

	memcpy(rs->boot, id, sizeof(rs->boot));
	if (!back || other)
		rs->usec = usec;
	return back || rs->within;
}

/* Whether one of the entries that match lies before that of the cursor and is the same. */
static bool is_before(sd_journal *j, const char *own)
{
	if (sd_journal_seek_head(j) < 0)
		return false;
	for (unsigned n = 0; n < SAME_MAX && sd_journal_next(j) > 0; n++) {
		AUTO_FREE char *cursor = NULL;

		if (sd_journal_get_cursor(j, &cursor) < 0 || strcmp(cursor, own) == 0)
			return false;
		if (journal_cursor_same_entry(slice_of(cursor), slice_of(own)) &&
		    journal_cursor_behind(slice_of(cursor), slice_of(own)))
			return true;
	}
	return false;
}

/* By a reader of its own, so that the other one stays where it is. */
static bool look(struct journal *s, const char *own, const void *data, size_t size)
{
	struct journal_repeats *rs = &s->repeats;
	bool found;

	if (!rs->j && sd_journal_open_files(&rs->j, (const char **)s->paths, 0) < 0)
		rs->j = NULL;
	if (!rs->j)
		return false;
	sd_journal_flush_matches(rs->j);
	found = sd_journal_add_match(rs->j, data, size) >= 0 && is_before(rs->j, own);
	if (journal_fault_seen()) {
		journal_fault_forget(); /* of this reader */
		found = false;
	}
	return found;
}

int journal_find_repeat(struct journal *s, const void **data, size_t *size)
{
	AUTO_FREE char *own = NULL;
	sd_id128_t boot;
	uint64_t usec;
	bool doubtful = sd_journal_get_monotonic_usec(s->j, &usec, &boot) >= 0 &&
			is_doubtful(&s->repeats, boot, usec) &&
			sd_journal_get_cursor(s->j, &own) >= 0;
	int r = sd_journal_get_data(s->j, "MESSAGE", data, size);

	if (r < 0 || !doubtful || journal_fault_seen())
		return r;
	s->repeats.within = look(s, own, *data, *size);
	if (!s->repeats.within) {
		sd_journal_close(s->repeats.j);
		s->repeats.j = NULL;
	}
	return s->repeats.within;
}
