/* Reads compressed files through gzip(1), xz(1) and zstd(1), each in a process of its own. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum compression {
	COMPRESSION_NONE,
	COMPRESSION_GZIP,
	COMPRESSION_XZ,
	COMPRESSION_ZSTD,
	COMPRESSION_OTHER, /* compressed by something that is not read */
};

/* How a file is compressed: by its first bytes, and where these say nothing by its name. */
enum compression compression_of(int fd, const char *name);

/* Where the programs are looked for; ends with NULL. */
extern const char *const unpack_directories[];

enum unpack_e {
	UNPACK_E_MISSING = 1, /* the program is not there, or may not be run */
	UNPACK_E_DAMAGED = 2, /* the program met an error: the file is damaged, or not whole */
	UNPACK_E_SHORT = 3,   /* there was less to skip than was asked for */
};

struct unpack {
	int fd;	   /* to be read; -1: none */
	pid_t pid; /* 0: none */
	int fault; /* what unpack_end() will tell */
};

#define UNPACK_INIT                                                                                \
	{                                                                                          \
		.fd = -1                                                                           \
	}

/* The program's name, also where it is COMPRESSION_OTHER. */
const char *unpack_program(enum compression compression);

/*
 * Starts to unpack the file @fd, which stays the caller's, from its begin. What goes wrong is told
 * by unpack_end(); fd is -1 then. Only one may read a file descriptor at a time.
 */
void unpack_start(struct unpack *u, enum compression compression, int fd,
		  const char *const *directories);

/* Reads @n bytes, fewer only at the end: gives how many. */
size_t unpack_read(struct unpack *u, void *p, size_t n);
void unpack_skip(struct unpack *u, uint64_t n);

/* After all was read: 0, UNPACK_E_…, -errno of pipe(2) or fork(2). Asked once more it is 0. */
int unpack_end(struct unpack *u);

/* Ends it whatever is left. */
void unpack_stop(struct unpack *u);
