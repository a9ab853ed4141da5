/*
 * The files that are read one after another under one path: what rotation left of the one that was
 * read before, what came between, and the one that the path names now.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"
#include "source/logfile_follow.h"
#include "source/logfile_lines.h"
#include "source/logfile_place.h"
#include "source/source.h"

#define CHAIN_MISSING_USEC 60000000 /* a path without a file for so long is a gap */

struct segment {
	int fd; /* owned */
	int watch;
	uint64_t dev, ino;
	uint64_t offset;	/* where reading begins */
	uint64_t since_usec;	/* older records were read already, or may have been; 0: none */
	struct timespec queued; /* its last write when it was queued */
	bool dead;		/* truncated: nothing more comes from it */
	enum packing packing;	/* read through a program, from chain.unpack */
	bool unknown;		/* and it cannot even be told which file it was */
	struct place_head head;
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
	uint64_t read_usec;   /* no record before it is in what is compressed; 0: not known */
	struct follow follow;
	struct place previous; /* of the segment that was read before */
	uint64_t finished;     /* bytes of segments that were read */
	bool check;	       /* something may have happened to the path */
	bool closing;	       /* the first segment is read to its end, then left */

	uint64_t missing_usec; /* since when the path names no file; 0: it does */
	bool missing_told;

	bool gap; /* told by the next chain_next() */
	uint64_t gap_from_usec, gap_to_usec;
	char gap_reason[512], gap_identity[128];

	struct buffer prefix; /* of positions in prefix_of; empty: to be made */
	const struct segment *prefix_of;
	struct hash128 head_hash; /* of the first segment's whole head; valid while head_hashed */
	bool head_hashed;
};

enum chain_next {
	CHAIN_LINE = 1,
	CHAIN_GAP = 2, /* gap_… say which */
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
int chain_write_position(struct chain *c, uint64_t offset, uint64_t time_usec, uint64_t until_usec,
			 struct buffer *ret);

/*
 * Appends what names the line at any time, in whatever file it then is: its offset, and a hash of
 * the file's begin and of the line. -ENOMEM, -E2BIG.
 */
int chain_write_identity(struct chain *c, const struct line *line, struct buffer *ret);

int chain_wait_fd(struct chain *c, short *ret_events, uint64_t *ret_timeout_usec);
int chain_process(struct chain *c);
void chain_progress(const struct chain *c, uint64_t *ret_done, uint64_t *ret_total);

/* Between logfile_chain.c, logfile_open.c and logfile_packed.c. */

/* Opens what the path names. -errno, with *err set where not NULL. */
int chain_open_path(const struct chain *c, struct place_file *ret, struct error *err);

/* Queues a file, which is the queue's from now on, also on error; the first one is begun with. */
int chain_append(struct chain *c, const struct place_file *file, uint64_t offset,
		 uint64_t since_usec);

/* Queues rotations that were written at or after @since. */
int chain_append_rotations(struct chain *c, const struct timespec *since,
			   const struct place_except *except, uint64_t since_usec);

/*
 * Looks for the file of @p beside the path, then beside what a link at the path names; then among
 * the compressed ones there. 1 or 0.
 */
int chain_find(const struct chain *c, const struct place *p, struct place_file *ret);

/* Has a gap told that ends now; @p is where reading stopped. */
void chain_set_gap(struct chain *c, const struct place *p, uint64_t from_usec, const char *reason);

/* Begins to read the first segment, which is compressed. */
void chain_begin_packed(struct chain *c);

/* After the first segment, which is compressed, gave its last line: whether a gap is to be told. */
bool chain_end_packed(struct chain *c);

/* Whether a compressed segment is queued that may be any file. */
bool chain_has_unknown(const struct chain *c);
