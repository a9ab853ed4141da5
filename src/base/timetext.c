/*
 * gmtime_r(3), localtime_r(3) and mktime(3) know the calendar; the forms are added here. Parsers
 * remove from the left of a slice what they read.
 */
#include "base/timetext.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/number.h"

#define SEC_PER_DAY (USEC_PER_DAY / USEC_PER_SEC)

static void broken_down(uint64_t usec, bool local, struct tm *ret)
{
	time_t t = (time_t)(usec / USEC_PER_SEC);

	if (!(local ? localtime_r(&t, ret) : gmtime_r(&t, ret)))
		memset(ret, 0, sizeof(*ret));
}

struct day {
	uint64_t year, month, day; /* from 1 */
};

/* The day that begins @days after the epoch. Years begin with March here: a leap day is the last.
 */
static struct day civil_day(uint64_t days)
{
	uint64_t era, day, year, month;

	days += 719468; /* from 0000-03-01 on */
	era = days / 146097;
	day = days % 146097;
	year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
	day -= 365 * year + year / 4 - year / 100;
	month = (5 * day + 2) / 153; /* 0: March */
	return (struct day){
		.year = era * 400 + year + (month > 9),
		.month = month < 10 ? month + 3 : month - 9,
		.day = day - (153 * month + 2) / 5 + 1,
	};
}

/* strftime(3) returns 0 for a text that does not fit; these always do. */
static char *format(const char *form, const struct tm *tm, char ret[TIMETEXT_MAX])
{
	ret[strftime(ret, TIMETEXT_MAX, form, tm)] = '\0';
	return ret;
}

/* Writes @v in @n digits, and @end after them. */
static char *put(char *at, size_t n, uint64_t v, char end)
{
	for (size_t i = n; i-- > 0; v /= 10)
		at[i] = (char)('0' + v % 10);
	at[n] = end;
	return at + n + 1;
}

/* By hand: in a report of many logins, libc took longer for this than everything else together. */
char *timetext_rfc3339(uint64_t usec, char ret[TIMETEXT_MAX])
{
	uint64_t second = usec / USEC_PER_SEC % SEC_PER_DAY;
	struct day day = civil_day(usec / USEC_PER_DAY);
	char *at = ret;

	at = put(at, day.year > 9999 ? 6 : 4, day.year, '-');
	at = put(at, 2, day.month, '-');
	at = put(at, 2, day.day, 'T');
	at = put(at, 2, second / 3600, ':');
	at = put(at, 2, second / 60 % 60, ':');
	at = put(at, 2, second % 60, '.');
	at = put(at, 6, usec % USEC_PER_SEC, 'Z');
	*at = '\0';
	return ret;
}

char *timetext_local(uint64_t usec, char ret[TIMETEXT_MAX])
{
	struct tm tm;

	broken_down(usec, true, &tm);
	return format("%Y-%m-%d %H:%M:%S %z %Z", &tm, ret);
}

bool timetext_local_is_utc(uint64_t usec)
{
	struct tm tm;

	broken_down(usec, true, &tm);
	return tm.tm_gmtoff == 0;
}

bool timetext_same_day(uint64_t a_usec, uint64_t b_usec)
{
	struct tm a, b;

	broken_down(a_usec, true, &a);
	broken_down(b_usec, true, &b);
	return a.tm_year == b.tm_year && a.tm_yday == b.tm_yday;
}

char *timetext_utc(uint64_t usec, char ret[TIMETEXT_MAX])
{
	struct tm tm;

	broken_down(usec, false, &tm);
	return format("%Y-%m-%d %H:%M:%S UTC", &tm, ret);
}

char *timetext_rfc5322(uint64_t usec, char ret[TIMETEXT_MAX])
{
	/* Names in English whatever the locale. */
	static const char days[7][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
	static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
					   "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
	char clock[TIMETEXT_MAX];
	struct tm tm;

	broken_down(usec, true, &tm);
	(void)snprintf(ret, TIMETEXT_MAX, "%s, %d %s %d %.20s", days[tm.tm_wday % 7], tm.tm_mday,
		       months[tm.tm_mon % 12], tm.tm_year + 1900,
		       format("%H:%M:%S %z", &tm, clock));
	return ret;
}

char *timetext_duration(uint64_t usec, char ret[TIMETEXT_MAX])
{
	static const struct {
		uint64_t usec;
		const char *name;
	} units[] = {
		{USEC_PER_DAY, "d"}, {USEC_PER_HOUR, "h"}, {USEC_PER_MIN, "min"},
		{USEC_PER_SEC, "s"}, {1000, "ms"},
	};
	int n = 0, parts = 0;

	if (usec < 1000) {
		(void)snprintf(ret, TIMETEXT_MAX, "0s");
		return ret;
	}
	for (size_t i = 0; i < ARRAY_SIZE(units) && parts < 2; i++) {
		uint64_t v = usec / units[i].usec;

		if (v == 0) {
			if (parts)
				break;
			continue;
		}
		if (parts && units[i].usec == 1000)
			break;
		n += snprintf(ret + n, (size_t)(TIMETEXT_MAX - n), "%s%llu%s", parts ? " " : "",
			      (unsigned long long)v, units[i].name);
		usec %= units[i].usec;
		parts++;
	}
	return ret;
}

/* Reads exactly @digits digits. */
static int read_number(struct slice *s, unsigned digits, int *ret)
{
	int v = 0;

	if (s->n < digits)
		return -EINVAL;
	for (unsigned i = 0; i < digits; i++) {
		if (!ascii_is_digit(s->p[i]))
			return -EINVAL;
		v = v * 10 + (s->p[i] - '0');
	}
	*s = slice_from(*s, digits);
	*ret = v;
	return 0;
}

static bool skip_char(struct slice *s, char c)
{
	if (s->n == 0 || s->p[0] != c)
		return false;
	*s = slice_from(*s, 1);
	return true;
}

/* ".123456": a fraction of a second; digits after the sixth are dropped. */
static int read_fraction(struct slice *s, uint64_t *ret_usec)
{
	uint64_t unit = 100000, usec = 0;

	*ret_usec = 0;
	if (s->n == 0 || (s->p[0] != '.' && s->p[0] != ','))
		return 0;
	*s = slice_from(*s, 1);
	if (s->n == 0 || !ascii_is_digit(s->p[0]))
		return -EINVAL;
	while (s->n > 0 && ascii_is_digit(s->p[0])) {
		usec += (uint64_t)(s->p[0] - '0') * unit;
		unit /= 10;
		*s = slice_from(*s, 1);
	}
	*ret_usec = usec;
	return 0;
}

/* "HH:MM[:SS[.frac]]" */
static int read_clock(struct slice *s, struct tm *tm, uint64_t *ret_usec)
{
	*ret_usec = 0;
	tm->tm_sec = 0;
	if (read_number(s, 2, &tm->tm_hour) < 0 || !skip_char(s, ':') ||
	    read_number(s, 2, &tm->tm_min) < 0)
		return -EINVAL;
	if (skip_char(s, ':') &&
	    (read_number(s, 2, &tm->tm_sec) < 0 || read_fraction(s, ret_usec) < 0))
		return -EINVAL;
	if (tm->tm_hour > 23 || tm->tm_min > 59 || tm->tm_sec > 60)
		return -EINVAL;
	return 0;
}

enum zone { ZONE_LOCAL, ZONE_OFFSET };

static int read_zone(struct slice *s, enum zone *ret, int64_t *ret_offset_sec)
{
	int hours, minutes = 0, sign;

	*ret = ZONE_OFFSET;
	*ret_offset_sec = 0;
	if (s->n == 0) {
		*ret = ZONE_LOCAL;
		return 0;
	}
	if (slice_eq_str(*s, "Z") || slice_eq_str(*s, "z") || slice_eq_str(*s, " UTC") ||
	    slice_eq_str(*s, " Z")) {
		s->n = 0;
		return 0;
	}
	(void)skip_char(s, ' ');
	sign = skip_char(s, '+') ? 1 : skip_char(s, '-') ? -1 : 0;
	if (sign == 0 || read_number(s, 2, &hours) < 0)
		return -EINVAL;
	if ((skip_char(s, ':') || s->n > 0) && read_number(s, 2, &minutes) < 0)
		return -EINVAL;
	if (s->n > 0 || hours > 23 || minutes > 59)
		return -EINVAL;
	*ret_offset_sec = sign * (hours * 3600 + minutes * 60);
	return 0;
}

static bool is_day(int year, int month, int day)
{
	static const char days[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

	return year >= 1970 && month >= 1 && month <= 12 && day >= 1 &&
	       day <= days[month - 1] + (month == 2 && leap);
}

/*
 * mktime(3), but a time that the clock skips is standard time, and so after the gap: libraries
 * differ there. @local has no seconds, so that only a skipped hour changes hour or minute.
 */
static time_t from_local(const struct tm *local)
{
	struct tm tm = *local;
	time_t t;

	tm.tm_isdst = -1;
	t = mktime(&tm);
	if (tm.tm_hour == local->tm_hour && tm.tm_min == local->tm_min)
		return t;
	tm = *local;
	tm.tm_isdst = 0;
	return mktime(&tm);
}

static int parse_calendar(struct slice s, uint64_t now_usec, uint64_t *ret)
{
	bool has_day = s.n > 4 && s.p[4] == '-', has_clock = !has_day;
	struct tm tm = {0}, today;
	int64_t offset, seconds;
	uint64_t usec = 0;
	enum zone zone;
	time_t t;

	if (has_day) {
		if (read_number(&s, 4, &tm.tm_year) < 0 || !skip_char(&s, '-') ||
		    read_number(&s, 2, &tm.tm_mon) < 0 || !skip_char(&s, '-') ||
		    read_number(&s, 2, &tm.tm_mday) < 0 ||
		    !is_day(tm.tm_year, tm.tm_mon, tm.tm_mday))
			return -EINVAL;
		tm.tm_year -= 1900;
		tm.tm_mon--;
		if (s.n > 1 && (s.p[0] == ' ' || s.p[0] == 'T' || s.p[0] == 't') &&
		    ascii_is_digit(s.p[1])) {
			s = slice_from(s, 1);
			has_clock = true;
		}
	}
	if (has_clock && read_clock(&s, &tm, &usec) < 0)
		return -EINVAL;
	if (read_zone(&s, &zone, &offset) < 0)
		return -EINVAL;
	if (!has_day) {
		/* Today in the zone of the given time. */
		seconds = (int64_t)(now_usec / USEC_PER_SEC) + offset;
		if (seconds < 0)
			return -EINVAL;
		broken_down((uint64_t)seconds * USEC_PER_SEC, zone == ZONE_LOCAL, &today);
		tm.tm_year = today.tm_year;
		tm.tm_mon = today.tm_mon;
		tm.tm_mday = today.tm_mday;
	}
	/* Added at the end: a leap second, 60, is the first second of the next minute. */
	seconds = tm.tm_sec;
	tm.tm_sec = 0;
	t = zone == ZONE_LOCAL ? from_local(&tm) : timegm(&tm);
	if (t == (time_t)-1 || t < offset)
		return -EINVAL;
	*ret = (uint64_t)(t - offset + seconds) * USEC_PER_SEC + usec;
	return 0;
}

static uint64_t midnight(uint64_t now_usec, int days)
{
	struct tm tm;
	time_t t;

	broken_down(now_usec, true, &tm);
	tm.tm_hour = tm.tm_min = tm.tm_sec = 0;
	tm.tm_mday += days;
	t = from_local(&tm);
	return t < 0 ? 0 : (uint64_t)t * USEC_PER_SEC;
}

int timetext_parse(struct slice s, uint64_t now_usec, uint64_t *ret)
{
	uint64_t v;

	if (slice_eq_str(s, "now"))
		*ret = now_usec;
	else if (slice_eq_str(s, "today"))
		*ret = midnight(now_usec, 0);
	else if (slice_eq_str(s, "yesterday"))
		*ret = midnight(now_usec, -1);
	else if (slice_eq_str(s, "tomorrow"))
		*ret = midnight(now_usec, 1);
	else if (s.n > 1 && s.p[0] == '@') {
		size_t dot = 1;
		uint64_t usec = 0;
		struct slice fraction;

		while (dot < s.n && ascii_is_digit(s.p[dot]))
			dot++;
		fraction = slice_from(s, dot);
		if (number_parse_u64((struct slice){s.p + 1, dot - 1}, INT64_MAX / USEC_PER_SEC,
				     &v) < 0 ||
		    read_fraction(&fraction, &usec) < 0 || fraction.n > 0)
			return -EINVAL;
		*ret = v * USEC_PER_SEC + usec;
	} else if (s.n > 1 && (s.p[0] == '-' || s.p[0] == '+')) {
		if (timetext_parse_duration(slice_from(s, 1), &v) < 0 || v > INT64_MAX)
			return -EINVAL;
		if (s.p[0] == '-')
			*ret = v > now_usec ? 0 : now_usec - v;
		else
			*ret = now_usec + v;
	} else
		return parse_calendar(s, now_usec, ret);
	return 0;
}

static int unit_usec(struct slice s, uint64_t *ret)
{
	static const struct {
		const char *names;
		uint64_t usec;
	} units[] = {
		{"seconds second sec s", USEC_PER_SEC},
		{"minutes minute min m", USEC_PER_MIN},
		{"hours hour hr h", USEC_PER_HOUR},
		{"days day d", USEC_PER_DAY},
		{"weeks week w", 7 * USEC_PER_DAY},
		{"months month M", 2629800 * USEC_PER_SEC}, /* 30.44 days, as systemd.time(7) */
		{"years year y", 31557600 * USEC_PER_SEC},
		{"msec ms", 1000},
		{"usec us \xc2\xb5s \xce\xbcs", 1},
	};

	if (s.n == 0) {
		*ret = USEC_PER_SEC;
		return 0;
	}
	for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
		const char *at = units[i].names;

		while (*at) {
			size_t n = strcspn(at, " ");

			if (slice_eq(s, (struct slice){at, n})) {
				*ret = units[i].usec;
				return 0;
			}
			at += n + (at[n] == ' ');
		}
	}
	return -EINVAL;
}

int timetext_parse_duration(struct slice s, uint64_t *ret)
{
	uint64_t total = 0;
	bool any = false;

	if (slice_eq_str(s, "infinity")) {
		*ret = UINT64_MAX;
		return 0;
	}
	for (;;) {
		uint64_t v, unit, fraction, part;
		size_t n = 0;
		int r;

		while (s.n > 0 && (s.p[0] == ' ' || s.p[0] == '\t'))
			s = slice_from(s, 1);
		if (s.n == 0)
			break;
		while (n < s.n && ascii_is_digit(s.p[n]))
			n++;
		r = number_parse_u64((struct slice){s.p, n}, INT64_MAX, &v);
		if (r < 0)
			return r;
		s = slice_from(s, n);
		if (read_fraction(&s, &fraction) < 0)
			return -EINVAL;
		while (s.n > 0 && s.p[0] == ' ')
			s = slice_from(s, 1);
		for (n = 0; n < s.n && !ascii_is_digit(s.p[n]) && s.p[n] != ' ' && s.p[n] != '\t';)
			n++;
		if (unit_usec((struct slice){s.p, n}, &unit) < 0)
			return -EINVAL;
		s = slice_from(s, n);
		if (__builtin_mul_overflow(v, unit, &part) ||
		    __builtin_add_overflow(part, fraction * (unit / 1000) / 1000, &part) ||
		    __builtin_add_overflow(total, part, &total) || total > INT64_MAX)
			return -ERANGE;
		any = true;
	}
	if (!any)
		return -EINVAL;
	*ret = total;
	return 0;
}
