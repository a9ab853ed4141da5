/* Wakes the reader of a log file: by inotify(7), or every second where that does not reach. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct watch {
	const char *path; /* the caller's; absolute */
	int fd;		  /* inotify's, or an eventfd that is never ready */
	int dir, target;  /* watches: the path's directory, and that of what its link names */
	bool silent;	  /* a directory's file system does not tell */
	const char *poll; /* why changes may come without a word; NULL: they do not */
};

#define WATCH_POLL_USEC 1000000

/* 0, -errno of eventfd(2). */
int watch_init(struct watch *w, const char *path);
void watch_done(struct watch *w);

/*
 * Watches the directory of the path, or the nearest one that exists. Who looks for the file after
 * this misses nothing that comes later.
 */
void watch_directory(struct watch *w);

/* Watches an open file, and gives the watch's number, or -1. */
int watch_file(struct watch *w, int fd);
void watch_forget(struct watch *w, int wd);

/* Takes what inotify has to say. */
void watch_drain(struct watch *w);
