/* Every form of a time and of a duration, what is refused, and what is written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/timetext.h"

/* Central Europe, and a zone that skips midnight when the clock goes forward. */
#define EUROPE	 "CET-1CEST,M3.5.0,M10.5.0/3"
#define MIDNIGHT "AAA4BBB3,M3.2.0/0,M11.1.0/0"

#define DAY UINT64_C(1795392000) /* 2026-11-23 00:00:00 UTC */
#define NOW ((DAY + 14706) * USEC_PER_SEC + 123456)

static void use_zone(const char *tz)
{
	assert_int_equal(setenv("TZ", tz, 1), 0);
	tzset();
}

static void assert_time(const char *text, uint64_t expected)
{
	uint64_t v = 0;

	if (timetext_parse(slice_of(text), NOW, &v) != 0 || v != expected)
		fail_msg("\"%s\": %llu, not %llu", text, (unsigned long long)v,
			 (unsigned long long)expected);
}

static void assert_no_time(struct slice s)
{
	uint64_t v = 7;

	if (timetext_parse(s, NOW, &v) != -EINVAL || v != 7)
		fail_msg("\"%.*s\" is taken as %llu", (int)s.n, s.p ? s.p : "",
			 (unsigned long long)v);
}

static void assert_span(const char *text, int result, uint64_t expected)
{
	uint64_t v = 7;
	int r = timetext_parse_duration(slice_of(text), &v);

	if (r != result || v != (r == 0 ? expected : 7))
		fail_msg("\"%s\": result %d, %llu", text, r, (unsigned long long)v);
}

static void parse_takes_every_form(void **state)
{
	static const struct {
		const char *text;
		uint64_t usec;
	} cases[] = {
		{"2026-11-23 04:05:06.123456", NOW},
		{"2026-11-23T04:05:06.123456Z", NOW},
		{"2026-11-23t04:05:06,123456z", NOW},
		{"2026-11-23 04:05:06.1234569", NOW},
		{"2026-11-23 04:05:06", NOW - 123456},
		{"2026-11-23 04:05:06.1", NOW - 23456},
		{"2026-11-23 04:05", (DAY + 14700) * USEC_PER_SEC},
		{"2026-11-23 04:05 UTC", (DAY + 14700) * USEC_PER_SEC},
		{"2026-11-23 04:05 Z", (DAY + 14700) * USEC_PER_SEC},
		{"2026-11-23", DAY * USEC_PER_SEC},
		{"2026-11-23 UTC", DAY * USEC_PER_SEC},
		{"2026-11-23T04:05:06+01:00", (DAY + 11106) * USEC_PER_SEC},
		{"2026-11-23 04:05:06 -0130", (DAY + 20106) * USEC_PER_SEC},
		{"2026-11-23 04:05:06+01", (DAY + 11106) * USEC_PER_SEC},
		{"2026-11-23 04:05:06-23:59", (DAY + 101046) * USEC_PER_SEC},
		{"23:59:59", (DAY + 86399) * USEC_PER_SEC},
		{"00:00", DAY * USEC_PER_SEC},
		{"04:05+01:00", (DAY + 11100) * USEC_PER_SEC},
		{"now", NOW},
		{"today", DAY * USEC_PER_SEC},
		{"yesterday", DAY * USEC_PER_SEC - USEC_PER_DAY},
		{"tomorrow", DAY * USEC_PER_SEC + USEC_PER_DAY},
		{"-1h30m", NOW - 90 * USEC_PER_MIN},
		{"+5min", NOW + 5 * USEC_PER_MIN},
		{"-0", NOW},
		{"-100years", 0},
		{"@0", 0},
		{"@1795406706.123456", NOW},
		{"@9223372036854", UINT64_C(9223372036854000000)},
		{"1970-01-01", 0},
		{"1970-01-01T01:00:00+01:00", 0},
		{"9999-12-31 23:59:59.999999", UINT64_C(253402300799999999)},
		{"2024-02-29", UINT64_C(1709164800000000)},
		{"2000-02-29", UINT64_C(951782400000000)},
		{"2016-12-31T23:59:60Z", UINT64_C(1483228800000000)},
	};

	(void)state;
	use_zone("UTC0");
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_time(cases[i].text, cases[i].usec);
}

static void parse_refuses_what_is_no_time(void **state)
{
	static const char *const texts[] = {
		"",
		" ",
		"noon",
		"Now",
		"now ",
		" now",
		"2026",
		"2026-11",
		"2026-11-",
		"2026-1-23",
		"2026-11-23 ",
		"2026-11-23T",
		"2026-11-23x",
		"2026-11-23 4:05",
		"2026-11-23 04",
		"2026-11-23 04:",
		"2026-11-23 04:05:",
		"2026-11-23 04:05:06.",
		"2026-11-23 04:05:06.x",
		"2026-11-23 04:05:06 rubbish",
		"2026-11-23 04:05:06Zx",
		"2026-11-23 04:05:06 +1",
		"2026-11-23 04:05:06 +01:",
		"2026-11-23 04:05:06 +01:0",
		"2026-11-23 04:05:06 +01:60",
		"2026-11-23 04:05:06 +24:00",
		"2026-11-23 04:05:06 +01:00 ",
		"2026-11-23 24:00",
		"2026-11-23 23:60",
		"2026-11-23 23:59:61",
		"2026-00-23",
		"2026-13-23",
		"2026-11-00",
		"2026-11-31",
		"2026-02-29",
		"2026-02-30",
		"2100-02-29",
		"2026-12-32",
		"0000-01-01",
		"1969-12-31 23:59:59",
		"1970-01-01T00:59:59+01:00",
		"12026-11-23",
		"24:00",
		"4:05",
		"04:05x",
		"@",
		"@-1",
		"@.5",
		"@1.",
		"@1x",
		"@9223372036855",
		"@99999999999999999999999",
		"-",
		"+",
		"--5",
		"-x",
		"-infinity",
		"+infinity",
		"+400000years",
	};

	(void)state;
	use_zone("UTC0");
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		assert_no_time(slice_of(texts[i]));
	assert_no_time(SLICE_LITERAL("2026-11-23\0"));
	assert_no_time((struct slice){NULL, 0});
}

static void parse_needs_no_nul_behind(void **state)
{
	uint64_t v;

	(void)state;
	use_zone("UTC0");
	assert_int_equal(timetext_parse((struct slice){"2026-11-23 04:05:06.999", 10}, NOW, &v), 0);
	assert_true(v == DAY * USEC_PER_SEC);
}

static void local_time_follows_the_rules_of_the_zone(void **state)
{
	(void)state;
	use_zone(EUROPE);
	assert_time("2026-11-23 05:05:06.123456", NOW);
	assert_time("2026-11-23", (DAY - 3600) * USEC_PER_SEC);
	assert_time("today", (DAY - 3600) * USEC_PER_SEC);
	assert_time("2026-07-01 02:00", UINT64_C(1782864000000000));
	assert_time("2026-07-01 00:00Z", UINT64_C(1782864000000000));
	/* The last second before the clock goes forward, and the first after. */
	assert_time("2026-03-29 01:59:59", UINT64_C(1774745999000000));
	assert_time("2026-03-29 03:00:00", UINT64_C(1774746000000000));
	/* Around the hour that comes twice. */
	assert_time("2026-10-25 01:59:59", UINT64_C(1792886399000000));
	assert_time("2026-10-25 02:30:00", UINT64_C(1792888200000000));
	assert_time("2026-10-25 03:00:00", UINT64_C(1792893600000000));
	/* Before the epoch in this zone. */
	assert_no_time(slice_of("1970-01-01 00:59:59"));
	assert_time("1970-01-01 01:00:00", 0);
}

static void time_that_the_clock_skips_is_standard_time(void **state)
{
	uint64_t first = UINT64_C(1772942400000000), v; /* 2026-03-08 04:00:00 UTC */

	(void)state;
	use_zone(EUROPE);
	assert_time("2026-03-29 02:30", UINT64_C(1774747800000000));
	use_zone(MIDNIGHT);
	assert_time("2026-03-08", first);
	assert_int_equal(timetext_parse(slice_of("today"), first + USEC_PER_HOUR, &v), 0);
	assert_true(v == first);
	assert_int_equal(timetext_parse(slice_of("yesterday"), first + USEC_PER_DAY, &v), 0);
	assert_true(v == first);
	assert_int_equal(timetext_parse(slice_of("tomorrow"), first - USEC_PER_HOUR, &v), 0);
	assert_true(v == first);
}

static void clock_alone_is_today_in_its_own_zone(void **state)
{
	uint64_t late = (DAY + 23 * 3600) * USEC_PER_SEC, v;

	(void)state;
	use_zone("XXX-12"); /* the 24th already */
	assert_int_equal(timetext_parse(slice_of("04:05"), late, &v), 0);
	assert_true(v == (DAY + 12 * 3600 + 14700) * USEC_PER_SEC);
	assert_int_equal(timetext_parse(slice_of("04:05Z"), late, &v), 0);
	assert_true(v == (DAY + 14700) * USEC_PER_SEC);
	assert_int_equal(timetext_parse(slice_of("04:05-01:00"), 0, &v), -EINVAL);
}

static void texts_are_written_in_every_form(void **state)
{
	char t[TIMETEXT_MAX];

	(void)state;
	use_zone(EUROPE);
	assert_string_equal(timetext_rfc3339(NOW, t), "2026-11-23T04:05:06.123456Z");
	assert_string_equal(timetext_rfc3339(0, t), "1970-01-01T00:00:00.000000Z");
	assert_string_equal(timetext_local(NOW, t), "2026-11-23 05:05:06 +0100 CET");
	assert_string_equal(timetext_local(UINT64_C(1774745999000000), t),
			    "2026-03-29 01:59:59 +0100 CET");
	assert_string_equal(timetext_local(UINT64_C(1774746000000000), t),
			    "2026-03-29 03:00:00 +0200 CEST");
	assert_string_equal(timetext_utc(NOW, t), "2026-11-23 04:05:06 UTC");
	assert_string_equal(timetext_rfc3339(UINT64_MAX, t), "586524-01-19T08:01:49.551615Z");
	assert_true(strlen(timetext_rfc5322(UINT64_MAX, t)) < TIMETEXT_MAX);
}

static void rfc5322_names_days_and_months(void **state)
{
	static const char *const days[] = {"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"};
	static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
					     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
	char t[TIMETEXT_MAX], text[TIMETEXT_MAX];
	uint64_t v;

	(void)state;
	use_zone("UTC0");
	for (size_t i = 0; i < ARRAY_SIZE(days); i++)
		assert_memory_equal(timetext_rfc5322(NOW + i * USEC_PER_DAY, t), days[i], 3);
	for (unsigned i = 0; i < ARRAY_SIZE(months); i++) {
		(void)snprintf(text, sizeof(text), "2026-%02u-09", i + 1);
		assert_int_equal(timetext_parse(slice_of(text), NOW, &v), 0);
		assert_memory_equal(timetext_rfc5322(v, t) + 7, months[i], 3);
	}
	assert_string_equal(timetext_rfc5322(NOW, t), "Mon, 23 Nov 2026 04:05:06 +0000");
	assert_string_equal(timetext_rfc5322(0, t), "Thu, 1 Jan 1970 00:00:00 +0000");
	use_zone("XXX3:30");
	assert_string_equal(timetext_rfc5322(NOW, t), "Mon, 23 Nov 2026 00:35:06 -0330");
}

static void written_times_are_read_again(void **state)
{
	static const uint64_t times[] = {0, 1, 999999, NOW, UINT64_C(253402300799999999)};
	char t[TIMETEXT_MAX];

	(void)state;
	use_zone(EUROPE);
	for (size_t i = 0; i < ARRAY_SIZE(times); i++) {
		assert_time(timetext_rfc3339(times[i], t), times[i]);
		assert_time(timetext_utc(times[i], t), times[i] - times[i] % USEC_PER_SEC);
	}
}

static void duration_is_written_with_two_units(void **state)
{
	static const struct {
		uint64_t usec;
		const char *text;
	} cases[] = {
		{0, "0s"},
		{999, "0s"},
		{1000, "1ms"},
		{250999, "250ms"},
		{999999, "999ms"},
		{USEC_PER_SEC, "1s"},
		{USEC_PER_SEC + 500000, "1s"},
		{USEC_PER_MIN - 1, "59s"},
		{USEC_PER_MIN, "1min"},
		{90 * USEC_PER_SEC, "1min 30s"},
		{USEC_PER_HOUR - 1, "59min 59s"},
		{USEC_PER_HOUR, "1h"},
		{USEC_PER_HOUR + USEC_PER_SEC, "1h"},
		{USEC_PER_DAY - 1, "23h 59min"},
		{3 * USEC_PER_DAY + 4 * USEC_PER_HOUR + 59 * USEC_PER_MIN, "3d 4h"},
		{UINT64_MAX, "213503982d 8h"},
	};
	char t[TIMETEXT_MAX];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_string_equal(timetext_duration(cases[i].usec, t), cases[i].text);
}

static void duration_is_read_in_every_form(void **state)
{
	(void)state;
	assert_span("0", 0, 0);
	assert_span("5", 0, 5 * USEC_PER_SEC);
	assert_span("1min 30s", 0, 90 * USEC_PER_SEC);
	assert_span(" 1 min\t30 s ", 0, 90 * USEC_PER_SEC);
	assert_span("2h30m", 0, 150 * USEC_PER_MIN);
	assert_span("1.5h", 0, 90 * USEC_PER_MIN);
	assert_span("0.000001", 0, 1);
	assert_span("1.5ms", 0, 1500);
	assert_span("1us", 0, 1);
	assert_span("1\xc2\xb5s 1\xce\xbcs", 0, 2);
	assert_span("1msec 1usec", 0, 1001);
	assert_span("1d 1day 2days", 0, 4 * USEC_PER_DAY);
	assert_span("1w 1week 1weeks", 0, 21 * USEC_PER_DAY);
	assert_span("1m 1min 1minute 1minutes", 0, 4 * USEC_PER_MIN);
	assert_span("1M 1month", 0, 2 * 2629800 * USEC_PER_SEC);
	assert_span("1y 1year", 0, 2 * 31557600 * USEC_PER_SEC);
	assert_span("1h 1hr 1hour 1hours", 0, 4 * USEC_PER_HOUR);
	assert_span("infinity", 0, UINT64_MAX);
	assert_span("9223372036854775807us", 0, INT64_MAX);
}

static void duration_refuses_what_is_none(void **state)
{
	static const char *const texts[] = {
		"",	      " ",   "s", "x",	 "-5",	  "+5",	      "5x",	     "5 lightyears",
		"5s rubbish", "1.s", ".", "5\n", "1.5.5", "Infinity", "infinity 1s", "5S",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		assert_span(texts[i], -EINVAL, 0);
	assert_span("9223372036854775808us", -ERANGE, 0);
	assert_span("9223372036854775807us 1us", -ERANGE, 0);
	assert_span("9223372036855s", -ERANGE, 0);
	assert_span("400000years", -ERANGE, 0);
	assert_span("99999999999999999999", -ERANGE, 0);
}

/* The calendar is our own there. */
static void rfc3339_has_the_days_of_gmtime(void **state)
{
	(void)state;
	for (time_t day = 0; day < 400 * 366; day++) {
		time_t second = day * 86400 + day % 86400;
		char text[TIMETEXT_MAX], expected[TIMETEXT_MAX];
		struct tm tm;

		assert_non_null(gmtime_r(&second, &tm));
		assert_true(strftime(expected, sizeof(expected), "%Y-%m-%dT%H:%M:%S.000000Z", &tm));
		assert_string_equal(timetext_rfc3339((uint64_t)second * USEC_PER_SEC, text),
				    expected);
	}
}

static void a_day_is_one_of_the_local_zone(void **state)
{
	const uint64_t midnight = UINT64_C(1795388400) * USEC_PER_SEC; /* 2026-11-23 00:00 CET */

	(void)state;
	use_zone("CET-1");
	assert_true(timetext_same_day(midnight, midnight + USEC_PER_DAY - 1));
	assert_false(timetext_same_day(midnight, midnight - 1));
	assert_false(timetext_same_day(midnight, midnight + 365 * USEC_PER_DAY));
	assert_false(timetext_local_is_utc(midnight));
	use_zone("GMT0BST,M3.5.0/1,M10.5.0");
	assert_true(timetext_local_is_utc(midnight));
	assert_false(timetext_local_is_utc(midnight + 180 * USEC_PER_DAY));
	use_zone("UTC0");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rfc3339_has_the_days_of_gmtime),
		cmocka_unit_test(parse_takes_every_form),
		cmocka_unit_test(parse_refuses_what_is_no_time),
		cmocka_unit_test(parse_needs_no_nul_behind),
		cmocka_unit_test(local_time_follows_the_rules_of_the_zone),
		cmocka_unit_test(time_that_the_clock_skips_is_standard_time),
		cmocka_unit_test(clock_alone_is_today_in_its_own_zone),
		cmocka_unit_test(texts_are_written_in_every_form),
		cmocka_unit_test(rfc5322_names_days_and_months),
		cmocka_unit_test(a_day_is_one_of_the_local_zone),
		cmocka_unit_test(written_times_are_read_again),
		cmocka_unit_test(duration_is_written_with_two_units),
		cmocka_unit_test(duration_is_read_in_every_form),
		cmocka_unit_test(duration_refuses_what_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
