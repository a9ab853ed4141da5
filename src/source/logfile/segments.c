/*
 * A segment is an open file with the offset and the time from which it counts. Whoever inserts one
 * before the first begins with it at once; what was read of the former first is kept as its offset.
 * Left files stay open for a minute, as late files, and stay known for longer.
 */
#include "source/logfile/segments.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/timetext.h"

#define STAY_USEC (60 * USEC_PER_SEC)
#define REST_USEC USEC_PER_SEC /* for the end of a line that was being written */

static int reserve(struct segments *s)
{
	size_t n = s->allocated > 0 ? 2 * s->allocated : 4;
	struct segment *queue;

	if (s->n < s->allocated)
		return 0;
	if (s->n >= SEGMENTS_MAX)
		return -EOVERFLOW;
	queue = reallocarray(s->queue, n, sizeof(*queue));
	if (!queue)
		return -ENOMEM;
	s->queue = queue;
	s->allocated = n;
	return 0;
}

int segments_init(struct segments *s, struct watch *watch, uint64_t now_usec,
		  uint64_t (*clock)(clockid_t id), size_t block)
{
	int r;

	*s = (struct segments){
		.watch = watch,
		.unpack = UNPACK_INIT,
		.before = BUFFER_INIT(LINES_LONGEST),
		.intact_usec = now_usec,
		.clock = {now_usec, clock(CLOCK_BOOTTIME), clock},
	};
	r = lines_init(&s->lines, block);
	return r < 0 ? r : reserve(s);
}

void segments_clear(struct segments *s)
{
	for (size_t i = 0; i < s->n; i++)
		(void)close(s->queue[i].fd);
	s->n = s->gaps.n = 0;
	unpack_stop(&s->unpack);
}

void segments_done(struct segments *s)
{
	segments_clear(s);
	for (size_t i = 0; i < s->late.n; i++)
		if (s->late.files[i].fd >= 0)
			(void)close(s->late.files[i].fd);
	s->late.n = 0;
	lines_done(&s->lines);
	buffer_done(&s->before);
	free(s->queue);
	s->queue = NULL;
}

uint64_t segments_now(const struct segments *s)
{
	return s->clock.start_usec + (s->clock.usec(CLOCK_BOOTTIME) - s->clock.start_steady_usec);
}

uint64_t segments_written_usec(const struct segments *s)
{
	uint64_t now = segments_now(s), written;
	struct stat st;

	if (s->n == 0 || s->lines.no_offsets || fstat(s->queue[0].fd, &st) < 0)
		return now;
	written = file_time_usec(&st.st_mtim);
	return written < now ? written : now;
}

/* An offset in compressed content is reached by unpacking everything before it. */
static void begin_compressed(struct segments *s)
{
	const struct segment *first = &s->queue[0];
	size_t want = first->offset < LINES_BEFORE ? (size_t)first->offset : LINES_BEFORE, n = 0;
	AUTO_FREE char *before = malloc(want + 1);

	buffer_clear(&s->before);
	if (before) {
		unpack_start(&s->unpack, first->compression, first->fd, unpack_directories);
		unpack_skip(&s->unpack, first->offset - want);
		n = unpack_read(&s->unpack, before, want);
		if (n < want && s->unpack.fault == 0)
			s->unpack.fault = UNPACK_E_SHORT;
	}
	if (!before || lines_last(before, n, &s->before) < 0)
		s->unpack.fault = -ENOMEM;
	lines_begin(&s->lines, s->unpack.fd, first->offset);
	s->lines.no_seek = true;
}

static void begin_first(struct segments *s)
{
	const struct segment *first = &s->queue[0];

	s->closing = false;
	s->begun++;
	/* It may have changed since it was queued. */
	s->check = s->watch != NULL;
	unpack_stop(&s->unpack);
	if (first->compression != COMPRESSION_NONE)
		begin_compressed(s);
	else
		lines_begin(&s->lines, first->fd, first->offset);
}

/* There is room for it. */
static void put(struct segments *s, size_t at, const struct segment *segment)
{
	if (at == 0 && s->n > 0)
		s->queue[0].offset = s->lines.offset;
	memmove(&s->queue[at + 1], &s->queue[at], (s->n - at) * sizeof(*segment));
	s->queue[at] = *segment;
	s->n++;
	if (at == 0)
		begin_first(s);
}

int segments_insert(struct segments *s, size_t at, const struct open_file *file, uint64_t offset,
		    uint64_t since_usec)
{
	bool plain = file->compression == COMPRESSION_NONE;
	struct segment segment = {
		.fd = file->fd,
		.watch = -1,
		.dev = file->st.st_dev,
		.ino = file->st.st_ino,
		.offset = offset,
		.since_usec = since_usec,
		.since_end = plain ? (uint64_t)file->st.st_size : UINT64_MAX,
		.queued = file->st.st_mtim,
		.compression = file->compression,
	};
	int r;

	r = reserve(s);
	if (r == 0)
		r = file_head_of(file, &segment.head);
	if (r < 0) {
		(void)close(segment.fd);
		return r;
	}
	segment.unknown = !plain && file->fault != 0 && segment.head.n < FILE_COPY_MIN;
	if (s->watch)
		segment.watch = watch_file(s->watch, segment.fd);
	put(s, at, &segment);
	return 0;
}

int segments_append(struct segments *s, const struct open_file *file, uint64_t offset,
		    uint64_t since_usec)
{
	return segments_insert(s, s->n, file, offset, since_usec);
}

int segments_return(struct segments *s, const struct segment *file)
{
	int r = reserve(s);

	if (r == 0)
		put(s, 0, file);
	return r;
}

void segments_set_stream(struct segments *s, int fd, bool poll_first)
{
	s->queue[0] = (struct segment){.fd = fd, .watch = -1};
	s->n = 1;
	lines_begin(&s->lines, fd, 0);
	s->lines.no_offsets = true;
	s->lines.poll_first = poll_first;
}

void segments_close_late(struct segments *s, struct segment *file)
{
	if (s->watch)
		watch_forget(s->watch, file->watch);
	(void)close(file->fd);
	file->fd = file->watch = -1;
}

void segments_drop_late(struct segments *s, size_t at)
{
	struct segment *file = &s->late.files[at];

	memmove(file, file + 1, (--s->late.n - at) * sizeof(*file));
}

void segments_abandon_late(struct segments *s, struct segment *file)
{
	struct file_id id = segment_id(file, file->offset);
	uint64_t left_usec = file->until_usec - STAY_USEC, now = segments_now(s);
	char name[FILE_NAME_SIZE];

	file_name(file->fd, name);
	segments_add_gap(s, &id, left_usec < now ? left_usec : now, now,
			 "%s was written after it and %d newer files were rotated: that was not "
			 "read",
			 name, SEGMENTS_LATE_READ);
	segments_close_late(s, file);
}

static void leave(struct segments *s, struct segment file)
{
	struct segments_late *late = &s->late;

	if (late->n == ARRAY_SIZE(late->files)) {
		struct segment *oldest = &late->files[0];
		struct stat st;

		if (oldest->fd >= 0 && oldest->seen_offset > 0 && fstat(oldest->fd, &st) == 0 &&
		    (uint64_t)st.st_size != oldest->offset)
			segments_abandon_late(s, oldest);
		else if (oldest->fd >= 0)
			segments_close_late(s, oldest);
		segments_drop_late(s, 0);
	}
	file.until_usec = segments_now(s) +
			  (file.offset < file.seen_offset && !file.final ? REST_USEC : STAY_USEC);
	if (!s->watch)
		segments_close_late(s, &file);
	late->files[late->n++] = file;
}

void segments_leave_unread(struct segments *s, const struct open_file *file)
{
	leave(s, (struct segment){
			 .fd = file->fd,
			 .watch = s->watch ? watch_file(s->watch, file->fd) : -1,
			 .dev = file->st.st_dev,
			 .ino = file->st.st_ino,
			 .queued = file->st.st_mtim,
		 });
}

/* A truncated file is queued twice, with one watch. */
static bool shares_watch(const struct segments *s)
{
	for (size_t i = 1; i < s->n; i++)
		if (s->queue[i].watch == s->queue[0].watch)
			return true;
	return false;
}

void segments_shift(struct segments *s)
{
	struct segment first = s->queue[0];

	s->previous_end = first.offset = s->lines.offset;
	first.seen_offset = s->lines.read_offset;
	s->finished += first.offset;
	if (first.dead || s->lines.no_seek) {
		if (shares_watch(s))
			first.watch = -1;
		segments_close_late(s, &first);
	}
	leave(s, first);
	memmove(&s->queue[0], &s->queue[1], --s->n * sizeof(first));
	begin_first(s);
}

struct file_id segment_id(const struct segment *segment, uint64_t offset)
{
	return (struct file_id){
		.dev = segment->dev,
		.ino = segment->ino,
		.fingerprint_of = segment->head.n,
		.fingerprint = file_head_hash(&segment->head, segment->head.n),
		.offset = offset,
	};
}

struct file_id segments_first_id(const struct segments *s)
{
	return segment_id(&s->queue[0], s->lines.offset);
}

static bool is_one_of(const struct segment *files, size_t n, const struct stat *st,
		      const struct file_head *head)
{
	for (const struct segment *f = files; f < files + n; f++)
		if (file_head_alike(&f->head, head) ||
		    (st && f->fd >= 0 && f->ino == st->st_ino && f->dev == st->st_dev))
			return true;
	return false;
}

bool segments_know(const struct segments *s, const struct stat *st, const struct file_head *head)
{
	return is_one_of(s->queue, s->n, st, head) || is_one_of(s->late.files, s->late.n, st, head);
}

static bool one_begins(const struct segment *files, size_t n, const struct file_head *head)
{
	for (const struct segment *f = files; f < files + n; f++)
		if (f->compression == COMPRESSION_NONE && file_begins_now(f->fd, head))
			return true;
	return false;
}

bool segments_queued_begin(const struct segments *s, const struct file_head *head)
{
	return one_begins(s->queue, s->n, head);
}

bool segments_open_begin(const struct segments *s, const struct file_head *head)
{
	return one_begins(s->queue, s->n, head) || one_begins(s->late.files, s->late.n, head);
}

void segments_add_gap(struct segments *s, const struct file_id *id, uint64_t from_usec,
		      uint64_t to_usec, const char *format, ...)
{
	struct segments_gap *g = &s->gaps.list[s->gaps.n];
	va_list args;

	/* Those that are not reported yet cover the same time. */
	if (s->gaps.n == ARRAY_SIZE(s->gaps.list))
		return;
	s->gaps.n++;
	g->from_usec = from_usec;
	g->to_usec = to_usec;
	va_start(args, format);
	(void)vsnprintf(g->reason, sizeof(g->reason), format, args);
	va_end(args);
	/* The start time distinguishes it from another gap at the same offset. */
	(void)snprintf(g->identity, sizeof(g->identity), "gap:%llu:%016llx%016llx:%llu:%llu",
		       (unsigned long long)id->ino, (unsigned long long)id->fingerprint.high,
		       (unsigned long long)id->fingerprint.low, (unsigned long long)id->offset,
		       (unsigned long long)from_usec);
}

bool segments_next_gap(struct segments *s)
{
	struct segments_gaps *gaps = &s->gaps;

	if (gaps->reported)
		memmove(&gaps->list[0], &gaps->list[1], --gaps->n * sizeof(gaps->list[0]));
	gaps->reported = gaps->n > 0;
	return gaps->reported;
}

uint64_t segments_since_gap(const struct segments *s)
{
	return s->time_usec > SEGMENTS_CLOCK_SLACK_USEC ? s->time_usec - SEGMENTS_CLOCK_SLACK_USEC
							: 0;
}
