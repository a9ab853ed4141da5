/*
 * A file may be truncated, and written anew, at any time: between two looks, or while it is read.
 * What tells is its begin. Whenever bytes were read, the begin is read again, and only if it is
 * still what it was, and agrees with those bytes where they overlap, are the bytes believed; those
 * of another generation are thrown away. A file that is shorter than what was read of it was
 * truncated as well, whatever it begins with.
 *
 * The rest of the generation that was lost is looked for in a copy (copytruncate). A copy that was
 * made just before the last lines were read is shorter than what was read, and has nothing to give.
 * Where there is neither, nobody can know whether lines were written between the last look and the
 * truncation: that is a gap.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/timetext.h"
#include "source/logfile/segments.h"

/* Whether the bytes that were just read are those that the file begins with. */
static bool agrees(const struct chain *c, const struct place_head *head)
{
	uint64_t from;
	struct slice fresh = lines_fresh(&c->lines, &from);
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

uint64_t chain_since_gap(const struct chain *c)
{
	return c->time_usec > CHAIN_CLOCK_SLACK_USEC ? c->time_usec - CHAIN_CLOCK_SLACK_USEC : 0;
}

static void set_gap(struct chain *c, const struct place *p)
{
	char reason[512];

	(void)snprintf(reason, sizeof(reason),
		       "%.300s was truncated, and no copy of what was in it is left: what was not "
		       "read of it before is lost",
		       c->path);
	chain_set_gap(c, p, c->whole_usec, chain_now(c), reason);
}

/* Whether all that was seen of one that was left was read too, and nobody writes to it now. */
static bool was_read(const struct segment *s, const struct stat *st)
{
	return s->cut && st->st_size == 0 && (s->offset == s->seen_offset || s->final);
}

/* A segment begins as its file did when rotations were listed, so that none is missed. */
static void set_head(struct segment *s, const struct chain_path *path)
{
	if (s->dev == path->dev && s->ino == path->ino)
		s->head = path->head;
}

/* Queues the rest of what was truncated, rotations that were made since, and the file anew. */
static int queue_truncated(struct chain *c)
{
	struct place lost = chain_place_of_first(c);
	const struct timespec *until = NULL;
	struct timespec since = c->queue[0].queued;
	uint64_t since_usec = c->queue[0].since_usec;
	struct place_file copy, anew = {.compression = COMPRESSION_NONE};
	struct chain_path path;
	bool copied, nameless = lost.fingerprint_of < PLACE_COPY_MIN;
	size_t at = 1;
	int r = 0;

	if (fstat(c->queue[0].fd, &anew.st) < 0)
		return -errno;
	/* A copy that lacks bytes of the line that is in the buffer is of no use. */
	lost.offset = c->lines.read_offset;
	copied = chain_find(c, &lost, &copy) > 0;
	if (copied && (copy.st.st_ino == anew.st.st_ino || chain_is_short(&copy, lost.offset))) {
		(void)close(copy.fd);
		copied = false;
	}
	lost.offset = c->lines.offset;
	if (copied) {
		since = copy.st.st_mtim;
		r = chain_insert(c, at++, &copy, lost.offset, 0);
	}
	/* What was rotated in after this file was goes behind it, when the path is looked at. */
	if (!chain_path_names(c, &c->queue[0]))
		until = &anew.st.st_mtim;
	if (r == 0)
		r = chain_insert_rotations(c, at, &since, until, NULL, &path);
	if (r < 0)
		return r;
	at += (size_t)r;
	if (!copied && !was_read(&c->queue[0], &anew.st) && !(nameless && at > 1) &&
	    !chain_has_unknown(c) &&
	    !chain_has_copy(c, &c->queue[0].head, chain_usec_of(&anew.st.st_ctim),
			    CHAIN_COPY_USEC)) {
		set_gap(c, &lost);
		since_usec = chain_since_gap(c);
	}

	anew.fd = fcntl(c->queue[0].fd, F_DUPFD_CLOEXEC, 3);
	if (anew.fd < 0)
		return -errno;
	r = chain_insert(c, at, &anew, 0, since_usec);
	if (r < 0)
		return r;
	set_head(&c->queue[at], &path);
	c->queue[0].dead = true;
	/* Without a whole copy the line that was being written is all that is left. */
	if (copied)
		chain_shift(c, false);
	else
		lines_finish(&c->lines);
	c->closing = !copied;
	return 0;
}

/*
 * The file was empty when it was queued, and is not now: it may have been written, copied and
 * truncated meanwhile. Then there are new rotations, to be read first.
 */
static int queue_before_first(struct chain *c, const struct place_head *head)
{
	const struct timespec *until = NULL;
	struct timespec since = c->queue[0].queued;
	struct chain_path path;
	struct stat st;
	int r, k;

	if (fstat(c->queue[0].fd, &st) < 0)
		return -errno;
	if (!chain_path_names(c, &c->queue[0]))
		until = &st.st_mtim;
	r = chain_insert_rotations(c, 0, &since, until, NULL, &path);
	if (r < 0)
		return r;
	if (r == 0) {
		c->queue[0].head = *head;
		return 0;
	}
	/* What was read of it may be in one of these already: the last look at it counts. */
	k = place_head_read(c->queue[r].fd, &c->queue[r].head);
	set_head(&c->queue[r], &path);
	return k < 0 ? k : 1;
}

int chain_verify(struct chain *c)
{
	struct segment *s = &c->queue[0];
	struct place_head head;
	struct stat st;
	int r;

	if (s->dead || s->compression != COMPRESSION_NONE)
		return 0;
	r = place_head_read(s->fd, &head);
	if (r < 0)
		return r;
	/* Bytes that were read were there; else its length tells. */
	if (c->lines.fresh == 0 && fstat(s->fd, &st) < 0)
		return -errno;
	if (!place_head_grew(&s->head, &head) || !agrees(c, &head) ||
	    (c->lines.fresh == 0 && (uint64_t)st.st_size < c->lines.read_offset) || s->cut) {
		lines_unread(&c->lines);
		r = queue_truncated(c);
		return r < 0 ? r : 1;
	}
	c->whole_usec = chain_now(c);
	if (head.n == s->head.n)
		return 0;
	buffer_clear(&c->prefix);
	if (s->head.n == 0)
		return queue_before_first(c, &head);
	s->head = head;
	return 0;
}
