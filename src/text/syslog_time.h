/* The time at the begin of a log's line. Private to text/syslog_header. */
#pragma once

#include "text/syslog_header.h"

/*
 * Takes the time of any form but RFC 5424's, with the blank behind it; which forms, and what
 * @clock is for, says syslog_header_parse(). *ret is 0 where it is no time that can be known.
 */
bool syslog_time_take(struct slice *s, struct syslog_clock *clock, uint64_t *ret);

/* Takes "2026-11-23T04:05:06[.123456][ZONE]". */
bool syslog_time_take_rfc3339(struct slice *s, struct syslog_clock *clock, uint64_t *ret);
