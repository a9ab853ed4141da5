/*
 * The daily heartbeat: when it is due, and what was counted since the last one. It is due by a
 * clock that is never set; over a restart the wall clock says what is left of the day. Clocks are
 * passed in, in microseconds: @now of CLOCK_REALTIME, @steady of clock_steady().
 */
#pragma once

#include <stdbool.h>

#include "base/buffer.h"

struct heartbeat {
	uint64_t begin_usec; /* of the day, CLOCK_REALTIME; identifies it. 0: none has begun */
	uint64_t due_usec;   /* clock_steady() */
	uint64_t logins, allowed, forged, gaps;
};

/* Begins a day: the first, or the one after a heartbeat, which keeps its hour. */
void heartbeat_begin(struct heartbeat *h, uint64_t now_usec, uint64_t steady_usec);

/* For a reader that runs now and then: whether it will probably be due before the next run. */
bool heartbeat_is_near(const struct heartbeat *h, uint64_t steady_usec);

/*
 * Its text, kept with the position, and back after a restart. -ENOMEM, -E2BIG; -EINVAL: not such a
 * text, and *h is untouched.
 */
int heartbeat_write(const struct heartbeat *h, uint64_t now_usec, uint64_t steady_usec,
		    struct buffer *ret);
int heartbeat_read(struct slice text, uint64_t now_usec, uint64_t steady_usec, struct heartbeat *h);

/* "12 SSH logins, 10 of them allowed", then forged records and gaps. Appends. -ENOMEM, -E2BIG. */
int heartbeat_describe(const struct heartbeat *h, struct buffer *ret);
