/*
 * When something is due, as arithmetic: the time is passed in. Stored times are of CLOCK_REALTIME,
 * which may be set: after schedule_normalise() nothing waits longer than its interval from now.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "store/delivery.h"

#define SCHEDULE_NEVER	      UINT64_MAX
#define SCHEDULE_REFUSED_USEC (UINT64_C(3600) * 1000000) /* between tries of refused alerts */
#define SCHEDULE_URGENT_USEC  (UINT64_C(5) * 1000000) /* least time between tries for new alerts */

/* The wait after try number @tries (from 1): 15 s, 30 s, 1, 2, 5, 10, then every 15 min. */
uint64_t schedule_backoff_usec(uint64_t tries);

/* The same ±20 %, by @random. */
uint64_t schedule_jitter_usec(uint64_t wait_usec, uint32_t random);

/*
 * After a clock was set back: what was done in the future was done now, and what was planned then
 * is shifted by as much. Whether there was any.
 */
bool schedule_normalise(struct delivery_destination *dest, uint64_t now_usec);

/* When something is due that was last done at @last_usec and is done every @interval_usec. */
uint64_t schedule_after(uint64_t last_usec, uint64_t interval_usec, uint64_t now_usec);

/*
 * How much of the last wait counts towards GiveUpAfter=: never more than was planned, so that time
 * in which no sender ran does not.
 */
uint64_t schedule_waited(uint64_t last_try_usec, uint64_t next_try_usec, uint64_t now_usec);

struct schedule_queue {
	const struct delivery_queue *queue;
	bool frozen;	       /* a message is frozen */
	bool waiting;	       /* there are new alerts */
	bool fresh;	       /* some of them came after the last try */
	uint64_t summary_usec; /* when the next summary of repeats is due; SCHEDULE_NEVER */
	uint64_t interval_usec;
};

/* When a queue of a class is tried next; SCHEDULE_NEVER: nothing waits. */
uint64_t schedule_queue_due(const struct schedule_queue *s, uint64_t now_usec);

/* When the next window ends that has counted repeats; SCHEDULE_NEVER. */
uint64_t schedule_summary_due(const struct delivery_destination *dest, uint64_t repeat_usec,
			      uint64_t now_usec);
/* Whether this window's summary is due. */
bool schedule_window_over(const struct delivery_repeat *p, uint64_t repeat_usec, uint64_t now_usec);
