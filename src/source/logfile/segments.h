/*
 * The files that are read one after another: what rotation left of the file that was read before,
 * what came between, and the file that the path names now. The last ones that were read are kept
 * too: a slow writer may still write to them.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "source/logfile/file_id.h"
#include "source/logfile/lines.h"
#include "source/logfile/watch.h"

#define ROTATIONS_MAX	   200 /* older ones are a gap */
#define SEGMENTS_MAX	   (ROTATIONS_MAX + 8)
#define SEGMENTS_LATE_MAX  32
#define SEGMENTS_LATE_READ 4 /* the newest ones that are read again */
#define SEGMENTS_GAPS_MAX  4

/* After a clock was set back, an hour is read twice rather than lost. */
#define SEGMENTS_CLOCK_SLACK_USEC UINT64_C(3600000000)

struct segment {
	int fd; /* owned */
	int watch;
	uint64_t dev, ino;
	uint64_t offset;	/* where reading begins */
	uint64_t since_usec;	/* records before it may have been read already; 0: none */
	uint64_t since_end;	/* only up to this offset: what follows was written later */
	struct timespec queued; /* its last write when it was queued */
	bool dead;		/* truncated: nothing more comes from it */
	enum compression compression;
	bool unknown;	       /* it cannot be unpacked, so it may be any file */
	struct file_head head; /* agrees with everything that was read */

	/* Of a late file. */
	uint64_t seen_offset; /* up to which its bytes were seen; not all of them may be read */
	uint64_t until_usec;  /* when it is closed; as segments_now() */
	bool final;	      /* its last bytes are a line, although no newline came */
	bool cut;	      /* it is shorter than what was seen of it */
};

/* What is missing, until it is reported. */
struct segments_gap {
	uint64_t from_usec, to_usec;
	char reason[512], identity[128];
};

struct segments_gaps {
	struct segments_gap list[SEGMENTS_GAPS_MAX];
	size_t n;
	bool reported; /* the first one */
};

/* Files that were read. Closed ones (fd -1) are kept to recognise copies of them. */
struct segments_late {
	struct segment files[SEGMENTS_LATE_MAX];
	size_t n;
};

/* Counts on from the time of the start by a clock that is never set. */
struct segments_clock {
	uint64_t start_usec, start_steady_usec;
	uint64_t (*usec)(clockid_t id);
};

struct segments {
	struct segment *queue; /* owned; the first is being read */
	size_t n, allocated;
	struct watch *watch; /* the caller's; NULL: not followed */

	/* The first segment, as it is read. */
	struct lines lines;
	struct unpack unpack; /* if it is compressed */
	struct buffer before; /* if it is compressed: the line before its offset */
	unsigned begun;	      /* counts the segments that were begun */
	bool closing;	      /* it is read to its end, and then left */
	bool check;	      /* it or the path may have changed */
	uint64_t intact_usec; /* when it was last seen not to be truncated */

	uint64_t previous_end; /* up to where the segment before it was read */
	uint64_t finished;     /* bytes of the segments that were read */
	uint64_t time_usec;    /* of the last record, set by the caller; 0: unknown */
	uint64_t read_usec;    /* compressed files hold no record before it; 0: unknown */

	struct segments_late late;
	struct segments_gaps gaps;
	struct segments_clock clock;
};

/*
 * @block as in lines_init(); @watch lives as long as the segments. -ENOMEM. segments_done() is
 * called in all cases.
 */
int segments_init(struct segments *s, struct watch *watch, uint64_t now_usec,
		  uint64_t (*clock)(clockid_t id), size_t block);
void segments_done(struct segments *s);

/* Removes all segments and gaps. */
void segments_clear(struct segments *s);

uint64_t segments_now(const struct segments *s);

/* The last write to the first segment; never later than now. */
uint64_t segments_written_usec(const struct segments *s);

/* Makes a stream the only segment. @poll_first: it may have no data yet. */
void segments_set_stream(struct segments *s, int fd, bool poll_first);

/*
 * Inserts a file before segment @at. Its descriptor belongs to the segments from now on, also on
 * error. -ENOMEM, -EOVERFLOW, -errno of pread(2).
 */
int segments_insert(struct segments *s, size_t at, const struct open_file *file, uint64_t offset,
		    uint64_t since_usec);
int segments_append(struct segments *s, const struct open_file *file, uint64_t offset,
		    uint64_t since_usec);

/* Leaves the first segment for the next one, and keeps it as a late file if more may come. */
void segments_shift(struct segments *s);

/* Returns to a late file. -ENOMEM, -EOVERFLOW: it stays the caller's. */
int segments_return(struct segments *s, const struct segment *file);

/* Keeps a file of which nothing was read, but which may become worth it. */
void segments_leave_unread(struct segments *s, const struct open_file *file);

/* Closes a late file; its beginning is still known. */
void segments_close_late(struct segments *s, struct segment *file);

/* Closes a late file that was written and is not read again: a gap names it. */
void segments_abandon_late(struct segments *s, struct segment *file);

/* Forgets late file @at, which is closed or the caller's. */
void segments_drop_late(struct segments *s, size_t at);

/* A segment and an offset in it; without a path and times. */
struct file_id segment_id(const struct segment *segment, uint64_t offset);

/* The same of the first segment and where its reading is. */
struct file_id segments_first_id(const struct segments *s);

/* Whether a file, or what it is a copy of, is queued or was read. @st may be NULL. */
bool segments_know(const struct segments *s, const struct stat *st, const struct file_head *head);

/* Whether a queued file begins with @head by now. */
bool segments_queued_begin(const struct segments *s, const struct file_head *head);

/* Whether a queued or late file begins with @head by now. */
bool segments_open_begin(const struct segments *s, const struct file_head *head);

/* Adds a gap, and its reason as printf(3); @id is where reading stopped. */
void segments_add_gap(struct segments *s, const struct file_id *id, uint64_t from_usec,
		      uint64_t to_usec, const char *format, ...)
	__attribute__((format(printf, 5, 6)));

/* Removes the gap that was reported, if any. Whether there is another one, the first of the list.
 */
bool segments_next_gap(struct segments *s);

/* After a gap, older records than this may have been read before it. */
uint64_t segments_since_gap(const struct segments *s);
