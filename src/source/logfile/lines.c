/*
 * Large blocks are searched as a whole for the words that every login contains; most lines of a log
 * are never cut out, nor even counted. A block ends within a line. That part is moved to the front
 * and the next block is read after it, so that a line is always in one piece. If the part alone is
 * longer than LINES_LONGEST, its first bytes are kept and the rest is skipped up to the newline.
 *
 * A writer without O_APPEND leaves a hole of NULs, of any size, when its file is truncated. So NULs
 * at the beginning of a line do not belong to it.
 */
#include "source/logfile/lines.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/cleanup.h"

#define NO_HIT SIZE_MAX

/* login_candidate() accepts no message without one of them. */
static const struct needle {
	struct slice word;
	size_t stem; /* the offset of STEM in it */
} needles[] = {
	{{"Accepted ", 9}, 1},
	{{"uth succeeded", 13}, 6},
};

#define STEM	  "cc" /* what the needles have in common, and few other lines contain */
#define STEM_SIZE 2
#define STRIDE	  128 /* bytes that are searched at once */

int lines_init(struct lines *l, size_t block)
{
	*l = (struct lines){.fd = -1, .block = block};
	l->data = malloc(block + LINES_LONGEST);
	return l->data ? 0 : -ENOMEM;
}

void lines_done(struct lines *l)
{
	free(l->data);
	l->data = NULL;
}

void lines_begin(struct lines *l, int fd, uint64_t offset)
{
	l->fd = fd;
	l->at_end = l->only_buffered = l->no_seek = false;
	l->offset = l->read_offset = offset;
	l->start = l->complete = l->end = l->fresh = 0;
	l->skipped = 0;
}

/* Whether a STEM begins in the STRIDE bytes at @p. Without a branch, it is vectorised. */
static bool stride_has_stem(const char *p)
{
	unsigned char found = 0;

	for (size_t i = 0; i < STRIDE; i++)
		found |= (p[i] == STEM[0]) & (p[i + 1] == STEM[1]);
	return found;
}

/* The offset of the next STEM in the whole lines, from @at. */
static size_t find_stem(const struct lines *l, size_t at)
{
	while (l->complete - at >= STRIDE + STEM_SIZE && !stride_has_stem(l->data + at))
		at += STRIDE;
	for (; l->complete - at >= STEM_SIZE; at++) {
		const char *p = memchr(l->data + at, STEM[0], l->complete - at - 1);

		if (!p)
			break;
		at = (size_t)(p - l->data);
		if (p[1] == STEM[1])
			return at;
	}
	return NO_HIT;
}

/* The offset of the next needle in the whole lines, from @from. */
static size_t search(const struct lines *l, size_t from)
{
	for (size_t at = from; (at = find_stem(l, at)) != NO_HIT; at++) {
		for (size_t i = 0; i < ARRAY_SIZE(needles); i++) {
			const struct needle *n = &needles[i];

			if (at - from >= n->stem && l->complete - (at - n->stem) >= n->word.n &&
			    memcmp(l->data + at - n->stem, n->word.p, n->word.n) == 0)
				return at - n->stem;
		}
	}
	return NO_HIT;
}

static void set_complete(struct lines *l, size_t complete)
{
	l->complete = complete;
	l->hit = search(l, l->start);
}

static size_t next_hit(struct lines *l)
{
	if (l->hit < l->start)
		l->hit = search(l, l->start);
	return l->hit;
}

/* @to is the beginning of a line: skipped bytes can only belong to the line at start. */
static void advance(struct lines *l, size_t to)
{
	if (to == l->start)
		return;
	l->offset += to - l->start + l->skipped;
	l->skipped = 0;
	l->start = to;
}

/* Cuts the next line out of the whole ones. */
static bool cut_line(struct lines *l, enum lines_want want, struct line *ret)
{
	size_t hit = next_hit(l), from = l->start, end, nuls = 0;
	const char *p;

	if (want == LINES_CANDIDATES) {
		if (hit == NO_HIT)
			return false;
		p = memrchr(l->data + from, '\n', hit - from);
		if (p)
			advance(l, (size_t)(p + 1 - l->data));
		from = hit;
	}
	p = memchr(l->data + from, '\n', l->complete - from);
	end = p ? (size_t)(p - l->data) : l->complete;

	while (l->start + nuls < end && l->data[l->start + nuls] == '\0')
		nuls++;
	ret->text = (struct slice){l->data + l->start + nuls, end - l->start - nuls};
	ret->offset = l->offset + nuls;
	ret->cut = l->skipped > 0 || ret->text.n > LINES_LONGEST;
	if (ret->text.n > LINES_LONGEST)
		ret->text.n = LINES_LONGEST;
	ret->needle = hit < l->start + nuls + ret->text.n ? l->data + hit : NULL;
	advance(l, p ? end + 1 : end);
	ret->end_offset = l->offset;
	return true;
}

/* The rest is the beginning of a line: moves it to the front, and shortens it if necessary. */
static void keep_rest(struct lines *l)
{
	while (l->start < l->end && l->data[l->start] == '\0' && l->skipped == 0) {
		l->start++;
		l->offset++;
	}
	if (l->start > 0) {
		memmove(l->data, l->data + l->start, l->end - l->start);
		l->end -= l->start;
		l->start = l->complete = 0;
	}
	if (l->end > LINES_LONGEST) {
		l->skipped += l->end - LINES_LONGEST;
		l->end = LINES_LONGEST;
	}
}

static ssize_t read_block(struct lines *l)
{
	ssize_t n;

	if (l->only_buffered)
		return 0;
	if (l->poll_first) {
		struct pollfd p = {.fd = l->fd, .events = POLLIN};

		if (poll(&p, 1, 0) <= 0)
			return -EAGAIN;
	}
	do {
		n = l->no_offsets || l->no_seek
			    ? read(l->fd, l->data + l->end, l->block)
			    : pread(l->fd, l->data + l->end, l->block, (off_t)l->read_offset);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	l->at_end = n == 0;
	l->reads += n > 0;
	l->read_offset += (uint64_t)n;
	return n;
}

struct slice lines_fresh(const struct lines *l, uint64_t *ret_offset)
{
	*ret_offset = l->read_offset - l->fresh;
	return (struct slice){l->data + l->end, l->fresh};
}

void lines_unread(struct lines *l)
{
	l->read_offset -= l->fresh;
	l->fresh = 0;
}

/* Appends what was read to the rest. */
static void append_fresh(struct lines *l)
{
	char *fresh = l->data + l->end;
	const char *newline;
	size_t n = l->fresh;

	l->fresh = 0;
	if (l->skipped > 0) {
		size_t drop;

		newline = memchr(fresh, '\n', n);
		drop = newline ? (size_t)(newline - fresh) : n;
		memmove(fresh, fresh + drop, n - drop);
		l->skipped += drop;
		n -= drop;
	}
	l->end += n;
	newline = memrchr(fresh, '\n', n);
	if (newline)
		set_complete(l, (size_t)(newline + 1 - l->data));
}

/* LINES_READ; 1: there are whole lines now; 0: nothing now; -errno. */
static int fill(struct lines *l, bool last)
{
	ssize_t n;

	keep_rest(l);
	n = read_block(l);
	if (n == -EAGAIN)
		return 0;
	if (n < 0)
		return (int)n;
	l->fresh = (size_t)n;
	if (n > 0)
		return LINES_READ;
	if (!last || l->end == 0)
		return 0;
	set_complete(l, l->end);
	if (next_hit(l) != NO_HIT)
		return 1;
	l->complete = 0;
	return 0;
}

int lines_next(struct lines *l, enum lines_want want, bool last, struct line *ret)
{
	if (l->fd < 0)
		return 0;
	for (;;) {
		int r;

		if (l->fresh > 0)
			append_fresh(l);
		if (l->start < l->complete) {
			if (cut_line(l, want, ret))
				return 1;
			advance(l, l->complete);
		}
		r = fill(l, last);
		if (r != 1)
			return r;
	}
}

int lines_last(const char *data, size_t n, struct buffer *ret)
{
	const char *line;

	if (n > 0 && data[n - 1] == '\n')
		n--;
	line = memrchr(data, '\n', n);
	line = line ? line + 1 : data;
	n -= (size_t)(line - data);
	return n > LINES_LONGEST ? 0 : buffer_append(ret, line, n);
}

int lines_before(int fd, uint64_t offset, struct buffer *ret)
{
	size_t want = offset < LINES_BEFORE ? (size_t)offset : LINES_BEFORE;
	AUTO_FREE char *data = malloc(want + 1);
	ssize_t n;

	if (!data)
		return -ENOMEM;
	do {
		n = pread(fd, data, want, (off_t)(offset - want));
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	return (size_t)n < want ? 0 : lines_last(data, want, ret);
}
