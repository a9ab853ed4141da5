/*
 * What is due when. Pure: the time is passed in. Stored times are of CLOCK_REALTIME, which may be
 * set: schedule_normalise() comes first, so that nothing is held longer than its interval from now.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "store/delivery.h"

#define SCHEDULE_NEVER	      UINT64_MAX
#define SCHEDULE_REFUSED_USEC (UINT64_C(3600) * 1000000) /* between tries of what was refused */
#define SCHEDULE_URGENT_USEC  (UINT64_C(5) * 1000000) /* least time between tries for new alerts */

/* The wait after try number @tries (from 1): 15 s, 30 s, 1, 2, 5, 10, then every 15 min. */
uint64_t schedule_backoff_usec(uint64_t tries);

/* The same ±20 %, by @random. */
uint64_t schedule_jitter_usec(uint64_t wait_usec, uint32_t random);

/*
 * Shifts what was last done in the future, since the clock was set back, to now, and what was
 * planned then by as much. Whether there was any.
 */
bool schedule_normalise(struct delivery_destination *dest, uint64_t now_usec);

/* When something is due that was last done at @last and is to be done every @interval. */
uint64_t schedule_after(uint64_t last_usec, uint64_t interval_usec, uint64_t now_usec);

/* How long it truly was from the last try until now: at most what was planned. */
uint64_t schedule_waited(uint64_t last_try_usec, uint64_t next_try_usec, uint64_t now_usec);

struct schedule_queue {
	const struct delivery_queue *queue;
	bool frozen;	       /* a mail waits in spool/ */
	bool waiting;	       /* alerts wait behind the mark */
	bool fresh;	       /* some of them came after the last try */
	uint64_t summary_usec; /* when the next summary of repeats is due; SCHEDULE_NEVER */
	uint64_t interval_usec;
};

/* When a queue of a class is to be tried next; SCHEDULE_NEVER where nothing waits. */
uint64_t schedule_queue_due(const struct schedule_queue *s, uint64_t now_usec);

/* When the next window of repeats with something to tell ends; SCHEDULE_NEVER. */
uint64_t schedule_summary_due(const struct delivery_destination *dest, uint64_t repeat_usec,
			      uint64_t now_usec);
/* Whether this window's summary is due. */
bool schedule_window_over(const struct delivery_repeat *p, uint64_t repeat_usec, uint64_t now_usec);
