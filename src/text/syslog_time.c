/*
 * The first bytes decide which form the time has.
 *
 * The offset of a local time comes from localtime_r(3) a day before and after. mktime(3) would stat
 * /etc/localtime for each line if TZ is unset, and does not define which of two hours it returns
 * when clocks are set back. Here it is the earlier one.
 */
#include "text/syslog_time.h"

#include <time.h>

#include "base/cleanup.h"
#include "base/number.h"
#include "base/timetext.h"

#define SEC_PER_DAY  86400
#define SEC_PER_YEAR 31556952 /* 365.2425 days */

/* A time as written, before it is known in which zone. */
struct civil {
	int64_t year;
	unsigned month, day; /* from 1 */
	unsigned hour, minute, second, usec;
};

/* Reads exactly @n digits, at most 9, of a number up to @max. */
static bool read_digits(struct slice *s, size_t n, unsigned max, unsigned *ret)
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

static bool read_fraction(struct slice *s, unsigned *ret_usec)
{
	unsigned unit = 100000;

	*ret_usec = 0;
	if (!slice_skip(s, "."))
		return true;
	if (s->n == 0 || !ascii_is_digit(s->p[0]))
		return false;
	for (; s->n > 0 && ascii_is_digit(s->p[0]); *s = slice_from(*s, 1)) {
		*ret_usec += (unsigned)(s->p[0] - '0') * unit;
		unit /= 10;
	}
	return true;
}

/* "04:05:06"; a leap second is allowed. */
static bool read_clock(struct slice *s, struct civil *ret)
{
	return read_digits(s, 2, 23, &ret->hour) && slice_skip(s, ":") &&
	       read_digits(s, 2, 59, &ret->minute) && slice_skip(s, ":") &&
	       read_digits(s, 2, 60, &ret->second);
}

static bool is_leap(int64_t year)
{
	return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static bool is_date(const struct civil *c)
{
	static const unsigned char lengths[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

	if (c->month < 1 || c->month > 12 || c->day < 1)
		return false;
	return c->day <= lengths[c->month - 1] + (c->month == 2 && is_leap(c->year) ? 1u : 0u);
}

/* "2026-11-23" */
static bool read_date(struct slice *s, struct civil *ret)
{
	unsigned year;

	if (!read_digits(s, 4, 9999, &year) || !slice_skip(s, "-") ||
	    !read_digits(s, 2, 12, &ret->month) || !slice_skip(s, "-") ||
	    !read_digits(s, 2, 31, &ret->day))
		return false;
	ret->year = year;
	return is_date(ret);
}

/* "Nov  3 04:05:06", also "Nov 03" (journalctl), with a fraction or not. */
static bool read_month_day_clock(struct slice *s, struct civil *ret)
{
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

	ret->month = 0;
	for (unsigned i = 0; i < 12 && s->n >= 3; i++) {
		if (memcmp(s->p, months + 3 * i, 3) == 0)
			ret->month = i + 1;
	}
	if (ret->month == 0)
		return false;
	*s = slice_from(*s, 3);
	if (!slice_skip(s, " "))
		return false;
	if (slice_skip(s, " ") ? !read_digits(s, 1, 9, &ret->day)
			       : !read_digits(s, 2, 31, &ret->day))
		return false;
	return slice_skip(s, " ") && read_clock(s, ret) && read_fraction(s, &ret->usec);
}

/* Seconds since the epoch as if @c were UTC: days counted in years that begin with March. */
static int64_t civil_seconds(const struct civil *c)
{
	int64_t year = c->year - (c->month <= 2);
	int64_t month = (c->month + 9) % 12;
	int64_t days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 +
		       c->day - 1 - 719468;

	return days * SEC_PER_DAY + c->hour * 3600 + c->minute * 60 + c->second;
}

/* 0 for a time before the epoch, which no log has. */
static uint64_t to_usec(int64_t seconds, const struct civil *c)
{
	return seconds <= 0 ? 0 : (uint64_t)seconds * USEC_PER_SEC + c->usec;
}

static long local_offset(int64_t seconds, char zone[16])
{
	time_t t = (time_t)seconds;
	struct tm tm;

	zone[0] = '\0';
	if (!localtime_r(&t, &tm))
		return 0;
	for (size_t i = 0; tm.tm_zone && tm.tm_zone[i] && i < 15; i++) {
		zone[i] = tm.tm_zone[i];
		zone[i + 1] = '\0';
	}
	return tm.tm_gmtoff;
}

/* Whether the local zone has one offset all through a day, as on nearly all days; and which. */
static bool offset_of_day(int64_t day, struct syslog_clock *clock, long *ret)
{
	char name[16];

	if (!clock->day_known || clock->day != day) {
		clock->day = day;
		clock->day_known = true;
		clock->offset = local_offset((day - 1) * SEC_PER_DAY, name);
		clock->one_offset = clock->offset == local_offset((day + 2) * SEC_PER_DAY, name);
	}
	*ret = clock->offset;
	return clock->one_offset;
}

/*
 * Seconds since the epoch of a local time. With @zone, only if the local zone then had that name,
 * else 0.
 */
static int64_t local_seconds(const struct civil *c, struct slice zone, struct syslog_clock *clock)
{
	int64_t as_utc = civil_seconds(c), t;
	char name[16];
	long offsets[2];

	if (!zone.p && offset_of_day(as_utc / SEC_PER_DAY, clock, &offsets[0]))
		return as_utc - offsets[0];
	offsets[0] = local_offset(as_utc - SEC_PER_DAY, name);
	offsets[1] = local_offset(as_utc + SEC_PER_DAY, name);
	for (size_t i = 0; i < ARRAY_SIZE(offsets); i++) {
		t = as_utc - offsets[i];
		if (local_offset(t, name) == offsets[i] && (!zone.p || slice_eq_str(zone, name)))
			return t;
	}
	/* An hour that the clock skipped. */
	return zone.p ? 0 : as_utc - offsets[0];
}

/* "Z", "+01:00", "+0100" or "+01". */
static bool read_offset(struct slice *s, int64_t *ret_seconds)
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
	if (!read_digits(s, 2, 23, &hours))
		return false;
	if (slice_skip(s, ":")
		    ? !read_digits(s, 2, 59, &minutes)
		    : s->n > 0 && ascii_is_digit(s->p[0]) && !read_digits(s, 2, 59, &minutes))
		return false;
	*ret_seconds = sign * (int64_t)(hours * 3600 + minutes * 60);
	return true;
}

bool syslog_time_read_rfc3339(struct slice *s, struct syslog_clock *clock, uint64_t *ret)
{
	struct civil c = {0};
	int64_t offset;

	if (!read_date(s, &c) || !slice_skip(s, "T") || !read_clock(s, &c) ||
	    !read_fraction(s, &c.usec))
		return false;
	if (s->n > 0 && s->p[0] != ' ') {
		if (!read_offset(s, &offset))
			return false;
		*ret = to_usec(civil_seconds(&c) - offset, &c);
	} else {
		*ret = to_usec(local_seconds(&c, (struct slice){0}, clock), &c);
	}
	return true;
}

static bool is_zone_name(struct slice word)
{
	for (size_t i = 0; i < word.n; i++) {
		bool upper = word.p[i] >= 'A' && word.p[i] <= 'Z';

		if (!upper && !(i > 0 && word.p[i] >= 'a' && word.p[i] <= 'z'))
			return false;
	}
	return word.n >= 3 && word.n <= 6;
}

/*
 * "[Mon ]2026-11-23 04:05:06 ZONE" (journalctl -o short-full); the zone is a name or an offset,
 * that may also follow at once ("04:05:06+01:00"), or there is none.
 */
static bool read_full(struct slice *s, struct syslog_clock *clock, uint64_t *ret)
{
	struct slice rest, zone, number;
	struct civil c = {0};
	int64_t offset;

	if (!read_date(s, &c) || !slice_skip(s, " ") || !read_clock(s, &c) ||
	    !read_fraction(s, &c.usec))
		return false;
	if (s->n > 0 && s->p[0] != ' ') {
		if (!read_offset(s, &offset) || !slice_skip(s, " "))
			return false;
		*ret = to_usec(civil_seconds(&c) - offset, &c);
		return true;
	}
	if (!slice_skip(s, " "))
		return false;
	rest = *s;
	zone = number = slice_cut_word(s);
	if (slice_eq_str(zone, "UTC") || slice_eq_str(zone, "GMT"))
		*ret = to_usec(civil_seconds(&c), &c);
	else if (read_offset(&number, &offset) && number.n == 0)
		*ret = to_usec(civil_seconds(&c) - offset, &c);
	else if (is_zone_name(zone))
		*ret = to_usec(local_seconds(&c, zone, clock), &c);
	else {
		*ret = to_usec(local_seconds(&c, (struct slice){0}, clock), &c);
		*s = rest;
	}
	return true;
}

/*
 * The time of a header without a year: the latest that is at most a day from now, since clocks may
 * be a little ahead.
 */
static uint64_t infer_year(struct civil *c, struct syslog_clock *clock)
{
	int64_t limit = (int64_t)(clock->now_usec / USEC_PER_SEC) + SEC_PER_DAY;

	/*
	 * By the mean length of a year it may already be the next one, and in a zone the one behind
	 * that. The 29 February comes after 8 years at most.
	 */
	c->year = 1970 + limit / SEC_PER_YEAR + 2;
	for (int tries = 0; tries < 11; tries++, c->year--) {
		int64_t seconds;

		if (!is_date(c) || civil_seconds(c) > limit + SEC_PER_DAY)
			continue;
		seconds = local_seconds(c, (struct slice){0}, clock);
		if (seconds <= limit)
			return to_usec(seconds, c);
	}
	return 0;
}

static bool skip_weekday(struct slice *s)
{
	static const char days[] = "MonTueWedThuFriSatSun";

	for (size_t i = 0; i < 7 && s->n > 4; i++) {
		if (s->p[3] == ' ' && memcmp(s->p, days + 3 * i, 3) == 0) {
			*s = slice_from(*s, 4);
			return true;
		}
	}
	return false;
}

/* "[    5.123456] " and "[    5.123456 <    0.100000 >] ": since boot, so not a time of day. */
static bool skip_monotonic(struct slice *s)
{
	size_t i;

	if (!slice_skip(s, "["))
		return false;
	for (i = 0; i < s->n && i < 64 && s->p[i] != ']'; i++) {
		if (!ascii_is_digit(s->p[i]) && !memchr(" .<>*", s->p[i], 5))
			return false;
	}
	*s = slice_from(*s, i);
	return slice_skip(s, "] ");
}

/* "1795406706.123456 " */
static bool read_unix(struct slice *s, uint64_t *ret)
{
	struct slice word = slice_cut_word(s), number;
	struct civil c = {0};
	uint64_t seconds;
	size_t n = 0;

	while (n < word.n && ascii_is_digit(word.p[n]))
		n++;
	number = slice_from(word, n);
	if (number.n == 0 ||
	    number_parse_u64((struct slice){word.p, n}, UINT32_MAX, &seconds) != 0 ||
	    !read_fraction(&number, &c.usec) || number.n > 0)
		return false;
	*ret = to_usec((int64_t)seconds, &c);
	return true;
}

/* "2026 Nov  3 04:05:06 " (syslog-ng's FULLDATE). */
static bool read_year_first(struct slice *s, struct syslog_clock *clock, uint64_t *ret)
{
	struct civil c = {0};
	unsigned year;

	if (!read_digits(s, 4, 9999, &year) || !slice_skip(s, " ") ||
	    !read_month_day_clock(s, &c) || !slice_skip(s, " "))
		return false;
	c.year = year;
	if (!is_date(&c))
		return false;
	*ret = to_usec(local_seconds(&c, (struct slice){0}, clock), &c);
	return true;
}

/*
 * "Dez 01 04:05:06 ", "12月 01 04:05:06 ": journalctl names months as the locale does. The time
 * is unknown then, but the rest of the line is not.
 */
static bool skip_foreign_month(struct slice *s)
{
	struct slice month = slice_cut_word(s);
	struct civil c = {0};
	size_t digits = 0;

	while (digits < month.n && ascii_is_digit(month.p[digits]))
		digits++;
	return digits < month.n && month.n <= 24 && read_digits(s, 2, 31, &c.day) &&
	       slice_skip(s, " ") && read_clock(s, &c) && read_fraction(s, &c.usec) &&
	       slice_skip(s, " ");
}

static bool read_known(struct slice *s, struct syslog_clock *clock, uint64_t *ret)
{
	struct civil c = {0};
	struct slice year;
	unsigned number;

	if (s->n > 0 && s->p[0] == '[')
		return skip_monotonic(s);
	if (s->n > 10 && ascii_is_digit(s->p[0])) {
		if (s->p[4] == ' ')
			return read_year_first(s, clock, ret);
		if (s->p[4] != '-')
			return read_unix(s, ret);
		if (s->p[10] == 'T')
			return syslog_time_read_rfc3339(s, clock, ret) && slice_skip(s, " ");
		return read_full(s, clock, ret);
	}
	if (skip_weekday(s) && s->n > 0 && ascii_is_digit(s->p[0]))
		return read_full(s, clock, ret);
	if (!read_month_day_clock(s, &c) || !slice_skip(s, " "))
		return false;
	year = *s;
	/* OpenWrt's logd writes ctime(3): a year after the time, and no host. */
	if (read_digits(&year, 4, 9999, &number) && slice_skip(&year, " ")) {
		c.year = number;
		*s = year;
		if (!is_date(&c))
			return false;
		*ret = to_usec(local_seconds(&c, (struct slice){0}, clock), &c);
		/* logread -t: the time once more. */
		if (skip_monotonic(&year))
			*s = year;
		return true;
	}
	*ret = infer_year(&c, clock);
	return true;
}

bool syslog_time_read(struct slice *s, struct syslog_clock *clock, uint64_t *ret)
{
	struct slice begin = *s;

	*ret = 0;
	if (read_known(s, clock, ret))
		return true;
	*s = begin;
	*ret = 0;
	return skip_foreign_month(s);
}
