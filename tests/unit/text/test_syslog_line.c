/* The cases of tests/data/lines.txt. */
#include "text/syslog_line.h"

#include <inttypes.h>

#include "base/timetext.h"
#include "tests/unit/cases.h"

#define NOW (UINT64_C(1795406706) * USEC_PER_SEC)

static const char *const programs[] = {"sshd", "sshd-session", "dropbear", NULL};

static void assert_count(const char *what, uint64_t got, struct slice want)
{
	char text[24];

	(void)snprintf(text, sizeof(text), "%" PRIu64, got);
	case_assert_slice(what, got ? slice_of(text) : (struct slice){NULL, 0}, want);
}

static void check_case(void **state)
{
	struct test_case *c = *state;
	struct slice line = case_get(c, "line", 0), reading = case_get(c, "reading", 0);
	struct syslog_line l = {.repeated = 0};
	struct syslog_clock clock = {.now_usec = NOW};
	uint64_t again = 0;
	int r = syslog_line_read(line, programs, &clock, &l);

	case_assert_slice("reading",
			  r == 0		       ? (struct slice){NULL, 0}
			  : r == SYSLOG_LINE_E_PROGRAM ? slice_of("program")
						       : slice_of("none"),
			  reading);
	case_assert_slice("host", l.header.host, case_get(c, "host", 0));
	case_assert_slice("program", l.header.program, case_get(c, "program", 0));
	case_assert_slice("pid", l.header.pid, case_get(c, "pid", 0));
	case_assert_slice("message", l.header.message, case_get(c, "message", 0));
	assert_count("repeated", l.repeated, case_get(c, "repeated", 0));
	assert_int_equal(syslog_line_repeats(line, &again), case_get(c, "again", 0).p != NULL);
	assert_count("again", again, case_get(c, "again", 0));
	case_assert_all_asked(c);
}

int main(void)
{
	struct case_file file;
	int r;

	assert_int_equal(setenv("TZ", "UTC", 1), 0);
	case_read("lines.txt", &file);
	r = case_run("lines", &file, check_case, NULL, 0);
	case_free(&file);
	return r;
}
