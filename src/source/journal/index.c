/*
 * sd_journal finds matches through a hash table. If the header of a file is damaged (the offset or
 * size of the table, the key of the hash, the flags for hash and layout), it looks in the wrong
 * place and finds nothing. So the check looks for what the file must contain.
 */
#include "source/journal/index.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <systemd/sd-journal.h>

#include "base/cleanup.h"
#include "source/journal/sigbus.h"

#define N_ENTRIES_AT 152 /* in the header (systemd's JOURNAL_FILE_FORMAT) */
#define FIELDS_MAX   32	 /* of the entry that are looked for; journald writes about 20 */
#define DATA_MAX     512 /* bytes of a field */

struct field {
	char data[DATA_MAX];
	size_t size;
};

static int count_entries(const char *path, uint64_t *ret)
{
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	uint64_t n;

	if (fd < 0 || pread(fd, &n, sizeof(n), N_ENTRIES_AT) != (ssize_t)sizeof(n))
		return fd < 0 ? -errno : -ENODATA;
	*ret = le64toh(n);
	return 0;
}

/* The fields of the current entry that can be matches. */
static size_t fields_of(sd_journal *j, struct field *ret)
{
	size_t n = 0, size;
	const void *data;

	sd_journal_restart_data(j);
	while (n < FIELDS_MAX && sd_journal_enumerate_data(j, &data, &size) > 0) {
		if (size > DATA_MAX)
			continue;
		memcpy(ret[n].data, data, size);
		ret[n++].size = size;
	}
	return n;
}

static bool is_found(sd_journal *j, const struct field *f)
{
	sd_journal_flush_matches(j);
	if (sd_journal_add_match(j, f->data, f->size) < 0)
		return true; /* not a name that a match may have */
	return sd_journal_seek_head(j) >= 0 && sd_journal_next(j) > 0;
}

static int check(sd_journal *j)
{
	struct field fields[FIELDS_MAX];
	size_t n = 0;

	if (sd_journal_seek_head(j) >= 0 && sd_journal_next(j) > 0)
		n = fields_of(j, fields);
	for (size_t i = 0; i < n; i++)
		if (!is_found(j, &fields[i]))
			return 0;
	return n > 0;
}

int journal_index_check(const char *path)
{
	const char *const paths[] = {path, NULL};
	sd_journal *j;
	uint64_t n = 0;
	int r = count_entries(path, &n);

	if (r == 0 && n == 0)
		r = -ENODATA;
	if (r == 0)
		r = sd_journal_open_files(&j, (const char **)paths, 0);
	if (r < 0)
		return r;
	r = check(j);
	sd_journal_close(j);
	if (journal_sigbus_seen()) {
		journal_sigbus_forget(); /* of this reader, which is closed */
		return 0;
	}
	return r;
}
