#include "source/journal/new_files.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "source/journal/seek.h"
#include "source/journal/sigbus.h"

#define ATTEMPTS 5 /* to read a file that is cut meanwhile */

/* Of the header of a file (systemd's JOURNAL_FILE_FORMAT). */
static const char signature[] = "LPKSHHRH";
#define N_ENTRIES_AT 152
#define HEAD_USEC_AT 184 /* of the first entry */
#define TAIL_USEC_AT 192 /* of the last entry */
#define HEADER_SIZE  200

static void drop(struct new_files *n)
{
	cursor_reader_close(&n->reader);
	(void)close(n->fds[0]);
	memmove(n->fds, n->fds + 1, --n->n * sizeof(*n->fds));
	n->attempts = 0;
}

void new_files_done(struct new_files *n)
{
	while (n->n > 0)
		drop(n);
	free(n->fds);
	free(n->known);
}

static uint64_t number_at(const unsigned char *header, size_t at)
{
	uint64_t n;

	memcpy(&n, header + at, sizeof(n));
	return le64toh(n);
}

/*
 * The times of the first entry, and of the latest of the first and the last, which may be of
 * several boots. False: it is not a journal file, or has no entries.
 */
static bool read_times(int fd, uint64_t *ret_head, uint64_t *ret_latest)
{
	unsigned char header[HEADER_SIZE];

	if (pread(fd, header, sizeof(header), 0) != (ssize_t)sizeof(header) ||
	    memcmp(header, signature, sizeof(signature) - 1) != 0 ||
	    number_at(header, N_ENTRIES_AT) == 0)
		return false;
	*ret_head = number_at(header, HEAD_USEC_AT);
	*ret_latest = number_at(header, TAIL_USEC_AT);
	if (*ret_latest < *ret_head)
		*ret_latest = *ret_head;
	return true;
}

/* sd_journal may close its own descriptor. */
static int add(struct new_files *n, int fd)
{
	int *more = reallocarray(n->fds, n->n + 1, sizeof(*more));

	if (!more)
		return -ENOMEM;
	n->fds = more;
	fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	n->fds[n->n++] = fd;
	return 0;
}

int new_files_look(struct new_files *n, const struct live *live, struct cursor_reader *r,
		   uint64_t now_usec)
{
	uint64_t since = n->known ? n->looked_usec : r->place.files_usec, latest = 0, head, last;
	struct opened_file *list;
	size_t count;
	int k = opened_list(live, &list, &count);

	if (k < 0)
		return k == -ENOMEM ? k : 0; /* without /proc nothing is known of new files */
	for (size_t i = 0; i < count && k == 0; i++) {
		if (!read_times(list[i].fd, &head, &last))
			continue;
		if (last > latest)
			latest = last;
		if ((since || n->known) && head > since && *r->place.cursor &&
		    !opened_has(n->known, n->n_known, list[i].dev, list[i].ino))
			k = add(n, list[i].fd);
	}
	if (k < 0) {
		free(list);
		return k;
	}
	free(n->known);
	n->known = list;
	n->n_known = count;
	/* An entry from a time when the clock was ahead must not hide files that begin now. */
	n->looked_usec = latest < now_usec ? latest : now_usec;
	memcpy(n->end, r->place.cursor, sizeof(n->end));
	n->reader.programs = r->programs;
	return 0;
}

/* Opens the reader at its place, which is not empty if it was open before. */
static int open_reader(struct new_files *n, const struct cursor_reader *r)
{
	int fd = fcntl(n->fds[0], F_DUPFD_CLOEXEC, 0), k;

	if (fd < 0)
		return -errno;
	k = sd_journal_open_files_fd(&n->reader.j, &fd, 1, 0);
	if (k < 0) {
		n->reader.j = NULL;
		(void)close(fd);
		return k;
	}
	if (n->attempts++ == 0)
		n->reader.place = (struct journal_position){.cursor = ""};
	k = cursor_reader_match(&n->reader, r->place.bound);
	if (k < 0)
		return k;
	cursor_reader_note_bounds(&n->reader);
	return journal_seek_place(&n->reader);
}

/* Whether the current entry is one that the journal's reader skipped. */
static bool is_skipped(const struct new_files *n)
{
	AUTO_FREE char *cursor = NULL;

	return sd_journal_get_cursor(n->reader.j, &cursor) >= 0 &&
	       journal_cursor_precedes(slice_of(cursor), slice_of(n->end));
}

int new_files_next(struct new_files *n, struct cursor_reader *r)
{
	while (n->n > 0) {
		int k = n->reader.j ? 0 : open_reader(n, r);

		if (k >= 0)
			k = cursor_reader_next(&n->reader);
		if (k > 0 && !is_skipped(n))
			k = 0;
		if (journal_sigbus_seen())
			new_files_retry(n);
		else if (k > 0)
			return 1;
		else
			drop(n); /* at its end, or damaged, which the journal's reader finds */
	}
	r->place.files_usec = n->looked_usec;
	return 0;
}

void new_files_retry(struct new_files *n)
{
	journal_sigbus_forget();
	cursor_reader_close(&n->reader);
	if (n->attempts >= ATTEMPTS)
		drop(n);
}
