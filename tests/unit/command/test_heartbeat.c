/* When heartbeats are due, over restarts and with clocks that are set. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/timetext.h"
#include "command/heartbeat.h"

#define NOW    (UINT64_C(1800000000) * USEC_PER_SEC)
#define STEADY (1000 * USEC_PER_SEC)
#define DAY    USEC_PER_DAY
#define HOUR   USEC_PER_HOUR

static struct heartbeat begun(void)
{
	struct heartbeat h = {0};

	heartbeat_begin(&h, NOW, STEADY);
	return h;
}

/* Ends the process at one pair of times, starts it at another. */
static struct heartbeat over_restart(struct heartbeat h, uint64_t now, uint64_t steady,
				     uint64_t now_then, uint64_t steady_then)
{
	AUTO_BUFFER struct buffer b = BUFFER_INIT(256);
	struct heartbeat read = {0};

	assert_int_equal(heartbeat_write(&h, now, steady, &b), 0);
	assert_int_equal(heartbeat_read(buffer_slice(&b), now_then, steady_then, &read), 0);
	assert_int_equal(read.begin_usec, h.begin_usec);
	return read;
}

static void the_first_comes_after_a_day(void **state)
{
	const struct heartbeat h = begun();

	(void)state;
	assert_int_equal(h.begin_usec, NOW);
	assert_int_equal(h.due_usec, STEADY + DAY);
}

static void a_late_one_keeps_to_the_hour_and_a_very_late_one_begins_anew(void **state)
{
	struct heartbeat h = begun();

	(void)state;
	h.logins = 1;
	heartbeat_begin(&h, NOW + DAY + 5, STEADY + DAY + 5);
	assert_int_equal(h.due_usec, STEADY + 2 * DAY);
	assert_int_equal(h.begin_usec, NOW + DAY + 5);
	assert_int_equal(h.logins, 0);
	heartbeat_begin(&h, NOW + 2 * DAY - HOUR / 2, STEADY + 2 * DAY - HOUR / 2);
	assert_int_equal(h.due_usec, STEADY + 3 * DAY);
	heartbeat_begin(&h, NOW + 7 * DAY, STEADY + 7 * DAY);
	assert_int_equal(h.due_usec, STEADY + 8 * DAY);
}

static void near_is_within_an_hour(void **state)
{
	const struct heartbeat h = begun();

	(void)state;
	assert_false(heartbeat_is_near(&h, STEADY + DAY - HOUR - 1));
	assert_true(heartbeat_is_near(&h, STEADY + DAY - HOUR));
	assert_true(heartbeat_is_near(&h, STEADY + 3 * DAY));
}

static void a_day_continues_over_a_restart_and_a_boot(void **state)
{
	struct heartbeat h = begun();

	(void)state;
	h = over_restart(h, NOW + 5 * HOUR, STEADY + 5 * HOUR, NOW + 6 * HOUR, STEADY + 6 * HOUR);
	assert_int_equal(h.due_usec, STEADY + DAY);
	h = over_restart(h, NOW + 7 * HOUR, STEADY + 7 * HOUR, NOW + 8 * HOUR, 3);
	assert_int_equal(h.due_usec, 3 + 16 * HOUR);
}

static void daily_restarts_put_none_off(void **state)
{
	struct heartbeat h = begun();
	unsigned reported = 0;

	(void)state;
	/* Ten boots, of twenty hours each. */
	for (uint64_t up = NOW; up < NOW + 10 * 20 * HOUR; up += 20 * HOUR) {
		if (h.due_usec <= STEADY + 20 * HOUR) {
			reported++;
			heartbeat_begin(&h, up + h.due_usec - STEADY, h.due_usec);
		}
		h = over_restart(h, up + 20 * HOUR, STEADY + 20 * HOUR, up + 20 * HOUR, STEADY);
	}
	assert_int_equal(reported, 10 * 20 / 24);
}

static void a_day_without_power_is_over_at_the_start(void **state)
{
	struct heartbeat h = begun();

	(void)state;
	h = over_restart(h, NOW + HOUR, STEADY + HOUR, NOW + 30 * HOUR, 5);
	assert_true(h.due_usec <= 5);
	heartbeat_begin(&h, NOW + 30 * HOUR, 5);
	assert_true(h.due_usec > DAY - HOUR && h.due_usec <= DAY + 5);
	h = over_restart(h, NOW + 30 * HOUR, 6, NOW + 30 * HOUR + 1, 7);
	assert_true(h.due_usec > DAY - HOUR);
}

static void clock_steps_while_it_runs_change_nothing(void **state)
{
	struct heartbeat h = begun();

	(void)state;
	/* A month back and a year ahead, then a restart by the clock as it is. */
	h = over_restart(h, NOW - 30 * DAY, STEADY + HOUR, NOW - 30 * DAY + 1, STEADY + HOUR + 1);
	assert_int_equal(h.due_usec, STEADY + DAY);
	h = over_restart(h, NOW + 365 * DAY, STEADY + 2 * HOUR, NOW + 365 * DAY + 1,
			 STEADY + 2 * HOUR + 1);
	assert_int_equal(h.due_usec, STEADY + DAY);
}

static void a_clock_set_back_while_stopped_puts_off_by_a_day_at_most(void **state)
{
	struct heartbeat h = begun();

	(void)state;
	h = over_restart(h, NOW + HOUR, STEADY + HOUR, NOW - 365 * DAY, 5);
	assert_int_equal(h.due_usec, 5 + DAY);
	h = over_restart(h, NOW - 364 * DAY - HOUR, 5 + 23 * HOUR, NOW - 364 * DAY - HOUR, 4);
	assert_int_equal(h.due_usec, 4 + HOUR);
}

static void counts_outlive_the_process(void **state)
{
	struct heartbeat h = begun(), read;

	(void)state;
	h.logins = 12;
	h.allowed = 10;
	h.forged = UINT64_MAX;
	h.gaps = 1;
	read = over_restart(h, NOW, STEADY, NOW, STEADY);
	assert_memory_equal(&read, &h, sizeof(h));
}

static void other_text_is_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"1 2 3 4 5",
		"heartbeat 1 2 3 4 5 6",
		"0 2 3 4 5 6",
		"1 2 3 4 5 x",
	};
	struct heartbeat h = begun();
	const struct heartbeat before = h;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		assert_int_equal(heartbeat_read(slice_of(bad[i]), NOW, STEADY, &h), -EINVAL);
		assert_memory_equal(&h, &before, sizeof(h));
	}
}

static void assert_described(struct heartbeat h, const char *want)
{
	AUTO_BUFFER struct buffer b = BUFFER_INIT(256);

	assert_int_equal(heartbeat_describe(&h, &b), 0);
	assert_string_equal(buffer_cstr(&b), want);
}

static void description(void **state)
{
	(void)state;
	assert_described((struct heartbeat){0}, "no SSH login");
	assert_described((struct heartbeat){.logins = 1}, "1 SSH login, 0 of them allowed");
	assert_described((struct heartbeat){.logins = 12, .allowed = 10},
			 "12 SSH logins, 10 of them allowed");
	assert_described((struct heartbeat){.forged = 3, .gaps = 2},
			 "no SSH login, 3 forged records, 2 gaps in the log");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_comes_after_a_day),
		cmocka_unit_test(a_late_one_keeps_to_the_hour_and_a_very_late_one_begins_anew),
		cmocka_unit_test(near_is_within_an_hour),
		cmocka_unit_test(a_day_continues_over_a_restart_and_a_boot),
		cmocka_unit_test(daily_restarts_put_none_off),
		cmocka_unit_test(a_day_without_power_is_over_at_the_start),
		cmocka_unit_test(clock_steps_while_it_runs_change_nothing),
		cmocka_unit_test(a_clock_set_back_while_stopped_puts_off_by_a_day_at_most),
		cmocka_unit_test(counts_outlive_the_process),
		cmocka_unit_test(other_text_is_refused),
		cmocka_unit_test(description),
	};

	return cmocka_run_group_tests_name("heartbeat", tests, NULL, NULL);
}
