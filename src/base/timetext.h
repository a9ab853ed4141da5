/*
 * Times and durations as text. Times are microseconds since the epoch (CLOCK_REALTIME). Nothing
 * here reads a clock: the caller passes "now".
 */
#pragma once

#include <stdint.h>

#include "base/slice.h"

#define USEC_PER_SEC  UINT64_C(1000000)
#define USEC_PER_MIN  (60 * USEC_PER_SEC)
#define USEC_PER_HOUR (60 * USEC_PER_MIN)
#define USEC_PER_DAY  (24 * USEC_PER_HOUR)
#define TIMETEXT_MAX  64 /* bytes of the longest text made here, with its NUL */

/* "2026-11-23T04:05:06.123456Z" (RFC 3339). Returns @ret, as the others do. */
char *timetext_rfc3339(uint64_t usec, char ret[TIMETEXT_MAX]);

/* "2026-11-23 05:05:06 +0100 CET" in the local zone (tzset(3)). */
char *timetext_local(uint64_t usec, char ret[TIMETEXT_MAX]);

/* "2026-11-23 04:05:06 UTC". */
char *timetext_utc(uint64_t usec, char ret[TIMETEXT_MAX]);

/* Whether local time and UTC are the same at @usec. */
bool timetext_local_is_utc(uint64_t usec);

/* Whether both are on one day of the local zone. */
bool timetext_same_day(uint64_t a_usec, uint64_t b_usec);

/* "Mon, 23 Nov 2026 05:05:06 +0100" (RFC 5322, section 3.3), local zone. */
char *timetext_rfc5322(uint64_t usec, char ret[TIMETEXT_MAX]);

/* "3d 4h", "12min", "5s", "250ms": two units at most, rounded down. */
char *timetext_duration(uint64_t usec, char ret[TIMETEXT_MAX]);

/*
 * A point in time as users write it: "2026-11-23 04:05:06[.123456]", "2026-11-23 04:05",
 * "2026-11-23", "04:05[:06]" (today), also with "T", and followed by "Z", " UTC" or "+01:00"
 * (RFC 3339); "now", "today", "yesterday", "tomorrow", "-1h30m", "+5min", "@UNIX". Local time if
 * there is no zone: a time that the clock skips is read as standard time, and one that comes twice
 * is the earlier. -EINVAL.
 */
int timetext_parse(struct slice s, uint64_t now_usec, uint64_t *ret);

/*
 * A time span as in systemd.time(7): "1min 30s", "5", "2h30m", "1.5h", "0"; a bare number counts
 * seconds; "infinity" is UINT64_MAX. -EINVAL, -ERANGE.
 */
int timetext_parse_duration(struct slice s, uint64_t *ret);
