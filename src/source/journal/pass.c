#include "source/journal/pass.h"

#include <errno.h>
#include <string.h>
#include <systemd/sd-id128.h>
#include <systemd/sd-journal.h>

#include "base/cleanup.h"
#include "source/journal/seek.h"

const char *boot_pass_boot(const struct boot_pass *p, const struct cursor_reader *r)
{
	return boot_pass_active(p) ? p->behind.ids[p->at] : r->place.bound;
}

struct journal_position *boot_pass_place(struct boot_pass *p, struct cursor_reader *r)
{
	return boot_pass_active(p) ? &p->place : &r->place;
}

/* All boots are known from now on, to the positions too. */
static int note_boots(struct boot_pass *p, struct cursor_reader *r)
{
	int k;

	buffer_clear(&p->text);
	k = journal_boots_format(&p->all, &p->text);
	if (k == 0)
		r->place.boots = buffer_slice(&p->text);
	return k;
}

static bool is_running(const struct boot_pass *p, const char *boot)
{
	char running[SD_ID128_STRING_MAX];
	sd_id128_t id;

	return p->local && sd_id128_get_boot(&id) >= 0 &&
	       strcmp(sd_id128_to_string(id, running), boot) == 0;
}

/* Whether the current entry was written after the place's, so that the main pass reaches it. */
static bool is_after_place(const struct cursor_reader *r)
{
	AUTO_FREE char *cursor = NULL;

	return sd_journal_get_cursor(r->j, &cursor) >= 0 &&
	       journal_cursor_after(slice_of(r->place.cursor), slice_of(cursor));
}

/*
 * Finds the boots that are new, and come before the place by their time and not by one sequence of
 * numbers. The running boot comes last. Moves the reader and changes its matches.
 */
static int find_behind(struct boot_pass *p, struct cursor_reader *r)
{
	size_t running = SIZE_MAX;

	for (size_t i = 0; i < p->all.n; i++) {
		const char *boot = p->all.ids[i];
		uint64_t begin;
		int k;

		if (journal_boots_listed(r->place.boots, boot) ||
		    journal_position_in_boot(&r->place, boot))
			continue;
		k = journal_boots_begin(r->j, boot, &begin);
		if (k == -ENODATA || (k == 0 && !*r->place.bound &&
				      (begin > r->place.time_usec || is_after_place(r))))
			continue;
		if (k < 0)
			return k;
		if (is_running(p, boot))
			running = i;
		else
			memcpy(p->behind.ids[p->behind.n++], boot, JOURNAL_BOOT_ID);
	}
	if (running != SIZE_MAX)
		memcpy(p->behind.ids[p->behind.n++], p->all.ids[running], JOURNAL_BOOT_ID);
	return 0;
}

int boot_pass_init(struct boot_pass *p, struct cursor_reader *r, bool resume)
{
	int k = journal_boots_list(r->j, &p->all);

	p->behind.n = p->at = 0;
	if (k >= 0 && resume && *r->place.cursor && r->place.boots.n > 0)
		k = find_behind(p, r);
	if (k < 0 || p->behind.n > 0) /* these are known when they have been read */
		return k;
	return note_boots(p, r);
}

int boot_pass_begin(struct boot_pass *p, struct cursor_reader *r)
{
	int k = cursor_reader_match(r, boot_pass_boot(p, r));

	if (k < 0)
		return k;
	if (boot_pass_active(p)) {
		r->landing = (struct journal_landing){.gap = false};
		p->place = (struct journal_position){.cursor = ""};
		return sd_journal_seek_head(r->j);
	}
	p->main_entries = 0;
	return journal_seek_place(r);
}

/*
 * Whether the boot that was read last is the only one that continues: it is the running one, or in
 * a directory of one machine, the main pass had no entries.
 */
static bool continues_alone(const struct boot_pass *p, const struct cursor_reader *r)
{
	if (p->local)
		return is_running(p, p->behind.ids[p->behind.n - 1]);
	return p->main_entries == 0 && journal_boots_one_machine(r->j);
}

int boot_pass_next(struct boot_pass *p, struct cursor_reader *r)
{
	int k;

	if (p->behind.n == 0)
		return 0;
	if (boot_pass_active(p)) {
		p->at++;
		k = boot_pass_begin(p, r);
		return k < 0 ? k : 1;
	}
	if (continues_alone(p, r)) {
		memcpy(r->place.bound, p->behind.ids[p->behind.n - 1], JOURNAL_BOOT_ID);
		if (*p->place.cursor) {
			memcpy(r->place.cursor, p->place.cursor, sizeof(r->place.cursor));
			r->place.time_usec = p->place.time_usec;
		}
	}
	p->behind.n = p->at = 0;
	k = note_boots(p, r);
	if (k == 0 && *r->place.bound)
		k = boot_pass_begin(p, r);
	return k < 0 ? k : *r->place.bound != '\0';
}
