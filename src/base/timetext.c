/*
 * gmtime_r(3), localtime_r(3) and civil know the calendar; the forms are added here.
 */
#include "base/timetext.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>

#include "base/civil.h"
#include "base/cleanup.h"
#include "base/number.h"

static void broken_down(uint64_t usec, bool local, struct tm *ret)
{
	time_t t = (time_t)(usec / USEC_PER_SEC);

	if (!(local ? localtime_r(&t, ret) : gmtime_r(&t, ret)))
		memset(ret, 0, sizeof(*ret));
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
	uint64_t second = usec / USEC_PER_SEC % CIVIL_SEC_PER_DAY;
	struct civil day = civil_of_day(usec / USEC_PER_DAY);
	char *at = ret;

	at = put(at, day.year > 9999 ? 6 : 4, (uint64_t)day.year, '-');
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

static int64_t local_offset(uint64_t usec)
{
	char zone[CIVIL_ZONE_MAX];

	return civil_local_offset((int64_t)(usec / USEC_PER_SEC), zone);
}

bool timetext_local_is_utc(uint64_t usec)
{
	return local_offset(usec) == 0;
}

/* The day of the zone with @offset since the epoch; -1 before it. */
static int64_t day_of(uint64_t usec, int64_t offset)
{
	int64_t seconds = (int64_t)(usec / USEC_PER_SEC) + offset;

	return seconds < 0 ? -1 : seconds / CIVIL_SEC_PER_DAY;
}

bool timetext_same_day(uint64_t a_usec, uint64_t b_usec)
{
	return day_of(a_usec, local_offset(a_usec)) == day_of(b_usec, local_offset(b_usec));
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

/* "HH:MM[:SS[.frac]]" */
static bool read_clock(struct slice *s, struct civil *ret)
{
	if (!civil_read_digits(s, 2, 23, &ret->hour) || !slice_skip(s, ":") ||
	    !civil_read_digits(s, 2, 59, &ret->minute))
		return false;
	return !slice_skip(s, ":") || (civil_read_digits(s, 2, 60, &ret->second) &&
				       civil_read_fraction(s, ".,", &ret->usec));
}

/* All of @s as a zone. */
static bool read_zone(struct slice s, int64_t *ret_offset)
{
	*ret_offset = 0;
	if (slice_eq_str(s, "z") || slice_eq_str(s, " UTC"))
		return true;
	(void)slice_skip(&s, " ");
	return civil_read_offset(&s, ret_offset) && s.n == 0;
}

static int parse_calendar(struct slice s, uint64_t now_usec, uint64_t *ret)
{
	bool has_day = s.n > 4 && s.p[4] == '-', has_clock = !has_day, local;
	struct civil c = {0}, today;
	int64_t offset, day, seconds;

	if (has_day) {
		if (!civil_read_date(&s, &c) || c.year < 1970)
			return -EINVAL;
		if (s.n > 1 && (s.p[0] == ' ' || s.p[0] == 'T' || s.p[0] == 't') &&
		    ascii_is_digit(s.p[1])) {
			s = slice_from(s, 1);
			has_clock = true;
		}
	}
	if (has_clock && !read_clock(&s, &c))
		return -EINVAL;
	local = s.n == 0;
	if (!local && !read_zone(s, &offset))
		return -EINVAL;
	if (!has_day) {
		/* Today in the zone of the given time. */
		day = day_of(now_usec, local ? local_offset(now_usec) : offset);
		if (day < 0)
			return -EINVAL;
		today = civil_of_day((uint64_t)day);
		c.year = today.year;
		c.month = today.month;
		c.day = today.day;
	}
	seconds = local ? civil_local_seconds(&c, (struct slice){0}) : civil_seconds(&c) - offset;
	if (seconds < 0)
		return -EINVAL;
	*ret = (uint64_t)seconds * USEC_PER_SEC + c.usec;
	return 0;
}

static uint64_t midnight(uint64_t now_usec, int days)
{
	int64_t day = day_of(now_usec, local_offset(now_usec)) + days, t;
	struct civil c;

	if (day < 0)
		return 0;
	c = civil_of_day((uint64_t)day);
	t = civil_local_seconds(&c, (struct slice){0});
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
		struct slice digits = slice_digits(slice_from(s, 1));
		struct slice fraction = slice_from(s, 1 + digits.n);
		unsigned usec;

		if (number_parse_u64(digits, INT64_MAX / USEC_PER_SEC, &v) < 0 ||
		    !civil_read_fraction(&fraction, ".,", &usec) || fraction.n > 0)
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
		uint64_t v, unit, part;
		unsigned fraction;
		struct slice digits;
		size_t n;
		int r;

		s = slice_trim(s);
		if (s.n == 0)
			break;
		digits = slice_digits(s);
		r = number_parse_u64(digits, INT64_MAX, &v);
		if (r < 0)
			return r;
		s = slice_from(s, digits.n);
		if (!civil_read_fraction(&s, ".,", &fraction))
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
