/*
 * Goes on at a time where there is no place: another source, or another path, was read up to it.
 * What was written since then is read, in rotations too. Whether the log holds all of that shows
 * where it begins: at or before that time, or behind rotations that were not written since. Where
 * it begins later, what came before was never written there, or is gone: that is a gap.
 */
#include "source/logfile/segments.h"
#include "text/syslog_header.h"

/* When the first line with a time was written; 0: not known. Of an empty file its last write. */
static uint64_t begin_usec(const struct chain *c)
{
	const struct segment *s = &c->queue[0];
	struct slice text = {s->head.bytes, s->head.n};
	struct syslog_clock clock = {.now_usec = chain_written_usec(c)};
	struct syslog_header header;

	if (c->n == 0)
		return chain_now(c);
	if (text.n == 0)
		return chain_usec_of(&s->queued);
	while (text.n > 0) {
		const char *newline = memchr(text.p, '\n', text.n);
		struct slice line = {text.p, newline ? (size_t)(newline - text.p) : text.n};

		if (syslog_header_parse(line, &clock, &header) == 0 && header.realtime_usec > 0)
			return header.realtime_usec;
		text = slice_from(text, line.n + (newline ? 1 : 0));
	}
	return 0;
}

int chain_go_on_at(struct chain *c, const struct place_file *now, uint64_t usec,
		   uint64_t slack_usec)
{
	uint64_t since_usec = usec > slack_usec ? usec - slack_usec : 0;
	struct timespec since = place_written_since(since_usec);
	uint64_t ino = now->st.st_ino;
	struct place_except except = {.inos = &ino, .n_inos = now->fd >= 0};
	struct place p = {.offset = usec};
	char reason[512];
	int r, k = 0;

	c->read_usec = c->time_usec = usec;
	r = chain_append_rotations(c, &since, &except, since_usec);
	if (now->fd >= 0)
		k = chain_append(c, now, 0, since_usec);
	if (r < 0 || k < 0)
		return r < 0 ? r : k;
	if (chain_has_unknown(c) || begin_usec(c) <= usec || chain_has_older(c, &since))
		return 0;
	(void)snprintf(reason, sizeof(reason),
		       "%.300s begins later than what was read before ends: what was logged in "
		       "between is not in it",
		       c->path);
	chain_set_gap(c, &p, usec, begin_usec(c), reason);
	return 0;
}
