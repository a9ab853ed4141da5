#include "source/journal/cursor_reader.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-journal.h>

#include "base/cleanup.h"
#include "source/journal/entry.h"
#include "source/journal/sigbus.h"

void cursor_reader_close(struct cursor_reader *r)
{
	sd_journal_close(r->j);
	r->j = NULL;
}

int cursor_reader_open(struct cursor_reader *r, char *const *paths, const char *directory,
		       const char *boot)
{
	int k;

	cursor_reader_close(r);
	r->landing = (struct journal_landing){.gap = false};
	if (paths)
		k = sd_journal_open_files(&r->j, (const char **)paths, 0);
	else if (directory)
		k = sd_journal_open_directory(&r->j, directory, 0);
	else
		k = sd_journal_open(&r->j, SD_JOURNAL_LOCAL_ONLY);
	return k < 0 ? k : cursor_reader_match(r, boot);
}

void cursor_reader_note_bounds(struct cursor_reader *r)
{
	if (sd_journal_get_cutoff_realtime_usec(r->j, &r->begin_usec, &r->end_usec) <= 0)
		r->begin_usec = r->end_usec = 0;
}

static int add_match(sd_journal *j, const char *field, const char *value)
{
	char match[256];
	int n = snprintf(match, sizeof(match), "%s=%s", field, value);

	if (n < 0 || (size_t)n >= sizeof(match))
		return -ENAMETOOLONG;
	return sd_journal_add_match(j, match, (size_t)n);
}

/* (_COMM of the programs) or (SYSLOG_IDENTIFIER of the programs) or (journald's drop notice); and
 * (the boot). */
int cursor_reader_match(struct cursor_reader *r, const char *boot)
{
	static const char *const fields[] = {"_COMM", "SYSLOG_IDENTIFIER"};
	int k;

	sd_journal_flush_matches(r->j);
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		for (const char *const *p = r->programs; *p; p++) {
			k = add_match(r->j, fields[i], *p);
			if (k < 0)
				return k;
		}
		k = sd_journal_add_disjunction(r->j);
		if (k < 0)
			return k;
	}
	k = add_match(r->j, "MESSAGE_ID", JOURNAL_MESSAGE_ID_DROPPED);
	if (k >= 0)
		k = add_match(r->j, "_TRANSPORT", "driver");
	if (k < 0 || !*boot)
		return k;
	k = sd_journal_add_conjunction(r->j);
	return k < 0 ? k : add_match(r->j, "_BOOT_ID", boot);
}

int cursor_reader_next(struct cursor_reader *r)
{
	if (r->landing.pending) {
		r->landing.pending = false;
		return 1;
	}
	return sd_journal_next(r->j);
}

int cursor_reader_remember(const struct cursor_reader *r, struct journal_position *place)
{
	AUTO_FREE char *cursor = NULL;
	uint64_t usec;
	int k = sd_journal_get_cursor(r->j, &cursor);

	if (k >= 0)
		k = sd_journal_get_realtime_usec(r->j, &usec);
	if (k < 0)
		return k;
	if (journal_sigbus_seen())
		return -EIO; /* the page was zeros */
	if (strlen(cursor) >= sizeof(place->cursor))
		return -E2BIG;
	memcpy(place->cursor, cursor, strlen(cursor) + 1);
	place->time_usec = usec;
	return 0;
}
