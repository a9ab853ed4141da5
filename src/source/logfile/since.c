/*
 * Another source, or another path, was read up to a time: what was written since then is read, in
 * rotations too. The log is complete if it begins at or before that time, or after rotations that
 * were not written since. If it begins later, what came before was never written there or no longer
 * exists: that is a gap.
 */
#include "source/logfile/since.h"

#include "source/logfile/compressed.h"
#include "source/logfile/rotations.h"
#include "text/syslog_header.h"

/* The time of the first line that has one; 0: unknown. Of an empty file, its last write. */
static uint64_t begin_usec(const struct segments *s)
{
	const struct segment *first = &s->queue[0];
	struct slice text = {first->head.bytes, first->head.n};
	struct syslog_clock clock = {.now_usec = segments_written_usec(s)};
	struct syslog_header header;

	if (s->n == 0)
		return segments_now(s);
	if (text.n == 0)
		return file_time_usec(&first->queued);
	while (text.n > 0) {
		struct slice line = slice_cut_line(&text);

		if (syslog_header_parse(line, &clock, &header) == 0 && header.realtime_usec > 0)
			return header.realtime_usec;
	}
	return 0;
}

int since_append(struct segments *s, const struct path *path, const struct open_file *now,
		 uint64_t usec, uint64_t slack_usec)
{
	uint64_t since_usec = usec > slack_usec ? usec - slack_usec : 0;
	struct timespec since = file_written_since(since_usec);
	struct rotations_except except = {.inos = {now->fd >= 0 ? now->st.st_ino : 0}};
	struct file_id id = {.offset = usec};
	int r, k = 0;

	s->read_usec = s->time_usec = usec;
	r = rotations_append(s, path, &since, &except, since_usec);
	if (now->fd >= 0)
		k = segments_append(s, now, 0, since_usec);
	if (r < 0 || k < 0)
		return r < 0 ? r : k;
	if (compressed_have_unknown(s) || begin_usec(s) <= usec ||
	    rotations_have_older(path, &since))
		return 0;
	segments_add_gap(s, &id, usec, begin_usec(s),
			 "%.300s begins later than what was read before ends: it lacks what was "
			 "logged in between",
			 path->name);
	return 0;
}
