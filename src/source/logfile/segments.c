/*
 * The chain is a queue of open files. The first is read; at its end the next one takes its place,
 * but only once that holds something, because a writer goes on with the old file until it opens
 * the new one. So the old file is looked at once more after the new one was seen to be written, and
 * goes to those that were left (logfile_left.c).
 *
 * When following, whatever inotify tells leads to one check, before anything more is read: was the
 * file that is read truncated (logfile_truncated.c), was one that was left written again, and does
 * the path name another file now? While the path names nothing, the old file is still read.
 */
#include "source/logfile/segments.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/timetext.h"

#define AGAIN_BYTES 4194304

uint64_t chain_usec_of(const struct timespec *t)
{
	return t->tv_sec < 0 ? 0 : (uint64_t)t->tv_sec * USEC_PER_SEC + (uint64_t)t->tv_nsec / 1000;
}

static uint64_t boottime(void)
{
	struct timespec t = {0};

	(void)clock_gettime(CLOCK_BOOTTIME, &t);
	return chain_usec_of(&t);
}

uint64_t chain_now(const struct chain *c)
{
	return c->opened_usec + (boottime() - c->opened_boottime);
}

uint64_t chain_written_usec(const struct chain *c)
{
	uint64_t now = chain_now(c), written;
	struct stat st;

	if (c->n == 0 || c->lines.stream || fstat(c->queue[0].fd, &st) < 0)
		return now;
	written = chain_usec_of(&st.st_mtim);
	return written < now ? written : now;
}

/* Begins with the first segment. */
static void begin(struct chain *c)
{
	const struct segment *s = &c->queue[0];

	buffer_clear(&c->prefix);
	c->head_hashed = false;
	c->closing = false;
	c->begun++;
	/* Since it was queued it may have changed. */
	c->check = c->following;
	unpack_stop(&c->unpack);
	if (s->compression != COMPRESSION_NONE)
		chain_begin_packed(c);
	else
		lines_begin(&c->lines, s->fd, s->offset);
}

static void put(struct chain *c, size_t at, const struct segment *s)
{
	if (at == 0 && c->n > 0)
		c->queue[0].offset = c->lines.offset;
	memmove(&c->queue[at + 1], &c->queue[at], (c->n - at) * sizeof(*s));
	c->queue[at] = *s;
	c->n++;
	if (at == 0)
		begin(c);
}

int chain_insert(struct chain *c, size_t at, const struct place_file *file, uint64_t offset,
		 uint64_t since_usec)
{
	struct segment s = {
		.fd = file->fd,
		.watch = -1,
		.dev = file->st.st_dev,
		.ino = file->st.st_ino,
		.offset = offset,
		.since_usec = since_usec,
		.since_end = file->compression == COMPRESSION_NONE ? (uint64_t)file->st.st_size
								   : UINT64_MAX,
		.queued = file->st.st_mtim,
		.compression = file->compression,
	};
	int r;

	r = c->n == ARRAY_SIZE(c->queue) ? -EOVERFLOW : place_head_of(file, &s.head);
	if (r < 0) {
		(void)close(s.fd);
		return r;
	}
	s.unknown =
		s.compression != COMPRESSION_NONE && file->fault != 0 && s.head.n < PLACE_COPY_MIN;
	if (c->following)
		s.watch = watch_file(&c->watch, s.fd);
	put(c, at, &s);
	return 0;
}

int chain_append(struct chain *c, const struct place_file *file, uint64_t offset,
		 uint64_t since_usec)
{
	return chain_insert(c, c->n, file, offset, since_usec);
}

int chain_return(struct chain *c, const struct segment *s)
{
	if (c->n == ARRAY_SIZE(c->queue))
		return -EOVERFLOW;
	put(c, 0, s);
	return 0;
}

struct place chain_place_of_first(const struct chain *c)
{
	const struct segment *s = &c->queue[0];

	return (struct place){
		.path = c->path,
		.dev = s->dev,
		.ino = s->ino,
		.fingerprint_of = s->head.n,
		.fingerprint = place_head_hash(&s->head, s->head.n),
		.offset = c->lines.offset,
	};
}

/* A truncated file is queued twice, and has one watch. */
static void unwatch_first(struct chain *c)
{
	for (size_t i = 1; i < c->n; i++)
		if (c->queue[i].watch == c->queue[0].watch)
			return;
	watch_forget(&c->watch, c->queue[0].watch);
}

void chain_shift(struct chain *c, bool keep)
{
	struct segment s = c->queue[0];

	c->previous_end = s.offset = c->lines.offset;
	s.seen_offset = c->lines.read_offset;
	c->finished += s.offset;
	if (!keep) {
		unwatch_first(c);
		(void)close(s.fd);
		s.fd = s.watch = -1;
	}
	chain_leave(c, s);
	memmove(&c->queue[0], &c->queue[1], --c->n * sizeof(c->queue[0]));
	begin(c);
}

void chain_set_gap(struct chain *c, const struct place *p, uint64_t from_usec, uint64_t to_usec,
		   const char *reason)
{
	struct chain_gap *g = &c->gaps[c->n_gaps];

	/* Those that are not told yet are of the same time. */
	if (c->n_gaps == CHAIN_GAPS_MAX)
		return;
	c->n_gaps++;
	g->from_usec = from_usec;
	g->to_usec = to_usec;
	(void)snprintf(g->reason, sizeof(g->reason), "%s", reason);
	/* With its begin: what is missing at the same place again is another gap. */
	(void)snprintf(g->identity, sizeof(g->identity), "gap:%llu:%016llx%016llx:%llu:%llu",
		       (unsigned long long)p->ino, (unsigned long long)p->fingerprint.high,
		       (unsigned long long)p->fingerprint.low, (unsigned long long)p->offset,
		       (unsigned long long)from_usec);
}

/* Whether there is one to be told; the one before it was. */
static bool next_gap(struct chain *c)
{
	if (c->gap_told)
		memmove(&c->gaps[0], &c->gaps[1], --c->n_gaps * sizeof(c->gaps[0]));
	c->gap_told = c->n_gaps > 0;
	return c->gap_told;
}

void chain_clear(struct chain *c)
{
	for (size_t i = 0; i < c->n; i++)
		(void)close(c->queue[i].fd);
	c->n = c->n_gaps = 0;
	unpack_stop(&c->unpack);
}

void chain_done(struct chain *c)
{
	chain_clear(c);
	chain_left_done(c);
	lines_done(&c->lines);
	watch_done(&c->watch);
	buffer_done(&c->before);
	buffer_done(&c->prefix);
	free(c->dir);
	free(c->path);
	c->dir = c->path = NULL;
}

/* The path names no file that can be read. */
static void note_missing(struct chain *c, int code, const struct error *err)
{
	uint64_t now = chain_now(c);
	struct place p = {0};
	char reason[512];

	if (c->missing_usec == 0)
		c->missing_usec = now;
	if (c->missing_told || now - c->missing_usec < CHAIN_MISSING_USEC)
		return;
	if (c->n > 0)
		p = chain_place_of_first(c);
	if (code == -ENOENT || code == -ENOTDIR)
		(void)snprintf(reason, sizeof(reason), "%.300s is missing", c->path);
	else
		(void)snprintf(reason, sizeof(reason), "%.300s: %.200s", c->path, err->text);
	c->missing_told = true;
	chain_set_gap(c, &p, c->missing_usec, now, reason);
}

static bool is_file(const struct segment *s, const struct stat *st)
{
	return s->dev == st->st_dev && s->ino == st->st_ino;
}

bool chain_path_names(const struct chain *c, const struct segment *s)
{
	struct stat path, st;

	/* The numbers of an overlay's file change when it is first written to: ask again. */
	return stat(c->path, &path) == 0 && fstat(s->fd, &st) == 0 && path.st_dev == st.st_dev &&
	       path.st_ino == st.st_ino;
}

/*
 * The path names a copy of the file that is read, as an editor leaves one. Goes on there, with what
 * may still be written to the old file; if it is too short for that, something was taken out.
 */
static int take_copy(struct chain *c, const struct place_file *copy)
{
	struct place p = chain_place_of_first(c);
	char reason[512];
	int r;

	if ((uint64_t)copy->st.st_size < c->lines.read_offset) {
		(void)snprintf(reason, sizeof(reason),
			       "%.300s was replaced by a copy that lacks a part of what was in it",
			       c->path);
		chain_set_gap(c, &p, c->whole_usec, chain_now(c), reason);
		return chain_append(c, copy, 0, chain_since_gap(c));
	}
	r = chain_append(c, copy, p.offset, 0);
	if (r < 0)
		return r;
	lines_begin(&c->lines, c->queue[0].fd, (uint64_t)copy->st.st_size);
	chain_shift(c, true);
	return 0;
}

/* Queues what the path names now, which is closed on error, and what came before it. */
static int take_next(struct chain *c, const struct place_file *now)
{
	struct chain_path path = {.ino = 0};
	struct place_head head;
	uint64_t offset = 0;
	int r;

	for (size_t i = 0; i < c->n; i++) {
		if (is_file(&c->queue[i], &now->st)) {
			(void)close(now->fd);
			return 0;
		}
	}
	r = place_head_read(now->fd, &head);
	if (r == 0 && c->n == 1 && !c->queue[0].dead &&
	    c->queue[0].compression == COMPRESSION_NONE &&
	    chain_begins_alike(&c->queue[0].head, &head))
		return take_copy(c, now);
	if (r == 0 && c->n > 0)
		r = chain_insert_rotations(c, c->n, &c->queue[c->n - 1].queued, NULL, now, &path);
	if (r < 0) {
		(void)close(now->fd);
		return r;
	}
	(void)chain_take_left(c, now, &offset);
	r = chain_append(c, now, offset, 0);
	if (r == 0 && path.ino == now->st.st_ino && path.dev == now->st.st_dev)
		c->queue[c->n - 1].head = path.head;
	return r;
}

/* Where changes are not told, it may be possible to watch for them by now. */
static void watch_again(struct chain *c)
{
	bool polled = c->watch.poll;

	c->watch.poll = NULL;
	watch_directory(&c->watch);
	for (size_t i = 0; i < c->n && polled; i++)
		c->queue[i].watch = watch_file(&c->watch, c->queue[i].fd);
}

/* Queues what the path names, where that is another file now. */
static int look_at_path(struct chain *c)
{
	struct place_file now;
	struct error err = {0};
	int r = 0;

	if (c->n == 0 || !chain_path_names(c, &c->queue[c->n - 1])) {
		r = chain_open_path(c, &now, &err);
		if (r < 0) {
			note_missing(c, r, &err);
			return 0;
		}
		r = take_next(c, &now);
	}
	c->missing_usec = 0;
	c->missing_told = false;
	return r;
}

/* Looks at what became of the file and the path, and queues what is to be read next. */
static int check(struct chain *c)
{
	int r = 0;

	c->check = false;
	c->looked_usec = chain_now(c);
	watch_again(c);
	if (c->n > 0 && c->watch.poll)
		chain_reopen(c);
	if (c->n > 0)
		r = chain_verify(c);
	if (r >= 0)
		r = look_at_path(c);
	/* Only now: one of those that were left may be a copy of what the path names. */
	return r < 0 ? r : chain_look_at_left(c);
}

/* Whether the second segment's writer left the first one. */
static bool next_is_written(const struct chain *c)
{
	struct stat st;

	if (c->n < 2)
		return false;
	return c->n > 2 || c->queue[0].dead || c->queue[0].compression != COMPRESSION_NONE ||
	       fstat(c->queue[1].fd, &st) < 0 || st.st_size > 0;
}

/* Bytes were read: believes them or not. Now and then the caller hears of it. 0, CHAIN_AGAIN. */
static int take_read(struct chain *c)
{
	int r;

	c->unheard += c->lines.fresh;
	r = c->lines.stream ? 0 : chain_verify(c);
	if (r < 0 || c->unheard < AGAIN_BYTES)
		return r < 0 ? r : 0;
	c->unheard = 0;
	return CHAIN_AGAIN;
}

int chain_next(struct chain *c, enum lines_want want, struct line *ret)
{
	int r;

	for (;;) {
		bool ends, leaves, rest;

		if (c->check && !c->lines.stream) {
			r = check(c);
			if (r < 0)
				return r;
		}
		if (next_gap(c))
			return CHAIN_GAP;
		ends = !c->following || c->lines.stream || c->lines.piped;
		leaves = ends || c->closing;
		/* The end of a line may still be on its way to a file that is only left. */
		rest = ends || (leaves && (c->queue[0].dead || c->queue[0].final));
		r = lines_next(&c->lines, want, rest, ret);
		if (r == LINES_READ) {
			r = take_read(c);
			if (r != 0)
				return r;
			continue;
		}
		if (r != 0)
			return r;
		/*
		 * Nobody tells who does not follow; and since the last look the file that is now
		 * left for the next one may have been truncated, and renamed only then.
		 */
		if ((!c->following || (leaves && next_is_written(c))) && !c->lines.stream &&
		    c->n > 0) {
			r = chain_verify(c);
			if (r < 0)
				return r;
			if (r > 0)
				continue;
		}
		if (c->lines.piped && chain_end_packed(c))
			continue;
		if (!next_is_written(c))
			return 0;
		/* What was written to the old file meanwhile was written before this look. */
		if (leaves)
			chain_shift(c, !c->queue[0].dead && !c->lines.piped);
		else
			c->closing = true;
	}
}

int chain_write_position(struct chain *c, uint64_t offset, uint64_t until_usec, struct buffer *ret)
{
	static const struct segment none;
	const struct segment *s = &c->queue[0];
	struct stat st;
	int r;

	if (c->lines.stream)
		return 0;
	if (c->n == 0) {
		s = &none;
		offset = 0;
	} else if (c->n == 2 && !next_is_written(c) && fstat(s->fd, &st) == 0 && st.st_nlink == 0) {
		/* The old file cannot be found again, and the new one is there. */
		s = &c->queue[1];
		offset = 0;
	}
	/* Of files that came since the last look nothing is known. */
	if (until_usec > c->looked_usec)
		until_usec = c->looked_usec;
	if (s != c->prefix_of)
		buffer_clear(&c->prefix);
	c->prefix_of = s;
	r = c->prefix.len > 0 ? 0 : place_write_file(c->path, s->dev, s->ino, &s->head, &c->prefix);
	if (r == 0)
		r = buffer_append_slice(ret, buffer_slice(&c->prefix));
	if (r == 0)
		r = place_write_offset(offset, c->time_usec, until_usec, ret);
	return r;
}

static void write_hex(char ret[16], uint64_t v)
{
	for (size_t i = 16; i > 0; v >>= 4)
		ret[--i] = "0123456789abcdef"[v & 15];
}

/*
 * Of the file's begin only what is in front of the line's end is hashed: that never changes. The
 * line is, too, since files that begin alike may differ there. The inode is no part of it: it is
 * another one when the file was copied or compressed.
 */
int chain_write_identity(struct chain *c, const struct line *line, struct buffer *ret)
{
	const struct segment *s = &c->queue[0];
	char text[5 + 32] = "file:";
	struct hash128 h;
	int r;

	if (c->lines.stream)
		return buffer_printf(ret, "stdin:%llu:%llu", (unsigned long long)c->opened_usec,
				     (unsigned long long)line->offset);
	if (line->end_offset < PLACE_HEAD) {
		h = place_head_hash(&s->head, (size_t)line->end_offset);
	} else {
		if (!c->head_hashed)
			c->head_hash = place_head_hash(&s->head, PLACE_HEAD);
		c->head_hashed = true;
		h = c->head_hash;
	}
	h = hash_fnv_add(h, line->text.p, line->text.n);
	write_hex(text + 5, h.high);
	write_hex(text + 21, h.low);
	r = buffer_append(ret, text, sizeof(text));
	return r < 0 ? r : place_write_number(":", line->offset, ret);
}

int chain_wait_fd(struct chain *c, short *ret_events, uint64_t *ret_timeout_usec)
{
	uint64_t timeout = UINT64_MAX, now = chain_now(c), due;

	if (c->lines.stream) {
		if (c->lines.ended)
			return -ENODATA;
		*ret_events = POLLIN;
		*ret_timeout_usec = timeout;
		return c->queue[0].fd;
	}
	if (c->missing_usec > 0 && !c->missing_told) {
		due = c->missing_usec + CHAIN_MISSING_USEC;
		timeout = due > now ? due - now : 0;
	}
	due = chain_left_due(c);
	if (due != UINT64_MAX && timeout > (due > now ? due - now : 0))
		timeout = due > now ? due - now : 0;
	if (c->watch.poll && timeout > WATCH_POLL_USEC)
		timeout = WATCH_POLL_USEC;
	*ret_events = POLLIN;
	*ret_timeout_usec = timeout;
	return c->watch.fd;
}

int chain_process(struct chain *c)
{
	if (c->lines.stream)
		return 0;
	watch_drain(&c->watch);
	c->check = true;
	return 0;
}

const char *chain_polls(const struct chain *c)
{
	return c->watch.poll;
}

void chain_progress(const struct chain *c, uint64_t *ret_done, uint64_t *ret_total)
{
	struct stat st;
	bool packed = false;

	*ret_done = c->finished + c->lines.offset;
	*ret_total = c->finished;
	for (size_t i = 0; i < c->n; i++) {
		if (fstat(c->queue[i].fd, &st) == 0 && S_ISREG(st.st_mode))
			*ret_total += (uint64_t)st.st_size;
		packed |= c->queue[i].compression != COMPRESSION_NONE;
	}
	if (packed || *ret_total < *ret_done)
		*ret_total = 0;
}
