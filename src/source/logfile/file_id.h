/* A place in a log file that can be found again after the file was renamed, copied or replaced. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/slice.h"
#include "source/logfile/unpack.h"

#define PLACE_HEAD     512 /* bytes of a file's begin that its fingerprint covers at most */
#define PLACE_COPY_MIN 32  /* fewer do not tell a copy from any other log */

/* The begin of a file. */
struct place_head {
	char bytes[PLACE_HEAD];
	size_t n;
};

struct place {
	char *path;		 /* owned; as the log file is called, not a rotated one */
	uint64_t dev, ino;	 /* ino 0: there was no file */
	uint64_t fingerprint_of; /* bytes that the fingerprint covers; 0 to PLACE_HEAD */
	struct hash128 fingerprint;
	uint64_t offset;
	uint64_t time_usec;  /* of the last record read; 0: not known */
	uint64_t until_usec; /* up to which nothing more is expected; 0: not known */
};

void place_done(struct place *p);

/* -errno of pread(2). */
int place_head_read(int fd, struct place_head *ret);
struct hash128 place_head_hash(const struct place_head *h, size_t n);

/* Whether a file that began as @was may begin as @is now, having only grown. */
bool place_head_grew(const struct place_head *was, const struct place_head *is);

/* Appends all but offset and times: what is the same for all places in a file. -ENOMEM, -E2BIG. */
int place_write_file(const char *path, uint64_t dev, uint64_t ino, const struct place_head *h,
		     struct buffer *ret);
/* Appends the rest. */
int place_write_offset(uint64_t offset, uint64_t time_usec, uint64_t until_usec,
		       struct buffer *ret);

/* Appends @name and @v in decimal digits. */
int place_write_number(const char *name, uint64_t v, struct buffer *ret);

/* 0, -ENOMEM, -EINVAL with *err set. */
int place_parse(struct slice text, struct place *ret, struct error *err);

/* A file that was found; the file descriptor is the finder's. */
struct place_file {
	int fd;
	struct stat st;
	unsigned number; /* logfile_name_number(), of place_rotations() */
	enum compression compression;
	struct place_head
		head; /* of what it unpacks to; unused where compression is COMPRESSION_NONE */
	int fault;    /* as of unpack_end(): why head is not whole */
};

/* Sets head and fault: of a compressed file, as far as it can be unpacked. */
void place_unpack_head(struct place_file *file);

/*
 * Whether a file is that of @p, whatever its name and device now: at least as long, and begins so.
 * How long a compressed one is is not known.
 */
bool place_matches(const struct place *p, const struct place_file *file);

enum place_what {
	PLACE_PLAIN,
	PLACE_PACKED, /* a rotation that was compressed; each has to be begun to unpack */
};

/*
 * Looks in @dir for the file of @p under any name, or for a copy of it. 1 and *ret; 0 where there
 * is none; -errno.
 */
int place_find(const struct place *p, const char *dir, enum place_what what,
	       struct place_file *ret);

/* The begin of a file, or of what it unpacks to. -errno of pread(2). */
int place_head_of(const struct place_file *file, struct place_head *ret);

/* Files to leave out. */
struct place_except {
	const struct place *copy_of; /* what begins so; may be NULL */
	const uint64_t *inos;
	size_t n_inos;
	uint64_t changed_usec; /* what was last changed before, also in its name; 0: nothing */
	const struct place_file *known; /* these files */
	size_t n_known;
};

/* The last write of what is written at @usec or later, or just before: files have a coarse clock.
 */
struct timespec place_written_since(uint64_t usec);

/* A time in whole seconds stands for all of its second: not every way of compressing keeps more. */
bool place_is_before(const struct timespec *written, const struct timespec *since);

/* By the last write, or, within one tick of a file's coarse clock, by the name. */
bool place_is_older(const struct place_file *a, const struct place_file *b);

#define PLACE_ROTATIONS_MAX 200

/*
 * Opens the files of @dir that are called as rotations of @base are and were written at or after
 * @since; the oldest first, and the newest PLACE_ROTATIONS_MAX of them. Sets *ret_more where there
 * are more, and *ret_changed where names came to stand for other files meanwhile. A compressed file
 * is left out while what it was made from is there. Gives their number, or -errno.
 */
int place_rotations(const char *dir, const char *base, const struct timespec *since,
		    const struct place_except *except, struct place_file ret[PLACE_ROTATIONS_MAX],
		    bool *ret_more, bool *ret_changed);
