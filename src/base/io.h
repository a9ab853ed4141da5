/* Whole reads and writes: interrupted and short ones are continued. */
#pragma once

#include <stddef.h>

struct buffer;

/* Writes all @n bytes. -errno, perhaps after some of them. */
int io_write_all(int fd, const void *p, size_t n);

/* The same at @offset, as by pwrite(2). */
int io_pwrite_all(int fd, const void *p, size_t n, long long offset);

/* Appends all that can be read from @fd to @ret. -errno of read(2), -E2BIG, -ENOMEM. */
int io_read_all(int fd, struct buffer *ret);

/* Appends the whole file at @path (relative to @dirfd). The same and -errno of openat(2). */
int io_read_file_at(int dirfd, const char *path, struct buffer *ret);
