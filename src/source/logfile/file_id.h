/*
 * Identifies a log file, and a position in it, so that both are found again after the file was
 * renamed, copied, compressed or replaced.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <time.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/slice.h"
#include "source/logfile/unpack.h"

#define FILE_HEAD_SIZE 512
#define FILE_COPY_MIN  32 /* fewer bytes do not identify a copy */
#define FILE_COPY_USEC                                                                             \
	UINT64_C(60000000) /* from a copy's last write to the truncation, at most                  \
			    */

/* How a file begins. */
struct file_head {
	char bytes[FILE_HEAD_SIZE];
	size_t n;
	struct hash128 hash; /* of all of them; not set if n is 0 */
};

/* -errno of pread(2). */
int file_head_read(int fd, struct file_head *ret);
struct hash128 file_head_hash(const struct file_head *h, size_t n);

/* Whether a file that began as @was may begin as @is now, having only grown. */
bool file_head_grew(const struct file_head *was, const struct file_head *is);

/* Whether one may have become the other by growing, and both are long enough to be sure. */
bool file_head_alike(const struct file_head *a, const struct file_head *b);

/* The same of the file @fd as it is now; false if @fd is -1. */
bool file_begins_now(int fd, const struct file_head *head);

/* An open file, which belongs to the caller of the function that opened it. */
struct open_file {
	int fd;
	struct stat st;
	unsigned number; /* of a rotation: names_number() */
	enum compression compression;
	struct file_head head; /* if it is compressed: of its content */
	int fault;	       /* if it is compressed: why head is incomplete, as unpack_end() */
};

/* Sets head and fault of a compressed file, as far as it can be unpacked. */
void file_unpack_head(struct open_file *file);

/* The beginning of a file, or of a compressed file's content. -errno of pread(2). */
int file_head_of(const struct open_file *file, struct file_head *ret);

#define FILE_NAME_SIZE 320

/* The name that an open file has now, cut to its size. */
void file_name(int fd, char ret[FILE_NAME_SIZE]);

/* By the last write; within one tick of the file system's clock, by the number. */
bool file_is_older(const struct open_file *a, const struct open_file *b);

struct file_id {
	char *path;		 /* owned; the log file's, not the rotation's */
	uint64_t dev, ino;	 /* ino 0: there was no file */
	uint64_t fingerprint_of; /* bytes that the fingerprint covers; 0 to FILE_HEAD_SIZE */
	struct hash128 fingerprint;
	uint64_t offset;
	uint64_t time_usec;  /* of the last record; 0: unknown */
	uint64_t until_usec; /* up to when nothing more is expected; 0: unknown */
};

void file_id_done(struct file_id *id);

#define AUTO_FILE_ID CLEANUP(file_id_done)

/* Appends it as text. -ENOMEM, -E2BIG. */
int file_id_write(const struct file_id *id, struct buffer *ret);

/* 0, -ENOMEM, -EINVAL with *err set. */
int file_id_parse(struct slice text, struct file_id *ret, struct error *err);

/* Whether @head may be the beginning of the file. */
bool file_id_begins(const struct file_id *id, const struct file_head *head);

/*
 * Whether a file is that of @id, whatever its name and device: it begins so, and is as long. The
 * length of a compressed file's content is unknown.
 */
bool file_id_matches(const struct file_id *id, const struct open_file *file);

/* The times of files. */

uint64_t file_time_usec(const struct timespec *t);

/* Below, at or above 0, as memcmp(3). */
int file_time_compare(const struct timespec *a, const struct timespec *b);

/* The earliest mtime of a file that is written at @usec or later: the kernel's clock is coarse. */
struct timespec file_written_since(uint64_t usec);

/* A time of whole seconds means all of its second: not every compression keeps more. */
bool file_time_is_before(const struct timespec *written, const struct timespec *since);
