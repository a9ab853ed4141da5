/*
 * The first file of the queue is read. At its end the next one becomes the first, but only once
 * that holds something, because a writer stays with the old file until it opens the new one. So the
 * old file is read once more after the new one was seen to be written, and is then a late file.
 *
 * Any event of inotify leads to one check before more is read: was the first file truncated, does
 * the path name another file, was a late file written? While the path names no file, the old one is
 * still read.
 */
#include "source/logfile/follow.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "source/logfile/compressed.h"
#include "source/logfile/late.h"
#include "source/logfile/open.h"
#include "source/logfile/rotations.h"
#include "source/logfile/truncation.h"

#define AGAIN_BYTES 4194304

int follow_open(struct follow *f, const char *name, const struct source_options *options,
		struct error *err)
{
	size_t block = options->follow ? LINES_BLOCK : LINES_BLOCK_ONCE;
	bool stream = strcmp(name, "-") == 0;
	int r, k;

	*f = (struct follow){.unreported = 0};
	r = path_init(&f->path, stream ? NULL : name, options->follow, options->now_usec);
	k = segments_init(&f->segments, options->follow && !stream ? &f->path.watch : NULL,
			  options->now_usec, options->clock ? options->clock : clock_usec,
			  options->block > 0 ? options->block : block);
	if (r < 0 || k < 0) {
		r = r < 0 ? r : k;
		error_set(err, name, 0, 0, "cannot be read: %s", strerror(-r));
		return r;
	}
	return stream ? open_stream(&f->segments, options->follow, err)
		      : open_files(&f->segments, &f->path, options, err);
}

void follow_done(struct follow *f)
{
	segments_done(&f->segments);
	path_done(&f->path);
}

/*
 * The path names a copy of the file that is read, as an editor leaves one. Reading continues there;
 * what is still written to the old file is read too. If the copy is too short, something was
 * removed.
 */
static int continue_in_copy(struct follow *f, const struct open_file *copy)
{
	struct segments *s = &f->segments;
	struct file_id id = segments_first_id(s);
	int r;

	if ((uint64_t)copy->st.st_size < s->lines.read_offset) {
		segments_add_gap(s, &id, s->intact_usec, segments_now(s),
				 "%.300s was replaced by a copy that lacks a part of its content",
				 f->path.name);
		return segments_append(s, copy, 0, segments_since_gap(s));
	}
	r = segments_append(s, copy, id.offset, 0);
	if (r < 0)
		return r;
	lines_begin(&s->lines, s->queue[0].fd, (uint64_t)copy->st.st_size);
	segments_shift(s);
	return 0;
}

static bool is_queued(const struct segments *s, const struct stat *st)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->queue[i].dev == st->st_dev && s->queue[i].ino == st->st_ino)
			return true;
	return false;
}

/* Queues what the path names now, which is closed on error, and what came before it. */
static int append_next(struct follow *f, const struct open_file *now)
{
	struct segments *s = &f->segments;
	struct path_state state = {.ino = 0};
	struct file_head head;
	int r;

	if (is_queued(s, &now->st)) {
		(void)close(now->fd);
		return 0;
	}
	r = file_head_read(now->fd, &head);
	if (r == 0 && s->n == 1 && !s->queue[0].dead &&
	    s->queue[0].compression == COMPRESSION_NONE &&
	    file_head_alike(&s->queue[0].head, &head))
		return continue_in_copy(f, now);
	if (r == 0 && s->n > 0)
		r = rotations_insert(s, &f->path, s->n, &s->queue[s->n - 1].queued, NULL, now,
				     &state);
	if (r < 0) {
		(void)close(now->fd);
		return r;
	}
	r = segments_append(s, now, late_forget(s, now), 0);
	if (r == 0)
		path_set_head(&state, &s->queue[s->n - 1]);
	return r;
}

/* A directory that could not be watched before may be watched now. */
static void watch_again(struct follow *f)
{
	struct segments *s = &f->segments;
	bool polled = f->path.watch.poll;

	f->path.watch.poll = NULL;
	watch_directory(&f->path.watch);
	for (size_t i = 0; i < s->n && polled; i++)
		s->queue[i].watch = watch_file(&f->path.watch, s->queue[i].fd);
}

/* Queues what the path names, if that is another file now. */
static int check_path(struct follow *f)
{
	struct segments *s = &f->segments;
	struct open_file now;
	struct error err = {0};
	int r = 0;

	if (s->n == 0 || !path_names(&f->path, s->queue[s->n - 1].fd)) {
		r = path_open(&f->path, &now, &err);
		if (r < 0) {
			path_note_missing(&f->path, s, r, &err);
			return 0;
		}
		r = append_next(f, &now);
	}
	path_note_found(&f->path);
	return r;
}

/* Looks what became of the files and the path, and queues what is read next. */
static int check(struct follow *f)
{
	struct segments *s = &f->segments;
	int r = 0;

	s->check = false;
	f->path.looked_usec = segments_now(s);
	watch_again(f);
	if (s->n > 0 && f->path.watch.poll)
		path_reopen(&f->path, s->queue[s->n - 1].fd);
	if (s->n > 0)
		r = truncation_check(s, &f->path);
	if (r >= 0)
		r = check_path(f);
	/* Last, because a late file may be a copy of what the path names. */
	return r < 0 ? r : late_look(s, &f->path);
}

/* Whether the writer left the first segment for the second. */
static bool next_is_written(const struct segments *s)
{
	struct stat st;

	if (s->n < 2)
		return false;
	return s->n > 2 || s->queue[0].dead || s->queue[0].compression != COMPRESSION_NONE ||
	       fstat(s->queue[1].fd, &st) < 0 || st.st_size > 0;
}

/* After bytes were read. Now and then the caller is to hear of it: 0, FOLLOW_AGAIN, -errno. */
static int check_read(struct follow *f)
{
	struct segments *s = &f->segments;
	int r;

	f->unreported += s->lines.fresh;
	r = s->lines.no_offsets ? 0 : truncation_check(s, &f->path);
	if (r < 0 || f->unreported < AGAIN_BYTES)
		return r < 0 ? r : 0;
	f->unreported = 0;
	return FOLLOW_AGAIN;
}

int follow_next(struct follow *f, enum lines_want want, struct line *ret)
{
	struct segments *s = &f->segments;
	int r;

	for (;;) {
		bool ends, leaves, last;

		if (s->check && !s->lines.no_offsets) {
			r = check(f);
			if (r < 0)
				return r;
		}
		if (segments_next_gap(s))
			return FOLLOW_GAP;
		ends = !s->watch || s->lines.no_offsets || s->lines.no_seek;
		leaves = ends || s->closing;
		/* A late file may still receive the end of its last line. */
		last = ends || (leaves && (s->queue[0].dead || s->queue[0].final));
		r = lines_next(&s->lines, want, last, ret);
		if (r == LINES_READ) {
			r = check_read(f);
			if (r != 0)
				return r;
			continue;
		}
		if (r != 0)
			return r;
		/*
		 * Without inotify no event reports a truncation. With it, the file that is now left
		 * may have been truncated, and only then renamed, since the last look.
		 */
		if ((!s->watch || (leaves && next_is_written(s))) && !s->lines.no_offsets &&
		    s->n > 0) {
			r = truncation_check(s, &f->path);
			if (r < 0)
				return r;
			if (r > 0)
				continue;
		}
		if (s->lines.no_seek && compressed_end(s))
			continue;
		if (!next_is_written(s))
			return 0;
		/* One more look: the old file may have been written before the new one was. */
		if (leaves)
			segments_shift(s);
		else
			s->closing = true;
	}
}

int follow_write_position(const struct follow *f, uint64_t offset, uint64_t until_usec,
			  struct buffer *ret)
{
	static const struct segment none;
	const struct segments *s = &f->segments;
	struct file_id id;
	struct stat st;

	if (s->lines.no_offsets)
		return 0;
	if (s->n == 0)
		id = segment_id(&none, 0);
	else if (s->n == 2 && !next_is_written(s) && fstat(s->queue[0].fd, &st) == 0 &&
		 st.st_nlink == 0)
		/* The old file is deleted and cannot be found again; the new one exists. */
		id = segment_id(&s->queue[1], 0);
	else
		id = segment_id(&s->queue[0], offset);
	id.path = f->path.name;
	id.time_usec = s->time_usec;
	/* Nothing is known of files that came after the last look. */
	id.until_usec = until_usec < f->path.looked_usec ? until_usec : f->path.looked_usec;
	return file_id_write(&id, ret);
}

/*
 * Only what precedes the line's end is hashed of the file's beginning, because it never changes;
 * and the line itself, because files that begin alike may differ there. The inode is left out,
 * because a copy or a compressed file has another one.
 */
int follow_write_identity(const struct follow *f, const struct line *line, struct buffer *ret)
{
	const struct segments *s = &f->segments;
	size_t n = line->end_offset < FILE_HEAD_SIZE ? (size_t)line->end_offset : FILE_HEAD_SIZE;
	struct hash128 h;

	if (s->lines.no_offsets)
		return buffer_printf(ret, "stdin:%llu:%llu",
				     (unsigned long long)s->clock.start_usec,
				     (unsigned long long)line->offset);
	h = hash_fnv_add(file_head_hash(&s->queue[0].head, n), line->text.p, line->text.n);
	return buffer_printf(ret, "file:%016llx%016llx:%llu", (unsigned long long)h.high,
			     (unsigned long long)h.low, (unsigned long long)line->offset);
}

static uint64_t until(const struct segments *s, uint64_t due)
{
	uint64_t now = segments_now(s);

	return due == UINT64_MAX ? due : due > now ? due - now : 0;
}

int follow_wait_fd(const struct follow *f, short *ret_events, uint64_t *ret_timeout_usec)
{
	const struct segments *s = &f->segments;
	uint64_t missing = path_missing_due(&f->path), late = late_due(s);

	*ret_events = POLLIN;
	*ret_timeout_usec = UINT64_MAX;
	if (s->lines.no_offsets)
		return s->lines.at_end ? -ENODATA : s->queue[0].fd;
	*ret_timeout_usec = until(s, missing < late ? missing : late);
	if (f->path.watch.poll && *ret_timeout_usec > WATCH_POLL_USEC)
		*ret_timeout_usec = WATCH_POLL_USEC;
	return f->path.watch.fd;
}

void follow_process(struct follow *f)
{
	if (f->segments.lines.no_offsets)
		return;
	watch_drain(&f->path.watch);
	f->segments.check = true;
}

void follow_progress(const struct follow *f, struct source_progress *ret)
{
	const struct segments *s = &f->segments;
	struct stat st;
	bool compressed = false;

	*ret = (struct source_progress){.done = s->finished + s->lines.offset,
					.total = s->finished};
	for (size_t i = 0; i < s->n; i++) {
		if (fstat(s->queue[i].fd, &st) == 0 && S_ISREG(st.st_mode))
			ret->total += (uint64_t)st.st_size;
		compressed |= s->queue[i].compression != COMPRESSION_NONE;
	}
	if (compressed || ret->total < ret->done)
		ret->total = 0;
}
