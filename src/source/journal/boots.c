/*
 * sd_journal_query_unique(3) reads each file's index, not its entries. Twelve digits of a random ID
 * are enough to distinguish some hundred boots.
 */
#include "source/journal/boots.h"

#include <errno.h>
#include <stdio.h>
#include <systemd/sd-journal.h>

#define LISTED	12
#define SKIPPED (JOURNAL_BOOT_ID - 1 - LISTED)

static const char field[] = "_BOOT_ID=";

int journal_boots_list(struct sd_journal *j, struct journal_boots *ret)
{
	const void *data;
	size_t size;
	int r = sd_journal_query_unique(j, "_BOOT_ID");

	if (r < 0)
		return r;
	ret->n = 0;
	sd_journal_restart_unique(j);
	while ((r = sd_journal_enumerate_available_unique(j, &data, &size)) > 0) {
		size_t n = sizeof(field) - 1;

		if (size != n + JOURNAL_BOOT_ID - 1)
			continue;
		if (ret->n == JOURNAL_BOOTS_MAX) {
			ret->n = 0;
			return 0;
		}
		memcpy(ret->ids[ret->n], (const char *)data + n, JOURNAL_BOOT_ID - 1);
		ret->ids[ret->n++][JOURNAL_BOOT_ID - 1] = '\0';
	}
	if (r == -EBADMSG) {
		/* The index of a file is damaged; the others can still be read. */
		ret->n = 0;
		return 0;
	}
	return r;
}

bool journal_boots_one_machine(struct sd_journal *j)
{
	const void *data;
	size_t size;
	unsigned n = 0;

	if (sd_journal_query_unique(j, "_MACHINE_ID") < 0)
		return false;
	sd_journal_restart_unique(j);
	while (n < 2 && sd_journal_enumerate_available_unique(j, &data, &size) > 0)
		n++;
	return n < 2;
}

int journal_boots_begin(struct sd_journal *j, const char *id, uint64_t *ret_usec)
{
	char match[sizeof(field) + JOURNAL_BOOT_ID];
	int r;

	sd_journal_flush_matches(j);
	(void)snprintf(match, sizeof(match), "%s%s", field, id);
	r = sd_journal_add_match(j, match, 0);
	if (r >= 0)
		r = sd_journal_seek_head(j);
	if (r >= 0)
		r = sd_journal_next(j);
	if (r == 0)
		return -ENODATA;
	return r < 0 ? r : sd_journal_get_realtime_usec(j, ret_usec);
}

int journal_boots_format(const struct journal_boots *boots, struct buffer *ret)
{
	int r = 0;

	for (size_t i = 0; i < boots->n && r == 0; i++)
		r = buffer_printf(ret, "%s%s", i ? "," : "", boots->ids[i] + SKIPPED);
	return r;
}

bool journal_boots_listed(struct slice text, const char *id)
{
	while (text.n > 0) {
		const char *comma = memchr(text.p, ',', text.n);
		size_t n = comma ? (size_t)(comma - text.p) : text.n;

		if (slice_eq_str((struct slice){text.p, n}, id + SKIPPED))
			return true;
		text = slice_from(text, n + (comma != NULL));
	}
	return false;
}
