/*
 * Boots whose clock stands behind. sd_journal(3) orders entries of different boots by time, so a
 * reader that goes on from its place never comes to those of a new boot that lie before it. They
 * are read first, each boot in a pass of its own with a match; then comes the main pass, from the
 * place on. Where the last of these boots is the one that goes on, only it is read from then on.
 */
#include "source/journal/internal.h"

#include <errno.h>
#include <string.h>
#include <systemd/sd-id128.h>
#include <systemd/sd-journal.h>

#include "base/cleanup.h"

int journal_note_boots(struct journal *s)
{
	int r;

	buffer_clear(&s->boots_text);
	r = journal_boots_format(&s->boots, &s->boots_text);
	if (r == 0)
		s->last.boots = buffer_slice(&s->boots_text);
	return r;
}

/* Whether the current entry was written behind the place, so that going on from there finds it. */
static bool is_behind(struct journal *s)
{
	AUTO_FREE char *cursor = NULL;

	return sd_journal_get_cursor(s->j, &cursor) >= 0 &&
	       journal_cursor_behind(slice_of(s->last.cursor), slice_of(cursor));
}

/*
 * Finds the boots that are new and lie, by their time, before what was read last: the order of
 * sd_journal would never come to them, unless they are of the same sequence of numbers. That of
 * this machine comes last, since it goes on. Moves the place and the matches.
 */
int journal_find_apart(struct journal *s)
{
	char current[SD_ID128_STRING_MAX] = "";
	sd_id128_t id;
	int r;

	s->apart.n = s->at_apart = 0;
	for (size_t i = 0; i < s->boots.n; i++) {
		const char *boot = s->boots.ids[i];
		uint64_t begin;

		if (journal_boots_named(s->last.boots, boot) ||
		    journal_position_in_boot(&s->last, boot))
			continue;
		r = journal_boots_begin(s->j, boot, &begin);
		if (r == -ENODATA ||
		    (r == 0 && !*s->last.bound && (begin > s->last.time_usec || is_behind(s))))
			continue;
		if (r < 0)
			return r;
		memcpy(s->apart.ids[s->apart.n++], boot, JOURNAL_BOOT_ID);
	}
	if (journal_is_local(s) && sd_id128_get_boot(&id) >= 0)
		(void)sd_id128_to_string(id, current);
	for (size_t i = 0; i + 1 < s->apart.n; i++)
		if (strcmp(s->apart.ids[i], current) == 0) {
			memcpy(s->apart.ids[i], s->apart.ids[s->apart.n - 1], JOURNAL_BOOT_ID);
			memcpy(s->apart.ids[s->apart.n - 1], current, JOURNAL_BOOT_ID);
		}
	return 0;
}

/* Takes the matches of the pass that begins, and goes to where it does. */
int journal_begin_pass(struct journal *s)
{
	int r;

	sd_journal_flush_matches(s->j);
	r = journal_add_matches(s, s->j);
	if (r < 0)
		return r;
	s->pending = false;
	if (journal_reads_apart(s)) {
		s->apart_last = (struct journal_position){.cursor = ""};
		return sd_journal_seek_head(s->j);
	}
	s->main_entries = 0;
	if (!*s->last.cursor && !s->last.until_usec)
		return s->since_usec && !s->paths
			       ? sd_journal_seek_realtime_usec(s->j, s->since_usec)
			       : sd_journal_seek_head(s->j);
	return journal_go_to_place(s);
}

/*
 * Whether the boot that was read apart last is the one that goes on, so that from now on only it
 * is read: it is this machine's current one, or in a directory of one machine, nothing came of
 * the boot that was read before.
 */
static bool goes_on_apart(struct journal *s)
{
	const char *boot = s->apart.ids[s->apart.n - 1];
	char current[SD_ID128_STRING_MAX];
	sd_id128_t id;

	if (journal_is_local(s))
		return sd_id128_get_boot(&id) >= 0 &&
		       strcmp(sd_id128_to_string(id, current), boot) == 0;
	return s->main_entries == 0 && journal_boots_one_machine(s->j);
}

/* The end of a pass was reached: 1 if another one begins, 0 if it was the last, -errno. */
int journal_next_pass(struct journal *s)
{
	int r;

	if (s->apart.n == 0)
		return 0;
	if (journal_reads_apart(s)) {
		s->at_apart++;
		r = journal_begin_pass(s);
		return r < 0 ? r : 1;
	}
	if (goes_on_apart(s)) {
		memcpy(s->last.bound, s->apart.ids[s->apart.n - 1], JOURNAL_BOOT_ID);
		if (*s->apart_last.cursor) {
			memcpy(s->last.cursor, s->apart_last.cursor, sizeof(s->last.cursor));
			s->last.time_usec = s->apart_last.time_usec;
		}
	}
	s->apart.n = s->at_apart = 0;
	r = journal_note_boots(s);
	if (r == 0 && *s->last.bound)
		r = journal_begin_pass(s);
	return r < 0 ? r : *s->last.bound != '\0';
}
