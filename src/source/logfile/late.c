/*
 * Files that were left for the next one. A daemon goes on with the old file until it is told to
 * open the new one, and of several writers one may be slower than the others. So the last files
 * that were left are watched for a minute after they were last written, and what still comes there
 * is read. A line without its end is one only after a second: write(2) is not at once, where it
 * goes over the end of a page. Their inode and begin are known for longer: a file that was read is
 * not read again under another name, nor is a copy of it.
 *
 * One that was truncated meanwhile is gone back to as well, for what is in a copy and what was
 * written since. Where it is empty, and all that was seen of it was read, that is no gap.
 */
#include <sys/stat.h>
#include <unistd.h>

#include "base/timetext.h"
#include "source/logfile/segments.h"

#define STAY_USEC (60 * USEC_PER_SEC)
#define REST_USEC USEC_PER_SEC /* for the end of a line that was being written */

static void close_left(struct chain *c, struct segment *s)
{
	watch_forget(&c->watch, s->watch);
	(void)close(s->fd);
	s->fd = s->watch = -1;
}

static void drop(struct chain *c, size_t i)
{
	memmove(&c->left[i], &c->left[i + 1], (--c->n_left - i) * sizeof(c->left[0]));
}

void chain_leave(struct chain *c, struct segment s)
{
	if (c->n_left == CHAIN_LEFT_MAX) {
		if (c->left[0].fd >= 0)
			close_left(c, &c->left[0]);
		drop(c, 0);
	}
	s.until_usec =
		chain_now(c) + (s.offset < s.seen_offset && !s.final ? REST_USEC : STAY_USEC);
	if (!c->following)
		close_left(c, &s);
	c->left[c->n_left++] = s;
}

void chain_leave_unread(struct chain *c, const struct place_file *file)
{
	chain_leave(c, (struct segment){
			       .fd = file->fd,
			       .watch = c->following ? watch_file(&c->watch, file->fd) : -1,
			       .dev = file->st.st_dev,
			       .ino = file->st.st_ino,
			       .queued = file->st.st_mtim,
		       });
}

/* Whether there is anything to read in one that was written. */
static bool is_worth(struct chain *c, struct segment *s)
{
	static const struct place_head none;
	struct place_head head;

	if (s->head.n >= PLACE_COPY_MIN || s->seen_offset > 0)
		return true;
	/* It was not long enough to tell that it is a copy. */
	if (place_head_read(s->fd, &head) < 0 || head.n < PLACE_COPY_MIN)
		return false;
	s->head = none;
	if (chain_knows(c, NULL, &head) || chain_holds_now(c, &head)) {
		close_left(c, s);
		return false;
	}
	s->head = head;
	return true;
}

/* Whether it was not truncated and written anew, up to just where it ended. */
static bool begins_as_before(const struct segment *s)
{
	struct place_head head;

	return s->seen_offset == 0 ||
	       (place_head_read(s->fd, &head) == 0 && place_head_grew(&s->head, &head));
}

int chain_look_at_left(struct chain *c)
{
	uint64_t now = chain_now(c);
	struct stat st;
	int r;

	for (size_t i = 0; i < c->n_left; i++) {
		struct segment *s = &c->left[i], again;

		if (s->fd < 0 || fstat(s->fd, &st) < 0)
			continue;
		s->cut = (uint64_t)st.st_size < s->seen_offset;
		if ((uint64_t)st.st_size == s->seen_offset && begins_as_before(s)) {
			if (now < s->until_usec)
				continue;
			if (s->offset == s->seen_offset || s->final) {
				close_left(c, s);
				continue;
			}
			s->final = true;
		} else if (!s->cut) {
			s->final = false;
		}
		/* The line that is in the buffer cannot be read again. */
		if (c->n > 0 && c->queue[0].dead)
			continue;
		if (!is_worth(c, s)) {
			if (s->fd >= 0 && now >= s->until_usec)
				close_left(c, s);
			continue;
		}
		again = *s;
		drop(c, i);
		c->finished -= again.offset < c->finished ? again.offset : c->finished;
		r = chain_return(c, &again);
		/* It may hold nothing now, so that no reading of it would tell. */
		return r < 0 ? r : chain_verify(c);
	}
	return 0;
}

bool chain_take_left(struct chain *c, const struct place_file *file, uint64_t *ret_offset)
{
	for (size_t i = 0; i < c->n_left; i++) {
		struct segment *s = &c->left[i];

		if (s->fd < 0 || s->ino != file->st.st_ino || s->dev != file->st.st_dev)
			continue;
		*ret_offset = s->offset;
		close_left(c, s);
		drop(c, i);
		return true;
	}
	return false;
}

uint64_t chain_left_due(const struct chain *c)
{
	uint64_t due = UINT64_MAX;

	for (size_t i = 0; i < c->n_left; i++)
		if (c->left[i].fd >= 0 && c->left[i].until_usec < due)
			due = c->left[i].until_usec;
	return due;
}

void chain_left_done(struct chain *c)
{
	for (size_t i = 0; i < c->n_left; i++)
		if (c->left[i].fd >= 0)
			(void)close(c->left[i].fd);
	c->n_left = 0;
}
