/*
 * A daemon writes to the old file until it reopens its log, and of several writers one may be
 * slower than the others. So files that were left are watched for a minute, and what comes there is
 * read. A line without its end counts only after a second: write(2) across a page is not atomic.
 * Only the four newest are read again; an older one that is written is a gap. The beginnings of
 * more files are kept, so that none is read again under another name or as a copy.
 *
 * A late file that was truncated is read again as well: a copy may have the rest, and something may
 * have been written since. If it is empty, and all that was seen of it was read, nothing is
 * missing.
 */
#include "source/logfile/late.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "source/logfile/truncation.h"

/* Whether a file that was written holds anything to read. */
static bool is_worth(struct segments *s, struct segment *file)
{
	struct file_head head;

	if (file->head.n >= FILE_COPY_MIN || file->seen_offset > 0)
		return true;
	/* It was too short to be recognised as a copy. */
	if (file_head_read(file->fd, &head) < 0 || head.n < FILE_COPY_MIN)
		return false;
	file->head.n = 0;
	if (segments_know(s, NULL, &head) || segments_queued_begin(s, &head)) {
		segments_close_late(s, file);
		return false;
	}
	file->head = head;
	return true;
}

/* Whether it still begins as it did, and so was not truncated and written to the same length. */
static bool begins_as_before(const struct segment *file)
{
	struct file_head head;

	return file->seen_offset == 0 ||
	       (file_head_read(file->fd, &head) == 0 && file_head_grew(&file->head, &head));
}

/* Whether nothing came since it was left, and the rest of its last line need not be read. */
static bool is_unchanged(struct segments *s, struct segment *file, uint64_t size)
{
	file->cut = size < file->seen_offset;
	if (size != file->seen_offset || !begins_as_before(file)) {
		if (!file->cut)
			file->final = false;
		return false;
	}
	if (segments_now(s) < file->until_usec)
		return true;
	if (file->offset != file->seen_offset && !file->final) {
		file->final = true;
		return false;
	}
	segments_close_late(s, file);
	return true;
}

/* Whether enough files were left after late file @at that it is not read again. */
static bool is_abandoned(const struct segments *s, size_t at)
{
	size_t newer = 0;

	for (size_t i = at + 1; i < s->late.n; i++)
		newer += s->late.files[i].fd >= 0 && s->late.files[i].seen_offset > 0;
	return newer >= SEGMENTS_LATE_READ;
}

int late_look(struct segments *s, const struct path *path)
{
	struct stat st;
	int r;

	for (size_t i = 0; i < s->late.n; i++) {
		struct segment *file = &s->late.files[i];

		if (file->fd < 0 || fstat(file->fd, &st) < 0 ||
		    is_unchanged(s, file, (uint64_t)st.st_size))
			continue;
		/* The line that is in the buffer cannot be read again. */
		if (s->n > 0 && s->queue[0].dead)
			continue;
		if (!is_worth(s, file)) {
			if (file->fd >= 0 && segments_now(s) >= file->until_usec)
				segments_close_late(s, file);
			continue;
		}
		if (is_abandoned(s, i)) {
			segments_abandon_late(s, file);
			continue;
		}
		r = segments_return(s, file);
		if (r < 0)
			return r;
		s->finished -= file->offset < s->finished ? file->offset : s->finished;
		segments_drop_late(s, i);
		/* It may be empty now; then no read would notice the truncation. */
		return truncation_check(s, path);
	}
	return 0;
}

uint64_t late_forget(struct segments *s, const struct open_file *file)
{
	for (size_t i = 0; i < s->late.n; i++) {
		struct segment *late = &s->late.files[i];
		uint64_t offset = late->offset;

		if (late->fd < 0 || late->ino != file->st.st_ino || late->dev != file->st.st_dev)
			continue;
		segments_close_late(s, late);
		segments_drop_late(s, i);
		return offset;
	}
	return 0;
}

uint64_t late_due(const struct segments *s)
{
	uint64_t due = UINT64_MAX;

	for (const struct segment *f = s->late.files; f < s->late.files + s->late.n; f++)
		if (f->fd >= 0 && f->until_usec < due)
			due = f->until_usec;
	return due;
}
