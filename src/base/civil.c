/*
 * The offset of a local time comes from localtime_r(3) a day before and after. mktime(3) would stat
 * /etc/localtime for each line of a log if TZ is unset, libraries differ in the times that a clock
 * skips, and none defines which of two hours it returns when clocks are set back.
 */
#include "base/civil.h"

#include <time.h>

#include "base/cleanup.h"

bool civil_read_digits(struct slice *s, size_t n, unsigned max, unsigned *ret)
{
	unsigned v = 0;

	if (s->n < n)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (!ascii_is_digit(s->p[i]))
			return false;
		v = v * 10 + (unsigned)(s->p[i] - '0');
	}
	*s = slice_from(*s, n);
	*ret = v;
	return v <= max;
}

bool civil_read_fraction(struct slice *s, const char *points, unsigned *ret_usec)
{
	unsigned unit = 100000;

	*ret_usec = 0;
	if (s->n == 0 || !memchr(points, s->p[0], strlen(points)))
		return true;
	*s = slice_from(*s, 1);
	if (s->n == 0 || !ascii_is_digit(s->p[0]))
		return false;
	for (; s->n > 0 && ascii_is_digit(s->p[0]); *s = slice_from(*s, 1)) {
		*ret_usec += (unsigned)(s->p[0] - '0') * unit;
		unit /= 10;
	}
	return true;
}

bool civil_read_clock(struct slice *s, struct civil *ret)
{
	return civil_read_digits(s, 2, 23, &ret->hour) && slice_skip(s, ":") &&
	       civil_read_digits(s, 2, 59, &ret->minute) && slice_skip(s, ":") &&
	       civil_read_digits(s, 2, 60, &ret->second);
}

bool civil_is_date(const struct civil *c)
{
	static const unsigned char lengths[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = (c->year % 4 == 0 && c->year % 100 != 0) || c->year % 400 == 0;

	if (c->month < 1 || c->month > 12 || c->day < 1)
		return false;
	return c->day <= lengths[c->month - 1] + (c->month == 2 && leap ? 1u : 0u);
}

bool civil_read_date(struct slice *s, struct civil *ret)
{
	unsigned year;

	if (!civil_read_digits(s, 4, 9999, &year) || !slice_skip(s, "-") ||
	    !civil_read_digits(s, 2, 12, &ret->month) || !slice_skip(s, "-") ||
	    !civil_read_digits(s, 2, 31, &ret->day))
		return false;
	ret->year = year;
	return civil_is_date(ret);
}

bool civil_read_offset(struct slice *s, int64_t *ret_seconds)
{
	unsigned hours, minutes = 0;
	int sign;

	*ret_seconds = 0;
	if (slice_skip(s, "Z"))
		return true;
	if (slice_skip(s, "+"))
		sign = 1;
	else if (slice_skip(s, "-"))
		sign = -1;
	else
		return false;
	if (!civil_read_digits(s, 2, 23, &hours))
		return false;
	if ((slice_skip(s, ":") || (s->n > 0 && ascii_is_digit(s->p[0]))) &&
	    !civil_read_digits(s, 2, 59, &minutes))
		return false;
	*ret_seconds = sign * (int64_t)(hours * 3600 + minutes * 60);
	return true;
}

/* Years begin with March here and in civil_seconds(): a leap day is the last. */
struct civil civil_of_day(uint64_t days)
{
	uint64_t era, day, year, month;

	days += 719468; /* from 0000-03-01 on */
	era = days / 146097;
	day = days % 146097;
	year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
	day -= 365 * year + year / 4 - year / 100;
	month = (5 * day + 2) / 153; /* 0: March */
	return (struct civil){
		.year = (int64_t)(era * 400 + year + (month > 9)),
		.month = (unsigned)(month < 10 ? month + 3 : month - 9),
		.day = (unsigned)(day - (153 * month + 2) / 5 + 1),
	};
}

int64_t civil_seconds(const struct civil *c)
{
	int64_t year = c->year - (c->month <= 2);
	int64_t month = (c->month + 9) % 12;
	int64_t days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 +
		       c->day - 1 - 719468;

	return days * CIVIL_SEC_PER_DAY + c->hour * 3600 + c->minute * 60 + c->second;
}

long civil_local_offset(int64_t seconds, char ret_zone[CIVIL_ZONE_MAX])
{
	time_t t = (time_t)seconds;
	struct tm tm;

	ret_zone[0] = '\0';
	if (!localtime_r(&t, &tm))
		return 0;
	for (size_t i = 0; tm.tm_zone && tm.tm_zone[i] && i < CIVIL_ZONE_MAX - 1; i++) {
		ret_zone[i] = tm.tm_zone[i];
		ret_zone[i + 1] = '\0';
	}
	return tm.tm_gmtoff;
}

int64_t civil_local_seconds(const struct civil *c, struct slice zone)
{
	int64_t as_utc = civil_seconds(c), t;
	char name[CIVIL_ZONE_MAX];
	long offsets[2];

	offsets[0] = civil_local_offset(as_utc - CIVIL_SEC_PER_DAY, name);
	offsets[1] = civil_local_offset(as_utc + CIVIL_SEC_PER_DAY, name);
	for (size_t i = 0; i < ARRAY_SIZE(offsets); i++) {
		t = as_utc - offsets[i];
		if (civil_local_offset(t, name) == offsets[i] &&
		    (!zone.p || slice_eq_str(zone, name)))
			return t;
	}
	/* An hour that the clock skipped. */
	return zone.p ? 0 : as_utc - offsets[0];
}
