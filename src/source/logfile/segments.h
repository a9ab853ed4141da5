/*
 * The files that are read one after another under one path: what rotation left of the one that was
 * read before, what came between, and the one that the path names now.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"
#include "source/logfile/file_id.h"
#include "source/logfile/lines.h"
#include "source/logfile/watch.h"
#include "source/source.h"

#define CHAIN_MISSING_USEC 60000000 /* a path without a file for so long is a gap */
#define CHAIN_LEFT_MAX	   32
#define CHAIN_GAPS_MAX	   4

/* A copy is made no longer before the truncation. */
#define CHAIN_COPY_USEC UINT64_C(60000000)

/* An hour is rather read twice than lost when clocks were set back. */
#define CHAIN_CLOCK_SLACK_USEC UINT64_C(3600000000)

struct segment {
	int fd; /* owned */
	int watch;
	uint64_t dev, ino;
	uint64_t offset;	/* where reading begins */
	uint64_t since_usec;	/* older records were read already, or may have been; 0: none */
	uint64_t since_end;	/* but not those behind this offset: they came later */
	struct timespec queued; /* its last write when it was queued */
	bool dead;		/* truncated: nothing more comes from it */
	enum compression compression; /* read through a program, from chain.unpack */
	bool unknown;		      /* and it cannot even be told which file it was */
	struct place_head head;	      /* verified: it agrees with all that was read */

	/* Of one that was left. */
	uint64_t seen_offset; /* up to which its bytes were seen, if not all taken */
	uint64_t until_usec;  /* when it is closed; of chain_now() */
	bool final;	      /* what it ends with is a line, though nobody ended it */
	bool cut;	      /* it is shorter than what was seen of it */
};

struct chain_gap {
	uint64_t from_usec, to_usec;
	char reason[512], identity[128];
};

struct chain {
	char *path, *dir; /* owned; absolute; NULL for standard input */
	const char *base;
	bool following;
	uint64_t opened_usec, opened_boottime;

	struct segment queue[PLACE_ROTATIONS_MAX + 8]; /* the first is being read */
	size_t n;
	struct lines lines;
	struct unpack unpack; /* of the first, where that is compressed */
	struct buffer before; /* the line before the place where that one is begun */
	uint64_t read_usec;   /* no record before it is in what is compressed; 0: not known */
	struct watch watch;
	struct segment left[CHAIN_LEFT_MAX]; /* the last that were read; fd -1: closed */
	size_t n_left;
	unsigned begun;	       /* counts segments that were begun */
	uint64_t previous_end; /* up to where the one before the first was read */
	uint64_t finished;     /* bytes of segments that were read */
	uint64_t unheard;      /* bytes read since the caller heard anything */
	uint64_t looked_usec;  /* at the path and what is beside it, the last time */
	uint64_t whole_usec;   /* when the first segment was last seen not to be truncated */
	uint64_t time_usec;    /* of the last record, which the caller sets; 0: not known */
	bool check;	       /* something may have happened to the path */
	bool closing;	       /* the first segment is read to its end, then left */

	uint64_t missing_usec; /* since when the path names no file; 0: it does */
	bool missing_told;

	struct chain_gap gaps[CHAIN_GAPS_MAX]; /* the first is told, or to be told */
	size_t n_gaps;
	bool gap_told;

	struct buffer prefix; /* of positions in prefix_of; empty: to be made */
	const struct segment *prefix_of;
	struct hash128 head_hash; /* of the first segment's whole head; valid while head_hashed */
	bool head_hashed;
};

enum chain_next {
	CHAIN_LINE = 1,
	CHAIN_GAP = 2,	 /* the first of gaps says which */
	CHAIN_AGAIN = 3, /* much was read, without a line to give; ask again */
};

/*
 * @path as logfile_open() has it. The options' resume, from_end, follow and now_usec are looked at.
 * @block as in lines_init(). The chain must not be moved in memory. 0, SOURCE_E_…, -errno; *err is
 * set where not 0; chain_done() in all cases.
 */
int chain_open(struct chain *c, const char *path, const struct source_options *options,
	       size_t block, struct error *err);
void chain_done(struct chain *c);

/* enum chain_next; 0 where there is nothing now; -errno. */
int chain_next(struct chain *c, enum lines_want want, struct line *ret);

/* The time now, counted on from source_options.now_usec by a clock that is never set. */
uint64_t chain_now(const struct chain *c);

/* When the file being read was last written; never later than now. */
uint64_t chain_written_usec(const struct chain *c);

/* Appends the position at @offset of the file being read. -ENOMEM, -E2BIG. */
int chain_write_position(struct chain *c, uint64_t offset, uint64_t until_usec, struct buffer *ret);

/*
 * Appends what names the line at any time, in whatever file it then is: its offset, and a hash of
 * the file's begin and of the line. -ENOMEM, -E2BIG.
 */
int chain_write_identity(struct chain *c, const struct line *line, struct buffer *ret);

int chain_wait_fd(struct chain *c, short *ret_events, uint64_t *ret_timeout_usec);
int chain_process(struct chain *c);
void chain_progress(const struct chain *c, uint64_t *ret_done, uint64_t *ret_total);

/* Why changes are looked for every second; NULL: they are told. */
const char *chain_polls(const struct chain *c);

/* ---- logfile_open.c ---- */

/* Opens what the path names. -errno, with *err set where not NULL. */
int chain_open_path(const struct chain *c, struct place_file *ret, struct error *err);

/*
 * Opens the last file anew where the path still has its number. Where changes are not told, what is
 * known of an open file may be old: a network file system asks when one is opened. And some of
 * FUSE give a new file the number of the one that had its name before; its begin then tells.
 */
void chain_reopen(struct chain *c);

/* ---- logfile_chain.c ---- */

uint64_t chain_usec_of(const struct timespec *t);

/* Puts a file into the queue at @at; the queue owns it from now on, also on error. */
int chain_insert(struct chain *c, size_t at, const struct place_file *file, uint64_t offset,
		 uint64_t since_usec);

/* Takes all out of the queue again, and what was to be told. */
void chain_clear(struct chain *c);

/* At the end of the queue. */
int chain_append(struct chain *c, const struct place_file *file, uint64_t offset,
		 uint64_t since_usec);

/* Leaves the first segment for the next one; with @keep it is one of those that were left. */
void chain_shift(struct chain *c, bool keep);

/* Goes back to a segment that was left. */
int chain_return(struct chain *c, const struct segment *s);

/* The first segment's place; its path is the chain's. */
struct place chain_place_of_first(const struct chain *c);

/* Whether the path names the segment's file. */
bool chain_path_names(const struct chain *c, const struct segment *s);

/* Has a gap told; @p is where reading stopped. */
void chain_set_gap(struct chain *c, const struct place *p, uint64_t from_usec, uint64_t to_usec,
		   const char *reason);

/* ---- logfile_rotations.c ---- */

/*
 * Looks for the file of @p beside the path, then beside what a link at the path names; then among
 * the compressed ones there. 1 or 0.
 */
int chain_find(const struct chain *c, const struct place *p, struct place_file *ret);

/* Queues rotations that were written at or after @since. */
int chain_append_rotations(struct chain *c, const struct timespec *since,
			   const struct place_except *except, uint64_t since_usec);

/* What the path named at one time; ino 0: no file. */
struct chain_path {
	uint64_t dev, ino;
	struct place_head head;
};

/*
 * Queues rotations at @at that are not in the queue and were not read, neither themselves nor a
 * copy of them, written from @since to @until (NULL: any time). They were all made before the path
 * came to name *ret. Gives their number, or -errno.
 */
int chain_insert_rotations(struct chain *c, size_t at, const struct timespec *since,
			   const struct timespec *until, const struct place_file *now,
			   struct chain_path *ret);

/* Whether a copy of what began with @head, however short, was made that long before @until_usec. */
bool chain_has_copy(const struct chain *c, const struct place_head *head, uint64_t until_usec,
		    uint64_t usec);

/* Whether one may have become the other by growing; they must be long enough to tell. */
bool chain_begins_alike(const struct place_head *a, const struct place_head *b);

/* Whether a file is in the queue or was left, or is a copy of one that is. @st may be NULL. */
bool chain_knows(const struct chain *c, const struct stat *st, const struct place_head *head);

/* Whether a file in the queue begins with @head by now. */
bool chain_holds_now(const struct chain *c, const struct place_head *head);

/* Whether there are rotations that were last written before @since. */
bool chain_has_older(const struct chain *c, const struct timespec *since);

/* ---- logfile_since.c ---- */

/*
 * Queues what was logged since @usec, and tells a gap where that is not all there. @now is what the
 * path names, fd -1: nothing; it is the chain's from now on. Records that are older by up to
 * @slack_usec are given too. -errno.
 */
int chain_go_on_at(struct chain *c, const struct place_file *now, uint64_t usec,
		   uint64_t slack_usec);

/* ---- logfile_packed.c ---- */

/* Begins to read the first segment, which is compressed. */
void chain_begin_packed(struct chain *c);

/* After the first segment, which is compressed, gave its last line: whether a gap is to be told. */
bool chain_end_packed(struct chain *c);

/* Whether a compressed segment is queued that may be any file. */
bool chain_has_unknown(const struct chain *c);

/* Whether a compressed file holds less than @n bytes, though it is whole. */
bool chain_is_short(const struct place_file *file, uint64_t n);

/* ---- logfile_truncated.c ---- */

/*
 * Whether the first segment's file, and the bytes that were just read of it, are still of the same
 * generation: 0. Otherwise these bytes are forgotten, what is to be read instead is queued, and 1.
 * -errno.
 */
int chain_verify(struct chain *c);

/* Behind a gap, records that are older than this may have been read before it. */
uint64_t chain_since_gap(const struct chain *c);

/* ---- logfile_left.c ---- */

/* Takes a segment that was read. */
void chain_leave(struct chain *c, struct segment s);

/* Takes a file that may still become worth to be read. */
void chain_leave_unread(struct chain *c, const struct place_file *file);

/* Goes back to one that was written since; closes those whose time is over. 0, -errno. */
int chain_look_at_left(struct chain *c);

/* Whether @file was left: forgets it, and gives where reading stopped. */
bool chain_take_left(struct chain *c, const struct place_file *file, uint64_t *ret_offset);

/* When the next one is to be closed; of chain_now(). UINT64_MAX: none. */
uint64_t chain_left_due(const struct chain *c);

void chain_left_done(struct chain *c);
