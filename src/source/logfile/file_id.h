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

#define FILE_HEAD_SIZE 512 /* bytes of a file's begin that its fingerprint covers at most */
#define FILE_COPY_USEC                                                                             \
	UINT64_C(60000000) /* at most, from the last write of a copy to the truncation */
#define FILE_COPY_MIN 32   /* fewer do not tell a copy from any other log */

/* The begin of a file. */
struct file_head {
	char bytes[FILE_HEAD_SIZE];
	size_t n;
};

struct file_id {
	char *path;		 /* owned; as the log file is called, not a rotated one */
	uint64_t dev, ino;	 /* ino 0: there was no file */
	uint64_t fingerprint_of; /* bytes that the fingerprint covers; 0 to FILE_HEAD_SIZE */
	struct hash128 fingerprint;
	uint64_t offset;
	uint64_t time_usec;  /* of the last record read; 0: not known */
	uint64_t until_usec; /* up to which nothing more is expected; 0: not known */
};

void file_id_done(struct file_id *p);

/* -errno of pread(2). */
int file_head_read(int fd, struct file_head *ret);
struct hash128 file_head_hash(const struct file_head *h, size_t n);

/* Whether a file that began as @was may begin as @is now, having only grown. */
bool file_head_grew(const struct file_head *was, const struct file_head *is);

/* Whether one may have become the other by growing; both must be long enough to differ from logs
 * that merely begin alike. */
bool file_head_alike(const struct file_head *a, const struct file_head *b);

/* The same of @head and the beginning that @fd has now; false if @fd is -1. */
bool file_begins_now(int fd, const struct file_head *head);

/* Appends all but offset and times: what is the same for all places in a file. -ENOMEM, -E2BIG. */
int file_id_write(const char *path, uint64_t dev, uint64_t ino, const struct file_head *h,
		  struct buffer *ret);
/* Appends the rest. */
int file_id_write_offset(uint64_t offset, uint64_t time_usec, uint64_t until_usec,
			 struct buffer *ret);

/* Appends @name and @v in decimal digits. */
int file_id_write_number(const char *name, uint64_t v, struct buffer *ret);

/* 0, -ENOMEM, -EINVAL with *err set. */
int file_id_parse(struct slice text, struct file_id *ret, struct error *err);

/* A file that was found; the file descriptor is the finder's. */
struct open_file {
	int fd;
	struct stat st;
	unsigned number; /* names_number(), of file_id_rotations() */
	enum compression compression;
	struct file_head
		head; /* of what it unpacks to; unused where compression is COMPRESSION_NONE */
	int fault;    /* as of unpack_end(): why head is not whole */
};

/* Sets head and fault: of a compressed file, as far as it can be unpacked. */
void file_unpack_head(struct open_file *file);

/*
 * Whether a file is that of @p, whatever its name and device now: at least as long, and begins so.
 * How long a compressed one is is not known.
 */
bool file_id_matches(const struct file_id *p, const struct open_file *file);

/* Whether @head is the beginning of the file of @p. */
bool file_id_begins(const struct file_id *p, const struct file_head *head);

enum find_what {
	FIND_PLAIN,
	FIND_COMPRESSED, /* a rotation that was compressed; each has to be begun to unpack */
};

/*
 * Looks in @dir for the file of @p under any name, or for a copy of it. 1 and *ret; 0 where there
 * is none; -errno.
 */
int file_id_find(const struct file_id *p, const char *dir, const char *base, enum find_what what,
		 struct open_file *ret);

/* The begin of a file, or of what it unpacks to. -errno of pread(2). */
int file_head_of(const struct open_file *file, struct file_head *ret);

/* Files to leave out. */
struct rotations_except {
	const struct file_id *copy_of; /* what begins so; may be NULL */
	const uint64_t *inos;
	size_t n_inos;
	uint64_t changed_usec; /* what was last changed before, also in its name; 0: nothing */
	const struct open_file *known; /* these files */
	size_t n_known;
};

uint64_t file_time_usec(const struct timespec *t);

/* Below, at or above 0: as memcmp(3). */
int file_time_compare(const struct timespec *a, const struct timespec *b);

/* The last write of what is written at @usec or later, or just before: files have a coarse clock.
 */
struct timespec file_written_since(uint64_t usec);

/* A time in whole seconds stands for all of its second: not every way of compressing keeps more. */
bool file_time_is_before(const struct timespec *written, const struct timespec *since);

/* By the last write, or, within one tick of a file's coarse clock, by the name. */
bool file_is_older(const struct open_file *a, const struct open_file *b);

#define ROTATIONS_MAX 200

/*
 * Opens the files of @dir that are called as rotations of @base are and were written at or after
 * @since; the oldest first, and the newest ROTATIONS_MAX of them. Sets *ret_more where there
 * are more, and *ret_changed where names came to stand for other files meanwhile. A compressed file
 * is left out while what it was made from is there. Gives their number, or -errno.
 */
int file_id_rotations(const char *dir, const char *base, const struct timespec *since,
		      const struct rotations_except *except, struct open_file ret[ROTATIONS_MAX],
		      bool *ret_more, bool *ret_changed);
