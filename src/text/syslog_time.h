/* The time at the beginning of a line of a log. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

/* For times without a year or zone. All but now_usec begins as 0. */
struct syslog_clock {
	uint64_t now_usec; /* since the epoch */

	/* The day of the last local time; the next one is mostly on the same. */
	int64_t day; /* since the epoch, as if it were UTC */
	long offset; /* of the local zone, seconds east of UTC */
	bool day_known, one_offset;
};

/*
 * Reads a time of any form of syslog_header_parse() but RFC 5424's, with the blank after it. *ret
 * is 0 if it is a time, but cannot be known.
 */
bool syslog_time_read(struct slice *s, struct syslog_clock *clock, uint64_t *ret);

/* Reads "2026-11-23T04:05:06[.123456][ZONE]". */
bool syslog_time_read_rfc3339(struct slice *s, struct syslog_clock *clock, uint64_t *ret);
