/*
 * A file may be truncated and written again at any time, also between two reads. Only its beginning
 * shows that. So after each read the beginning is read again: if it has changed, or differs from
 * the bytes just read where they overlap, these bytes are of another generation and are dropped. A
 * file that is shorter than what was read of it was truncated as well.
 *
 * The rest of the lost generation is looked for in a copy (copytruncate). A copy that was made just
 * before the last lines were read is shorter than what was read, and adds nothing. If there is
 * neither, lines may have been written between the last look and the truncation: that is a gap.
 */
#include "source/logfile/truncation.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "source/logfile/compressed.h"
#include "source/logfile/rotations.h"

/* Whether the bytes that were just read are those that the file begins with. */
static bool agrees(const struct segments *s, const struct file_head *head)
{
	uint64_t from;
	struct slice fresh = lines_fresh(&s->lines, &from);
	size_t n;

	/* A file that is shorter by now holds none of them. */
	if (head->n < sizeof(head->bytes) && head->n < from + fresh.n)
		return false;
	if (from >= head->n)
		return true;
	n = head->n - (size_t)from;
	if (n > fresh.n)
		n = fresh.n;
	return memcmp(fresh.p, head->bytes + from, n) == 0;
}

/* Whether a late file was read completely, and nobody writes to it now. */
static bool was_read(const struct segment *file, const struct stat *st)
{
	return file->cut && st->st_size == 0 && (file->offset == file->seen_offset || file->final);
}

/* Finds the rest of the lost generation. A copy that lacks bytes of the current line is useless. */
static bool find_copy(const struct segments *s, const struct path *path, const struct stat *st,
		      struct open_file *ret)
{
	struct file_id lost = segments_first_id(s);

	lost.offset = s->lines.read_offset;
	if (rotations_find(path, &lost, ret) == 0)
		return false;
	if (ret->st.st_ino != st->st_ino && !compressed_is_short(ret, lost.offset))
		return true;
	(void)close(ret->fd);
	return false;
}

/* Whether a copy of the lost generation was made at most a minute before the truncation. */
static bool was_copied(const struct segments *s, const struct path *path, const struct stat *st)
{
	uint64_t truncated_usec = file_time_usec(&st->st_ctim);

	return rotations_have_copy(path, &s->queue[0].head,
				   truncated_usec > FILE_COPY_USEC ? truncated_usec - FILE_COPY_USEC
								   : 0);
}

/*
 * Queues, before segment @at, rotations that came before the first segment's file, of @st. What was
 * rotated after it is queued after it, when the path is examined. Their number, or -errno.
 */
static int insert_rotations(struct segments *s, const struct path *path, size_t at,
			    const struct timespec *since, const struct stat *st,
			    struct path_state *ret)
{
	bool named = path_names(path, s->queue[0].fd);

	return rotations_insert(s, path, at, since, named ? NULL : &st->st_mtim, NULL, ret);
}

/* Queues the rest of the lost generation, rotations made since, and the file from its beginning. */
static int queue_truncated(struct segments *s, const struct path *path)
{
	struct file_id lost = segments_first_id(s);
	struct timespec since = s->queue[0].queued;
	uint64_t since_usec = s->queue[0].since_usec;
	struct open_file copy, again = {.compression = COMPRESSION_NONE};
	struct path_state state;
	bool copied, nameless = lost.fingerprint_of < FILE_COPY_MIN;
	size_t at = 1;
	int r = 0;

	if (fstat(s->queue[0].fd, &again.st) < 0)
		return -errno;
	copied = find_copy(s, path, &again.st, &copy);
	if (copied) {
		since = copy.st.st_mtim;
		r = segments_insert(s, at++, &copy, lost.offset, 0);
	}
	if (r == 0)
		r = insert_rotations(s, path, at, &since, &again.st, &state);
	if (r < 0)
		return r;
	at += (size_t)r;
	if (!copied && !was_read(&s->queue[0], &again.st) && !(nameless && at > 1) &&
	    !compressed_have_unknown(s) && !was_copied(s, path, &again.st)) {
		segments_add_gap(s, &lost, s->intact_usec, segments_now(s),
				 "%.300s was truncated, and no copy of its content exists: lines "
				 "that were not read before are lost",
				 path->name);
		since_usec = segments_since_gap(s);
	}

	again.fd = fcntl(s->queue[0].fd, F_DUPFD_CLOEXEC, 3);
	if (again.fd < 0)
		return -errno;
	r = segments_insert(s, at, &again, 0, since_usec);
	if (r < 0)
		return r;
	path_set_head(&state, &s->queue[at]);
	s->queue[0].dead = true;
	/* Without a whole copy, the line that was being written is all that is left. */
	if (copied)
		segments_shift(s);
	else
		s->lines.only_buffered = true;
	s->closing = !copied;
	return 0;
}

/*
 * The file was empty when it was queued. It may have been written, copied and truncated since; then
 * there are new rotations, which are read first.
 */
static int queue_before_first(struct segments *s, const struct path *path,
			      const struct file_head *head)
{
	struct timespec since = s->queue[0].queued;
	struct path_state state;
	struct stat st;
	int r, k;

	if (fstat(s->queue[0].fd, &st) < 0)
		return -errno;
	r = insert_rotations(s, path, 0, &since, &st, &state);
	if (r < 0)
		return r;
	if (r == 0) {
		s->queue[0].head = *head;
		return 0;
	}
	/* One of these may hold what was read of it, so only its beginning now counts. */
	k = file_head_read(s->queue[r].fd, &s->queue[r].head);
	path_set_head(&state, &s->queue[r]);
	return k < 0 ? k : 1;
}

int truncation_check(struct segments *s, const struct path *path)
{
	struct segment *first = &s->queue[0];
	struct file_head head;
	struct stat st;
	int r;

	if (first->dead || first->compression != COMPRESSION_NONE)
		return 0;
	r = file_head_read(first->fd, &head);
	if (r < 0)
		return r;
	/* Bytes that were just read prove the length. */
	if (s->lines.fresh == 0 && fstat(first->fd, &st) < 0)
		return -errno;
	if (!file_head_grew(&first->head, &head) || !agrees(s, &head) ||
	    (s->lines.fresh == 0 && (uint64_t)st.st_size < s->lines.read_offset) || first->cut) {
		lines_unread(&s->lines);
		r = queue_truncated(s, path);
		return r < 0 ? r : 1;
	}
	s->intact_usec = segments_now(s);
	if (head.n == first->head.n)
		return 0;
	if (first->head.n == 0)
		return queue_before_first(s, path, &head);
	first->head = head;
	return 0;
}
