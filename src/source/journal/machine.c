/*
 * journald writes to a directory of the machine ID's name. Where that is changed while it runs, as
 * on a clone that is given an ID of its own, journald goes to another directory when it is started
 * again. sd_journal(3) never does, as sd_id128_get_machine(3) reads the ID only once. So it is read
 * here, whenever the journal changes: journald's last words in the old directory do that.
 *
 * A directory of that name may have been there before. journald is in it when its file is newer
 * than the ID.
 */
#include "source/journal/machine.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <systemd/sd-id128.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/io.h"

#define ID_FILE "/etc/machine-id"

static bool read_id(char ret[SD_ID128_STRING_MAX])
{
	struct buffer text AUTO_BUFFER = BUFFER_INIT(256);
	sd_id128_t id;

	if (io_read_file_at(-1, ID_FILE, &text) < 0 || text.len < SD_ID128_STRING_MAX - 1)
		return false;
	memcpy(ret, text.data, SD_ID128_STRING_MAX - 1);
	ret[SD_ID128_STRING_MAX - 1] = '\0';
	return sd_id128_from_string(ret, &id) >= 0;
}

static bool is_later(struct timespec a, struct timespec b)
{
	return a.tv_sec != b.tv_sec ? a.tv_sec > b.tv_sec : a.tv_nsec >= b.tv_nsec;
}

/* Whether journald wrote there since the ID is what it is. */
static bool is_written(const char *directory)
{
	char path[JOURNAL_MACHINE_PATH + 16];
	struct stat file, id;

	(void)snprintf(path, sizeof(path), "%s/system.journal", directory);
	return stat(path, &file) == 0 && stat(ID_FILE, &id) == 0 &&
	       is_later(file.st_mtim, id.st_ctim);
}

void journal_machine_look(struct journal_machine *m)
{
	static const char *const roots[] = {"/var/log/journal", "/run/log/journal"};
	char id[SD_ID128_STRING_MAX], known[SD_ID128_STRING_MAX];
	sd_id128_t first;

	if (m->moved || sd_id128_get_machine(&first) < 0 || !read_id(id))
		return;
	(void)sd_id128_to_string(first, known);
	m->awaited = false;
	if (strcmp(id, known) == 0 && !*m->directory)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(roots) && !m->moved; i++) {
		(void)snprintf(m->next, sizeof(m->next), "%s/%s", roots[i], id);
		if (strcmp(m->next, m->directory) == 0)
			return;
		m->moved = is_written(m->next);
	}
	m->awaited = !m->moved;
	if (strcmp(id, known) == 0)
		m->next[0] = '\0';
}

void journal_machine_follow(struct journal_machine *m)
{
	memcpy(m->directory, m->next, sizeof(m->directory));
	m->moved = false;
}
