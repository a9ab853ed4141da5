/*
 * journald writes to a directory that is named by the machine ID. If the ID changes, as on a clone
 * that gets one of its own, journald moves to another directory at its next start.
 * sd_id128_get_machine(3) caches the ID, so sd_journal_open(3) finds that directory only in a new
 * process.
 */
#include "source/journal/machine.h"

#include <stdio.h>
#include <string.h>
#include <systemd/sd-id128.h>

#include "base/buffer.h"
#include "base/io.h"

#define ID_FILE "/etc/machine-id"

int journal_machine_id(char ret[JOURNAL_MACHINE_ID])
{
	sd_id128_t id;
	int r = sd_id128_get_machine(&id);

	ret[0] = '\0';
	if (r >= 0)
		(void)sd_id128_to_string(id, ret);
	return r < 0 ? r : 0;
}

void journal_machine_directory(enum journal_root root, char ret[JOURNAL_MACHINE_PATH])
{
	char machine[JOURNAL_MACHINE_ID];

	(void)journal_machine_id(machine);
	/* Without an ID journald writes into the root itself. */
	(void)snprintf(ret, JOURNAL_MACHINE_PATH, "%s%s%s",
		       root == JOURNAL_ROOT_STORED ? "/var/log/journal" : "/run/log/journal",
		       *machine ? "/" : "", machine);
}

bool journal_machine_changed(void)
{
	struct buffer text AUTO_BUFFER = BUFFER_INIT(256);
	char now[JOURNAL_MACHINE_ID];
	sd_id128_t known, id;

	/* A file that is missing or being written names no other machine. */
	if (sd_id128_get_machine(&known) < 0 || io_read_file_at(-1, ID_FILE, &text) < 0 ||
	    text.len < sizeof(now) - 1)
		return false;
	memcpy(now, text.data, sizeof(now) - 1);
	now[sizeof(now) - 1] = '\0';
	return sd_id128_from_string(now, &id) >= 0 && !sd_id128_equal(id, known);
}
