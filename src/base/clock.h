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

/* Since the epoch, UTC: for what is told. */
static inline uint64_t clock_now(void)
{
	return clock_usec(CLOCK_REALTIME);
}

/* Since boot, suspend included, never set: for what is waited for. */
static inline uint64_t clock_steady(void)
{
	return clock_usec(CLOCK_BOOTTIME);
}
