/*
 * Compressed files, read through gzip(1), xz(1) and zstd(1). Each runs in a process of its own, of
 * which nobody else may wait.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum compression {
	COMPRESSION_NONE,
	COMPRESSION_GZIP,
	COMPRESSION_XZ,
	COMPRESSION_ZSTD,
	COMPRESSION_OTHER, /* recognised, but no program is run for it */
};

/* By the first bytes of @fd; if they are no known magic number, by the ending of @name. */
enum compression compression_of(int fd, const char *name);

/* The directories of the programs; ends with NULL. */
extern const char *const unpack_directories[];

enum unpack_e {
	UNPACK_E_MISSING = 1, /* the program does not exist, or must not be executed */
	UNPACK_E_DAMAGED = 2, /* the program failed: the file is damaged or incomplete */
	UNPACK_E_SHORT = 3,   /* the content ended before the bytes to skip did */
};

struct unpack {
	int fd;	   /* the content; -1: none */
	pid_t pid; /* 0: none */
	int fault; /* the result of unpack_end() so far */
};

#define UNPACK_INIT                                                                                \
	{                                                                                          \
		.fd = -1                                                                           \
	}

/* The program's name; NULL: no program is run for it. */
const char *unpack_program(enum compression compression);

/*
 * Starts to unpack @fd, which stays the caller's, from its beginning. A failure is the result of
 * unpack_end(), and fd is -1. The file description of @fd must not be read by anybody else
 * meanwhile.
 */
void unpack_start(struct unpack *u, enum compression compression, int fd,
		  const char *const *directories);

/* Reads @n bytes; fewer only at the end. Returns how many. */
size_t unpack_read(struct unpack *u, void *p, size_t n);
void unpack_skip(struct unpack *u, uint64_t n);

/*
 * After everything was read: waits for the program. 0; UNPACK_E_…; -errno of pipe2(2), fork(2),
 * execve(2). A second call returns 0.
 */
int unpack_end(struct unpack *u);

/* Kills the program. */
void unpack_stop(struct unpack *u);
