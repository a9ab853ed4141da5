/* The first bytes decide which form the time has. */
#include "text/syslog_time.h"

#include "base/civil.h"
#include "base/number.h"
#include "base/timetext.h"

#define SEC_PER_YEAR 31556952 /* 365.2425 days */

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
	if (slice_skip(s, " ") ? !civil_read_digits(s, 1, 9, &ret->day)
			       : !civil_read_digits(s, 2, 31, &ret->day))
		return false;
	return slice_skip(s, " ") && civil_read_clock(s, ret) &&
	       civil_read_fraction(s, ".", &ret->usec);
}

/* 0 for a time before the epoch, which no log has. */
static uint64_t to_usec(int64_t seconds, const struct civil *c)
{
	return seconds <= 0 ? 0 : (uint64_t)seconds * USEC_PER_SEC + c->usec;
}

/* Whether the local zone has one offset all through a day, as on nearly all days; and which. */
static bool offset_of_day(int64_t day, struct syslog_clock *clock, long *ret)
{
	char name[CIVIL_ZONE_MAX];

	if (!clock->day_known || clock->day != day) {
		clock->day = day;
		clock->day_known = true;
		clock->offset = civil_local_offset((day - 1) * CIVIL_SEC_PER_DAY, name);
		clock->one_offset =
			clock->offset == civil_local_offset((day + 2) * CIVIL_SEC_PER_DAY, name);
	}
	*ret = clock->offset;
	return clock->one_offset;
}

/* As civil_local_seconds(). */
static int64_t local_seconds(const struct civil *c, struct slice zone, struct syslog_clock *clock)
{
	int64_t as_utc = civil_seconds(c);
	long offset;

	if (!zone.p && offset_of_day(as_utc / CIVIL_SEC_PER_DAY, clock, &offset))
		return as_utc - offset;
	return civil_local_seconds(c, zone);
}

bool syslog_time_read_rfc3339(struct slice *s, struct syslog_clock *clock, uint64_t *ret)
{
	struct civil c = {0};
	int64_t offset;

	if (!civil_read_date(s, &c) || !slice_skip(s, "T") || !civil_read_clock(s, &c) ||
	    !civil_read_fraction(s, ".", &c.usec))
		return false;
	if (s->n > 0 && s->p[0] != ' ') {
		if (!civil_read_offset(s, &offset))
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

	if (!civil_read_date(s, &c) || !slice_skip(s, " ") || !civil_read_clock(s, &c) ||
	    !civil_read_fraction(s, ".", &c.usec))
		return false;
	if (s->n > 0 && s->p[0] != ' ') {
		if (!civil_read_offset(s, &offset) || !slice_skip(s, " "))
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
	else if (civil_read_offset(&number, &offset) && number.n == 0)
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
	int64_t limit = (int64_t)(clock->now_usec / USEC_PER_SEC) + CIVIL_SEC_PER_DAY;

	/*
	 * By the mean length of a year it may already be the next one, and in a zone the one after
	 * that. The 29 February comes after 8 years at most.
	 */
	c->year = 1970 + limit / SEC_PER_YEAR + 2;
	for (int tries = 0; tries < 11; tries++, c->year--) {
		int64_t seconds;

		if (!civil_is_date(c) || civil_seconds(c) > limit + CIVIL_SEC_PER_DAY)
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
	struct slice word = slice_cut_word(s), digits = slice_digits(word);
	struct slice fraction = slice_from(word, digits.n);
	struct civil c = {0};
	uint64_t seconds;

	if (fraction.n == 0 || number_parse_u64(digits, UINT32_MAX, &seconds) != 0 ||
	    !civil_read_fraction(&fraction, ".", &c.usec) || fraction.n > 0)
		return false;
	*ret = to_usec((int64_t)seconds, &c);
	return true;
}

/* "2026 Nov  3 04:05:06 " (syslog-ng's FULLDATE). */
static bool read_year_first(struct slice *s, struct syslog_clock *clock, uint64_t *ret)
{
	struct civil c = {0};
	unsigned year;

	if (!civil_read_digits(s, 4, 9999, &year) || !slice_skip(s, " ") ||
	    !read_month_day_clock(s, &c) || !slice_skip(s, " "))
		return false;
	c.year = year;
	if (!civil_is_date(&c))
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

	return slice_digits(month).n < month.n && month.n <= 24 &&
	       civil_read_digits(s, 2, 31, &c.day) && slice_skip(s, " ") &&
	       civil_read_clock(s, &c) && civil_read_fraction(s, ".", &c.usec) &&
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
	if (civil_read_digits(&year, 4, 9999, &number) && slice_skip(&year, " ")) {
		c.year = number;
		*s = year;
		if (!civil_is_date(&c))
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
