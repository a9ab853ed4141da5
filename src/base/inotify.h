/* inotify(7): one way to open an instance and to read its events. */
#pragma once

#include <sys/inotify.h>

/* A descriptor that does not block and is closed on exec. -errno of inotify_init1(2). */
int inotify_open(void);

/*
 * Reads all pending events and calls @each (may be NULL) for every one; @event lives until that
 * returns. event->len is 0 if it has no name. The number of events; -errno of read(2), after the
 * events that came before it.
 */
int inotify_drain(int fd, void (*each)(void *userdata, const struct inotify_event *event),
		  void *userdata);
