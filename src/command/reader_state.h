/* The reader's part of the state directory: opened for writing, and locked against other readers.
 */
#pragma once

#include "base/buffer.h"

struct reader_state {
	struct buffer path; /* of the whole state directory */
	int dirfd, lock_fd; /* -1: not open */
};

/*
 * Opens its part of the state directory @path (NULL: the default), makes it if it is missing, and
 * locks it. Logs what is wrong and returns the exit status; reader_state_done() is due in any case.
 */
int reader_state_open(struct reader_state *s, const char *path);
void reader_state_done(struct reader_state *s);
