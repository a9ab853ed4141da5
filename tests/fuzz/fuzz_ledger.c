/*
 * Any bytes as a ledger: the writer opens it, what it appends is read again, once, and as many
 * alerts as could be read before are still read before it. The first byte says which file it is,
 * and whether the CRCs are made right first, since they are not found by chance.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/hash.h"
#include "base/io.h"
#include "store/ledger/reader.h"
#include "store/ledger/writer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Counts the alerts, and those with the id. */
static unsigned count(int dirfd, struct slice id, unsigned *ret_with_id)
{
	struct ledger_reader *r = NULL;
	unsigned n = 0;
	struct alert a;
	int k;

	*ret_with_id = 0;
	if (ledger_reader_open(dirfd, 0, &r, NULL) < 0)
		return 0;
	while ((k = ledger_reader_next(r, &a)) == 1) {
		n++;
		*ret_with_id += slice_eq(a.id, id);
	}
	if (k == LEDGER_E_REPLACED)
		abort();
	ledger_reader_free(r);
	return n;
}

static void correct_crcs(char *p, size_t n)
{
	size_t block = 0, line = 0;
	char text[9];

	for (size_t i = 0; i < n; i++) {
		if (p[i] != '\n')
			continue;
		if (i - line >= 12 && memcmp(p + line, "CRC=", 4) == 0) {
			(void)snprintf(text, sizeof(text), "%08x",
				       (unsigned)hash_crc32(0, p + block, line - block));
			memcpy(p + line + 4, text, 8);
		}
		if (i == line)
			block = i + 1;
		line = i + 1;
	}
}

static void write_file(int dirfd, uint8_t mode, const uint8_t *data, size_t size)
{
	AUTO_CLOSE int fd =
		openat(dirfd, mode & 1 ? "ledger" : "ledger.1", O_WRONLY | O_CREAT, 0600);
	AUTO_FREE char *copy = malloc(size + 1);

	if (fd < 0 || !copy)
		abort();
	memcpy(copy, data, size);
	if (mode & 2)
		correct_crcs(copy, size);
	if (io_write_all(fd, copy, size) < 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char id[] = "00000000000000000000000000fefefe";
	static int dirfd = -1;
	struct alert a = {.id = {id, 32}, .message = SLICE_LITERAL("x")};
	struct ledger_report report;
	struct ledger_writer *w = NULL;
	unsigned before, after, with_id;
	int r;

	if (size == 0)
		return 0;
	if (dirfd < 0) {
		char path[] = "/dev/shm/loginbell-fuzz-XXXXXX";

		if (!mkdtemp(path))
			abort();
		dirfd = open(path, O_RDONLY | O_DIRECTORY);
	}
	(void)unlinkat(dirfd, "ledger", 0);
	(void)unlinkat(dirfd, "ledger.1", 0);
	write_file(dirfd, data[0], data + 1, size - 1);
	before = count(dirfd, a.id, &with_id);
	if (ledger_writer_open(dirfd, &w, &report, NULL) < 0)
		return 0;
	r = ledger_append(w, &a);
	if (r == 0 && (ledger_sync(w) < 0 || ledger_append(w, &a) != LEDGER_E_KNOWN))
		abort();
	ledger_writer_free(w);
	if (r != 0)
		return 0;
	after = count(dirfd, a.id, &with_id);
	if (with_id != 1 || after < before + 1)
		abort();
	return 0;
}
