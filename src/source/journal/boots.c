/*
 * sd_journal_query_unique(3) looks at each file's index, not at entries. Twelve digits of a random
 * id tell some hundred boots apart with room to spare.
 */
#include "source/journal/boots.h"

#include <errno.h>
#include <stdio.h>
#include <systemd/sd-journal.h>

#define NAMED	 12
#define LEFT_OUT (JOURNAL_BOOT_ID - 1 - NAMED)

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
		/* The index of a file is damaged, which is no reason to read none. */
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
		r = buffer_printf(ret, "%s%s", i ? "," : "", boots->ids[i] + LEFT_OUT);
	return r;
}

bool journal_boots_named(struct slice text, const char *id)
{
	return memmem(text.p, text.n, id + LEFT_OUT, NAMED) != NULL;
}
