/*
 * The files beside the path: where the file that was read is now, and which files came between it
 * and the one that the path names.
 */
#pragma once

#include "source/logfile/path.h"

/* Finds the file of @id, or a copy of it, under any name; else a compressed one. 1 and *ret, or 0.
 */
int rotations_find(const struct path *path, const struct file_id *id, struct open_file *ret);

/* Rotations to leave out. */
struct rotations_except {
	const struct file_id *copy_of; /* this file and copies of it; may be NULL */
	/* Of the file that the path names now, and of the one it was rotated or copied to. */
	uint64_t inos[2];      /* 0: none */
	uint64_t changed_usec; /* those that were last changed, or renamed, before */
};

/* Queues, at the end, rotations that were written at or after @since. -errno. */
int rotations_append(struct segments *s, const struct path *path, const struct timespec *since,
		     const struct rotations_except *except, uint64_t since_usec);

/*
 * Queues, before segment @at, rotations that are neither queued nor read, nor copies of such ones,
 * and that were written from @since to @until (NULL: any time). All of them were made before the
 * path came to name *ret. @now is a file that is about to be queued; may be NULL. Their number, or
 * -errno.
 */
int rotations_insert(struct segments *s, const struct path *path, size_t at,
		     const struct timespec *since, const struct timespec *until,
		     const struct open_file *now, struct path_state *ret);

/* Whether a copy of what began with @head, even a short one, was changed since @changed_usec. */
bool rotations_have_copy(const struct path *path, const struct file_head *head,
			 uint64_t changed_usec);

/* Whether there are rotations that were last written before @since. */
bool rotations_have_older(const struct path *path, const struct timespec *since);
