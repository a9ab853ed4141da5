/*
 * The time of a boot only increases. So only an entry is looked up that is not later than the one
 * before, or is the first of its boot here, or follows a duplicate: by its message, which few
 * entries have.
 */
#include "source/journal/duplicates.h"

#include <string.h>
#include <systemd/sd-id128.h>
#include <systemd/sd-journal.h>

#include "base/cleanup.h"
#include "source/journal/sigbus.h"

#define SAME_MAX 1000 /* entries of the same message that are compared */

void duplicates_forget(struct duplicates *ds)
{
	sd_journal_close(ds->j);
	*ds = (struct duplicates){.j = NULL};
}

/* Whether the entry may be a duplicate. */
static bool is_doubtful(struct duplicates *ds, sd_id128_t boot, uint64_t usec)
{
	char id[SD_ID128_STRING_MAX];
	bool other = strcmp(sd_id128_to_string(boot, id), ds->boot) != 0;
	bool back = other || usec <= ds->usec;

	memcpy(ds->boot, id, sizeof(ds->boot));
	if (!back || other)
		ds->usec = usec;
	return back || ds->within;
}

/* Whether a matching entry is the same as the one of the cursor, and comes before it. */
static bool is_before(sd_journal *j, const char *own)
{
	if (sd_journal_seek_head(j) < 0)
		return false;
	for (unsigned n = 0; n < SAME_MAX && sd_journal_next(j) > 0; n++) {
		AUTO_FREE char *cursor = NULL;

		if (sd_journal_get_cursor(j, &cursor) < 0 || strcmp(cursor, own) == 0)
			return false;
		if (journal_cursor_same_entry(slice_of(cursor), slice_of(own)) &&
		    journal_cursor_after(slice_of(cursor), slice_of(own)))
			return true;
	}
	return false;
}

/* By an sd_journal of its own, so that the other one keeps its place. */
static bool look_up(struct duplicates *ds, char *const *paths, const char *own, const void *data,
		    size_t size)
{
	bool found;

	if (!ds->j && sd_journal_open_files(&ds->j, (const char **)paths, 0) < 0)
		ds->j = NULL;
	if (!ds->j)
		return false;
	sd_journal_flush_matches(ds->j);
	found = sd_journal_add_match(ds->j, data, size) >= 0 && is_before(ds->j, own);
	if (journal_sigbus_seen()) {
		journal_sigbus_forget(); /* of this reader */
		found = false;
	}
	return found;
}

int duplicates_find(struct duplicates *ds, const struct cursor_reader *r, char *const *paths,
		    const void **data, size_t *size)
{
	AUTO_FREE char *own = NULL;
	sd_id128_t boot;
	uint64_t usec;
	bool doubtful = sd_journal_get_monotonic_usec(r->j, &usec, &boot) >= 0 &&
			is_doubtful(ds, boot, usec) && sd_journal_get_cursor(r->j, &own) >= 0;
	int k = sd_journal_get_data(r->j, "MESSAGE", data, size);

	if (k < 0 || !doubtful || journal_sigbus_seen())
		return k;
	ds->within = look_up(ds, paths, own, *data, *size);
	if (!ds->within) {
		sd_journal_close(ds->j);
		ds->j = NULL;
	}
	return ds->within;
}
