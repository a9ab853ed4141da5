/* Wakes the reader of a log file: by inotify(7), or once a second if that is not possible. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct watch {
	const char *path; /* the caller's; absolute */
	int fd;		  /* of inotify, or an eventfd that is never ready */
	int dir, target;  /* watches of the path's directory, and of that of its link's target */
	const char *poll; /* why changes may come without an event; NULL: they do not */
};

#define WATCH_POLL_USEC 1000000

/* 0, -errno of eventfd(2). */
int watch_init(struct watch *w, const char *path);
void watch_done(struct watch *w);

/*
 * Watches the directory of the path, or the nearest one that exists. A caller that looks for the
 * file afterwards misses nothing.
 */
void watch_directory(struct watch *w);

/* Watches an open file. Returns the watch, or -1. */
int watch_file(struct watch *w, int fd);
void watch_forget(struct watch *w, int wd);

/* Discards the pending events. */
void watch_drain(struct watch *w);
