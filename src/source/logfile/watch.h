/* Wakes the reader of a log file: by inotify(7), or every second where that does not reach. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct follow {
	const char *path; /* the caller's; absolute */
	int fd;		  /* inotify's, or an eventfd that is never ready */
	int dir, target;  /* watches: the path's directory, and that of what its link names */
	bool silent;	  /* a directory's file system does not tell */
	const char *poll; /* why changes may come without a word; NULL: they do not */
};

#define FOLLOW_POLL_USEC 1000000

/* 0, -errno of eventfd(2). */
int follow_init(struct follow *f, const char *path);
void follow_done(struct follow *f);

/*
 * Watches the directory of the path, or the nearest one that exists. Who looks for the file after
 * this misses nothing that comes later.
 */
void follow_directory(struct follow *f);

/* Watches an open file, and gives the watch's number, or -1. */
int follow_file(struct follow *f, int fd);
void follow_forget(struct follow *f, int wd);

/* Takes what inotify has to say. */
void follow_drain(struct follow *f);
