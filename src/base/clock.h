/* The clocks; only command/ and deliver/ read them. */
#pragma once

#include <stdint.h>
#include <time.h>

static inline uint64_t clock_usec(clockid_t id)
{
	struct timespec ts;

	(void)clock_gettime(id, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

/* Microseconds since the epoch: for times that are stored or shown. */
static inline uint64_t clock_now(void)
{
	return clock_usec(CLOCK_REALTIME);
}

/* Microseconds since boot, suspend included: for deadlines. It is never set. */
static inline uint64_t clock_steady(void)
{
	return clock_usec(CLOCK_BOOTTIME);
}
