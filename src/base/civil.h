/*
 * Times as people and logs write them, before their zone is known, and the parts that such texts
 * have in common. The readers remove from the left of @s what they read; false: it has another
 * form.
 */
#pragma once

#include <stdint.h>

#include "base/slice.h"

#define CIVIL_SEC_PER_DAY 86400

struct civil {
	int64_t year;
	unsigned month, day; /* from 1 */
	unsigned hour, minute, second, usec;
};

/* Exactly @n digits, at most 9, of a number up to @max. */
bool civil_read_digits(struct slice *s, size_t n, unsigned max, unsigned *ret);
/* A fraction of a second after one of @points; 0 without it. Digits after the sixth are dropped. */
bool civil_read_fraction(struct slice *s, const char *points, unsigned *ret_usec);
/* "04:05:06"; a leap second is allowed. */
bool civil_read_clock(struct slice *s, struct civil *ret);
/* "2026-11-23", a day that exists. */
bool civil_read_date(struct slice *s, struct civil *ret);
/* "Z", "+01:00", "+0100" or "+01". */
bool civil_read_offset(struct slice *s, int64_t *ret_seconds);

/* Whether year, month and day exist. */
bool civil_is_date(const struct civil *c);

/* The date @days after the epoch. */
struct civil civil_of_day(uint64_t days);

/* Seconds since the epoch as if @c were UTC. A leap second is the next minute's first one. */
int64_t civil_seconds(const struct civil *c);

#define CIVIL_ZONE_MAX 16

/* The local zone's seconds east of UTC, and its name, at @seconds since the epoch. */
long civil_local_offset(int64_t seconds, char ret_zone[CIVIL_ZONE_MAX]);

/*
 * Seconds since the epoch of a local time: the earlier one if it comes twice; a time that the clock
 * skips is read by the offset of the day before. With @zone (else absent), only if the local zone
 * then had that name, else 0.
 */
int64_t civil_local_seconds(const struct civil *c, struct slice zone);
