/* The time at the begin of a log's line. Private to text/syslog_header. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

/* What a time is read by that lacks its year, or its zone. All but now_usec begins as 0. */
struct syslog_clock {
	uint64_t now_usec; /* since the epoch */

	/* The day of a local time that was read last: the next one is mostly of the same. */
	int64_t day; /* since the epoch, as if it were UTC */
	long offset; /* of the local zone, seconds east of UTC */
	bool day_known, one_offset;
};

/*
 * Takes the time of any form but RFC 5424's, with the blank behind it; which forms, and what
 * @clock is for, says syslog_header_parse(). *ret is 0 where it is no time that can be known.
 */
bool syslog_time_read(struct slice *s, struct syslog_clock *clock, uint64_t *ret);

/* Takes "2026-11-23T04:05:06[.123456][ZONE]". */
bool syslog_time_read_rfc3339(struct slice *s, struct syslog_clock *clock, uint64_t *ret);
