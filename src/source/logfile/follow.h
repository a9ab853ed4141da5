/* Lines from a log file, over its rotations, or from standard input. */
#pragma once

#include "source/logfile/path.h"
#include "source/source.h"

struct follow {
	struct segments segments;
	struct path path;
	uint64_t unreported; /* bytes that were read since the caller heard of any */
};

enum follow_next {
	FOLLOW_LINE = 1,
	FOLLOW_GAP = 2,	  /* the first one of segments.gaps */
	FOLLOW_AGAIN = 3, /* much was read without a result; to be called again */
};

/*
 * @name as in logfile_open(). *f must not be moved in memory afterwards.
 * 0, SOURCE_E_…, -errno; *err is set if not 0. follow_done() is called in all cases.
 */
int follow_open(struct follow *f, const char *name, const struct source_options *options,
		struct error *err);
void follow_done(struct follow *f);

/* enum follow_next; 0: nothing now; -errno. */
int follow_next(struct follow *f, enum lines_want want, struct line *ret);

/* Appends the position at @offset of the first segment. -ENOMEM, -E2BIG. */
int follow_write_position(const struct follow *f, uint64_t offset, uint64_t until_usec,
			  struct buffer *ret);

/*
 * Appends what identifies the line for good, in whatever file it is later: its offset, and a hash
 * of the file's beginning and of the line. -ENOMEM, -E2BIG.
 */
int follow_write_identity(const struct follow *f, const struct line *line, struct buffer *ret);

/* As source_wait_fd(), source_process() and source_progress(). */
int follow_wait_fd(const struct follow *f, short *ret_events, uint64_t *ret_timeout_usec);
void follow_process(struct follow *f);
void follow_progress(const struct follow *f, struct source_progress *ret);
