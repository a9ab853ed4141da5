/*
 * The chain is a queue of open files. The first is read; at its end the next one takes its place,
 * but only once that holds something, because a writer goes on with the old file until it opens
 * the new one. So the old file is looked at once more after the new one was seen to be written.
 *
 * When following, whatever inotify tells leads to one check, before anything more is read: was the
 * file that is read truncated, and does the path name another one now? A truncated file's rest is
 * looked for in a copy (copytruncate). While the path names nothing, the old file is still read.
 */
#include "source/logfile_chain.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/timetext.h"

#define FIND_TRIES 3

static uint64_t usec_of(const struct timespec *t)
{
	return t->tv_sec < 0 ? 0 : (uint64_t)t->tv_sec * USEC_PER_SEC + (uint64_t)t->tv_nsec / 1000;
}

static uint64_t boottime(void)
{
	struct timespec t = {0};

	(void)clock_gettime(CLOCK_BOOTTIME, &t);
	return usec_of(&t);
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
	written = usec_of(&st.st_mtim);
	return written < now ? written : now;
}

static bool is_file(const struct segment *s, const struct stat *st)
{
	return s->dev == st->st_dev && s->ino == st->st_ino;
}

/* Begins with the first segment. */
static void begin(struct chain *c)
{
	const struct segment *s = &c->queue[0];

	buffer_clear(&c->prefix);
	c->head_hashed = false;
	c->closing = false;
	/* Since it was queued it may have changed. */
	c->check = c->following;
	lines_begin(&c->lines, s->fd, s->offset);
	if (s->packing != PACKING_NONE)
		chain_begin_packed(c);
}

/* Puts a file into the queue at @at; the queue owns it from now on, also on error. */
static int insert(struct chain *c, size_t at, const struct place_file *file, uint64_t offset,
		  uint64_t since_usec)
{
	struct segment s = {
		.fd = file->fd,
		.watch = -1,
		.dev = file->st.st_dev,
		.ino = file->st.st_ino,
		.offset = offset,
		.since_usec = since_usec,
		.queued = file->st.st_mtim,
		.packing = file->packing,
	};
	int r = c->n == ARRAY_SIZE(c->queue) ? -EOVERFLOW : 0;

	if (s.packing != PACKING_NONE) {
		s.head = file->head;
		s.unknown = file->fault != 0 && s.head.n < PLACE_COPY_MIN;
	} else if (r == 0) {
		r = place_head_read(s.fd, &s.head);
	}
	if (r < 0) {
		(void)close(s.fd);
		return r;
	}
	if (c->following)
		s.watch = follow_file(&c->follow, s.fd);
	memmove(&c->queue[at + 1], &c->queue[at], (c->n - at) * sizeof(s));
	c->queue[at] = s;
	c->n++;
	if (at == 0)
		begin(c);
	return 0;
}

int chain_append(struct chain *c, const struct place_file *file, uint64_t offset,
		 uint64_t since_usec)
{
	return insert(c, c->n, file, offset, since_usec);
}

/* The first segment's place; its path is the chain's. */
static struct place place_of_first(const struct chain *c)
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
	follow_forget(&c->follow, c->queue[0].watch);
}

/* Leaves the first segment for the next one. */
static void shift(struct chain *c)
{
	c->previous = place_of_first(c);
	c->finished += c->lines.offset;
	if (c->following)
		unwatch_first(c);
	(void)close(c->queue[0].fd);
	memmove(&c->queue[0], &c->queue[1], --c->n * sizeof(c->queue[0]));
	begin(c);
}

void chain_set_gap(struct chain *c, const struct place *p, uint64_t from_usec, const char *reason)
{
	c->gap = true;
	c->gap_from_usec = from_usec;
	c->gap_to_usec = chain_now(c);
	(void)snprintf(c->gap_reason, sizeof(c->gap_reason), "%s", reason);
	(void)snprintf(c->gap_identity, sizeof(c->gap_identity), "gap:%llu:%016llx%016llx:%llu",
		       (unsigned long long)p->ino, (unsigned long long)p->fingerprint.high,
		       (unsigned long long)p->fingerprint.low, (unsigned long long)p->offset);
}

/* Whether what @file unpacks to is queued: it was compressed since. */
static bool is_queued(const struct chain *c, const struct place_file *file)
{
	if (file->packing == PACKING_NONE)
		return false;
	for (size_t i = 0; i < c->n; i++)
		if (c->queue[i].head.n >= PLACE_COPY_MIN &&
		    place_head_grew(&c->queue[i].head, &file->head))
			return true;
	return false;
}

static void set_gap_of_many(struct chain *c, const struct place_file *first)
{
	struct place p = {.ino = first->st.st_ino};
	char reason[512];

	(void)snprintf(reason, sizeof(reason),
		       "of the rotations of %.300s only the newest %d were read: there are more "
		       "that were not",
		       c->path, PLACE_ROTATIONS_MAX);
	chain_set_gap(c, &p, c->read_usec, reason);
	c->gap_to_usec = usec_of(&first->st.st_mtim);
}

int chain_append_rotations(struct chain *c, const struct timespec *since,
			   const struct place_except *except, uint64_t since_usec)
{
	struct place_file files[PLACE_ROTATIONS_MAX];
	bool more = false;
	int n = place_rotations(c->dir, c->base, since, except, files, &more), r = 0;

	if (n > 0 && more)
		set_gap_of_many(c, &files[0]);
	for (int i = 0; i < n; i++) {
		int k = 0;

		if (is_queued(c, &files[i]))
			(void)close(files[i].fd);
		else
			k = chain_append(c, &files[i], 0, since_usec);
		if (r == 0)
			r = k;
	}
	return n == -ENOENT || n == -EACCES ? 0 : n < 0 ? n : r;
}

static int find_once(const struct chain *c, const struct place *p, enum place_what what,
		     struct place_file *ret)
{
	AUTO_FREE char *target = realpath(c->path, NULL);
	char *slash = target ? strrchr(target, '/') : NULL;
	int r;

	r = place_find(p, c->dir, what, ret);
	if (r > 0 || !slash)
		return r > 0;
	*slash = '\0';
	if (strcmp(target, c->dir) == 0)
		return 0;
	return place_find(p, target[0] ? target : "/", what, ret) > 0;
}

int chain_find(const struct chain *c, const struct place *p, struct place_file *ret)
{
	int r = 0;

	/* readdir(3) may miss a file that is renamed meanwhile, as rotation does with all of them.
	 */
	for (unsigned i = 0; i < FIND_TRIES && r == 0; i++)
		r = find_once(c, p, PLACE_PLAIN, ret);
	return r > 0 ? r : find_once(c, p, PLACE_PACKED, ret);
}

void chain_done(struct chain *c)
{
	for (size_t i = 0; i < c->n; i++)
		(void)close(c->queue[i].fd);
	c->n = 0;
	unpack_stop(&c->unpack);
	lines_done(&c->lines);
	follow_done(&c->follow);
	buffer_done(&c->prefix);
	free(c->dir);
	free(c->path);
	c->dir = c->path = NULL;
}

/* The path names no file that can be read. */
static void note_missing(struct chain *c, int code)
{
	uint64_t now = chain_now(c);
	struct place p = {0};
	char reason[512];

	if (c->missing_usec == 0)
		c->missing_usec = now;
	if (c->missing_told || now - c->missing_usec < CHAIN_MISSING_USEC)
		return;
	if (c->n > 0)
		p = place_of_first(c);
	if (code == -ENOENT || code == -ENOTDIR)
		(void)snprintf(reason, sizeof(reason), "%.300s is missing", c->path);
	else
		(void)snprintf(reason, sizeof(reason), "%.300s cannot be read: %s", c->path,
			       strerror(-code));
	c->missing_told = true;
	chain_set_gap(c, &p, c->missing_usec, reason);
}

/* Whether the file being read lost what was read of it. Learns more of its begin otherwise. */
static bool was_truncated(struct chain *c)
{
	struct segment *s = &c->queue[0];
	struct place_head head;
	struct stat st;

	if (s->dead || s->packing != PACKING_NONE || fstat(s->fd, &st) < 0)
		return false;
	if ((uint64_t)st.st_size < c->lines.read_offset)
		return true;
	if (place_head_read(s->fd, &head) < 0)
		return false;
	if (!place_head_grew(&s->head, &head))
		return true;
	if (head.n > s->head.n) {
		s->head = head;
		buffer_clear(&c->prefix);
	}
	return false;
}

/*
 * Queues the rest of what was truncated, where a copy of it can be found, copies that were made
 * since, and the file anew. Where the file was empty at the last look it is not known whether it
 * was truncated since (@sure): then any new copy tells that it was.
 */
static int queue_truncated(struct chain *c, bool sure)
{
	struct place first = place_of_first(c);
	uint64_t inos[1] = {c->queue[0].ino};
	struct place_except except = {
		{&first, &c->previous}, inos, ARRAY_SIZE(inos), &c->queue[0].head};
	struct timespec since = c->queue[0].queued;
	struct place_file copy, anew = {.fd = -1};
	bool copied;
	int r = 0;

	/* Looked at first: what is copied and truncated from now on comes later. */
	if (fstat(c->queue[0].fd, &anew.st) < 0)
		return -errno;
	copied = sure && chain_find(c, &first, &copy) > 0;
	if (copied) {
		since = copy.st.st_mtim;
		r = chain_append(c, &copy, first.offset, 0);
	}
	if (r == 0 && (copied || !sure || first.fingerprint_of < PLACE_COPY_MIN))
		r = chain_append_rotations(c, &since, &except, 0);
	if (r < 0 || (!sure && c->n == 1))
		return r;
	c->queue[0].dead = true;
	lines_finish(&c->lines);
	anew.fd = fcntl(c->queue[0].fd, F_DUPFD_CLOEXEC, 3);
	if (anew.fd < 0)
		return -errno;
	r = chain_append(c, &anew, 0, 0);
	if (r < 0)
		return r;
	/* Without a copy the line that was being written is all that is left. */
	if (copied)
		shift(c);
	c->closing = true;
	return 0;
}

/* Queues what was written between the file that is read and @now, which is closed on error. */
static int queue_between(struct chain *c, const struct place_file *now)
{
	struct place first = place_of_first(c);
	uint64_t inos[ARRAY_SIZE(c->queue) + 1];
	struct place_except except = {{&first, &c->previous}, inos, c->n + 1, NULL};
	struct stat st;
	int r;

	for (size_t i = 0; i < c->n; i++)
		inos[i] = c->queue[i].ino;
	inos[c->n] = now->st.st_ino;
	r = fstat(c->queue[0].fd, &st) < 0 ? -errno : 0;
	if (r == 0)
		r = chain_append_rotations(c, &st.st_mtim, &except, 0);
	if (r < 0)
		(void)close(now->fd);
	return r;
}

/* Looks at what became of the file and the path, and queues what is to be read next. */
static int check(struct chain *c)
{
	struct place_file now;
	int r;

	c->check = false;
	follow_directory(&c->follow);
	if (c->n > 0) {
		bool empty = c->n == 1 && c->queue[0].head.n == 0;
		bool truncated = was_truncated(c);

		if (truncated || (empty && c->queue[0].head.n > 0)) {
			r = queue_truncated(c, truncated);
			if (r < 0)
				return r;
		}
	}
	r = chain_open_path(c, &now, NULL);
	if (r < 0) {
		note_missing(c, r);
		return 0;
	}
	c->missing_usec = 0;
	c->missing_told = false;
	if (c->n > 0 && is_file(&c->queue[c->n - 1], &now.st)) {
		(void)close(now.fd);
		return 0;
	}
	r = c->n > 0 ? queue_between(c, &now) : 0;
	return r < 0 ? r : chain_append(c, &now, 0, 0);
}

/* Whether the second segment's writer left the first one. */
static bool next_is_written(const struct chain *c)
{
	struct stat st;

	if (c->n < 2)
		return false;
	return c->n > 2 || c->queue[0].dead || c->queue[0].packing != PACKING_NONE ||
	       fstat(c->queue[1].fd, &st) < 0 || st.st_size > 0;
}

int chain_next(struct chain *c, enum lines_want want, struct line *ret)
{
	int r;

	for (;;) {
		bool last;

		if (c->check && !c->lines.stream) {
			r = check(c);
			if (r < 0)
				return r;
		}
		if (c->gap) {
			c->gap = false;
			return CHAIN_GAP;
		}
		last = !c->following || c->lines.stream || c->lines.piped || c->closing;
		r = lines_next(&c->lines, want, last, ret);
		if (r != 0)
			return r;
		if (c->lines.piped && chain_end_packed(c))
			continue;
		if (!next_is_written(c))
			return 0;
		/* What was written to the old file meanwhile was written before this look. */
		if (last)
			shift(c);
		else
			c->closing = true;
	}
}

/* Learns the begin of the file up to @offset, as far as its fingerprint wants it. */
static void learn_head(struct chain *c, uint64_t offset)
{
	struct segment *s = &c->queue[0];
	struct place_head head;

	if (s->head.n == PLACE_HEAD || offset <= s->head.n || s->dead || c->lines.piped ||
	    place_head_read(s->fd, &head) < 0 || !place_head_grew(&s->head, &head))
		return;
	s->head = head;
	buffer_clear(&c->prefix);
}

int chain_write_position(struct chain *c, uint64_t offset, uint64_t time_usec, uint64_t until_usec,
			 struct buffer *ret)
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
	} else {
		learn_head(c, offset);
	}
	if (s != c->prefix_of)
		buffer_clear(&c->prefix);
	c->prefix_of = s;
	r = c->prefix.len > 0 ? 0 : place_write_file(c->path, s->dev, s->ino, &s->head, &c->prefix);
	if (r == 0)
		r = buffer_append_slice(ret, buffer_slice(&c->prefix));
	if (r == 0)
		r = place_write_offset(offset, time_usec, until_usec, ret);
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
	learn_head(c, line->end_offset);
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
	uint64_t timeout = UINT64_MAX;

	if (c->lines.stream) {
		if (c->lines.ended)
			return -ENODATA;
		*ret_events = POLLIN;
		*ret_timeout_usec = timeout;
		return c->queue[0].fd;
	}
	if (c->missing_usec > 0 && !c->missing_told) {
		uint64_t now = chain_now(c), due = c->missing_usec + CHAIN_MISSING_USEC;

		timeout = due > now ? due - now : 0;
	}
	if (c->follow.poll && timeout > FOLLOW_POLL_USEC)
		timeout = FOLLOW_POLL_USEC;
	*ret_events = POLLIN;
	*ret_timeout_usec = timeout;
	return c->follow.fd;
}

int chain_process(struct chain *c)
{
	if (c->lines.stream)
		return 0;
	follow_drain(&c->follow);
	c->check = true;
	return 0;
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
		packed |= c->queue[i].packing != PACKING_NONE;
	}
	if (packed || *ret_total < *ret_done)
		*ret_total = 0;
}
