/* The cases of tests/data/headers.txt. */
#include "text/syslog_header.h"

#include <time.h>

#include "base/timetext.h"
#include "tests/unit/cases.h"

static void check_case(void **state)
{
	struct test_case *c = *state;
	struct slice line = case_get(c, "line", 0), now = case_get(c, "now", 0), tz, want;
	char text[TIMETEXT_MAX], zone[64];
	struct syslog_header h, before;
	struct syslog_clock clock = {0};
	int r;

	tz = case_get(c, "tz", 0);
	(void)snprintf(zone, sizeof(zone), "%.*s", (int)tz.n, tz.p ? tz.p : "UTC");
	assert_int_equal(setenv("TZ", tz.p ? zone : "UTC", 1), 0);
	tzset();
	if (!now.p)
		now = slice_of("2026-11-23T12:00:00Z");
	assert_int_equal(timetext_parse(now, 0, &clock.now_usec), 0);

	memset(&h, 0x5a, sizeof(h));
	before = h;
	r = syslog_header_parse(line, &clock, &h);
	if (case_is(c, "reading", "none")) {
		assert_int_equal(r, SYSLOG_HEADER_E_NONE);
		assert_memory_equal(&h, &before, sizeof(h));
		case_assert_all_asked(c);
		return;
	}
	assert_int_equal(r, 0);
	want = case_get(c, "time", 0);
	case_assert_slice("time",
			  h.realtime_usec ? slice_of(timetext_rfc3339(h.realtime_usec, text))
					  : (struct slice){0},
			  want);
	case_assert_slice("host", h.host, case_get(c, "host", 0));
	case_assert_slice("program", h.program, case_get(c, "program", 0));
	case_assert_slice("pid", h.pid, case_get(c, "pid", 0));
	case_assert_slice("message", h.message, case_get(c, "message", 0));
	case_assert_all_asked(c);
}

static void absent_line_has_no_header(void **state)
{
	struct syslog_clock clock = {0};
	struct syslog_header h;

	(void)state;
	assert_int_equal(syslog_header_parse((struct slice){NULL, 0}, &clock, &h),
			 SYSLOG_HEADER_E_NONE);
}

/* On the heap and of the exact length, so that the sanitizer sees a step beyond the end. */
static void every_beginning_of_a_line_is_read_within_its_end(void **state)
{
	static const char *const lines[] = {
		"<38>Nov  3 04:05:06 web1 auth.info sshd[123]: [ID 800047 auth.notice] Accepted",
		"<38>1 2026-11-23T04:05:06.123456+01:00 web1 sshd 123 - [a b=\"\\]\"][c] "
		"\xef\xbb\xbf"
		"Accepted",
		"Mon 2026-11-23 04:05:06 CET web1 sshd[123]: Accepted",
		"Mon Nov  3 04:05:06 2026 auth.info sshd[123]: Accepted",
		"1795406706.123456 web1 sshd[123]: Accepted",
		"[    5.123456 <    0.123456 >] web1 sshd[123]: Accepted",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		for (size_t n = 0; n <= strlen(lines[i]); n++) {
			AUTO_FREE char *copy = malloc(n ? n : 1);
			struct syslog_clock clock = {.now_usec = 1795406706000000};
			struct syslog_header h;
			int r;

			assert_non_null(copy);
			memcpy(copy, lines[i], n);
			r = syslog_header_parse((struct slice){copy, n}, &clock, &h);
			if (n < 20)
				assert_int_equal(r, SYSLOG_HEADER_E_NONE);
			if (n == strlen(lines[i])) {
				assert_int_equal(r, 0);
				case_assert_slice("program", h.program, slice_of("sshd"));
				case_assert_slice("message", h.message, slice_of("Accepted"));
			}
		}
	}
}

/* A clock knows the offset of the day before; each of these zones has its own way to change it. */
static void lines_that_share_a_clock_have_the_times_of_lines_alone(void **state)
{
	static const char *const zones[] = {"Europe/Berlin",	   "America/New_York",
					    "Australia/Lord_Howe", "Pacific/Apia",
					    "Africa/Casablanca",   "UTC"};
	const uint64_t now_usec = 1795406706000000;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(zones); i++) {
		struct syslog_clock shared = {.now_usec = now_usec};

		assert_int_equal(setenv("TZ", zones[i], 1), 0);
		tzset();
		for (uint64_t back = 400 * USEC_PER_DAY; back > 0; back -= 10 * USEC_PER_MIN) {
			struct syslog_clock alone = {.now_usec = now_usec};
			struct syslog_header a, b;
			char line[TIMETEXT_MAX + 16];
			struct slice s = {line, 0};

			/* As the local time has it, whether there is such an hour or not. */
			(void)timetext_rfc3339(now_usec - back, line);
			s.n = strlen(line) - 1;
			s.n += (size_t)sprintf(line + s.n, " web1 sshd: a");
			assert_int_equal(syslog_header_parse(s, &shared, &a), 0);
			assert_int_equal(syslog_header_parse(s, &alone, &b), 0);
			assert_true(a.realtime_usec == b.realtime_usec);
			assert_true(a.realtime_usec + USEC_PER_DAY > now_usec - back &&
				    a.realtime_usec < now_usec - back + USEC_PER_DAY);
		}
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(absent_line_has_no_header),
		cmocka_unit_test(lines_that_share_a_clock_have_the_times_of_lines_alone),
		cmocka_unit_test(every_beginning_of_a_line_is_read_within_its_end),
	};
	struct case_file file;
	int r;

	case_read("headers.txt", &file);
	r = case_run("headers", &file, check_case, tests, ARRAY_SIZE(tests));
	case_free(&file);
	return r;
}
