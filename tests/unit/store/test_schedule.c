/* What is due when, with clocks that are set. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/timetext.h"
#include "store/schedule.h"

#define NOW (UINT64_C(1800000000) * USEC_PER_SEC)

static void back_off_follows_the_table(void **state)
{
	static const uint64_t seconds[] = {0, 15, 30, 60, 120, 300, 600, 900, 900};

	(void)state;
	for (uint64_t i = 0; i < ARRAY_SIZE(seconds); i++)
		assert_int_equal(schedule_backoff_usec(i), seconds[i] * USEC_PER_SEC);
	assert_int_equal(schedule_backoff_usec(UINT64_MAX), 900 * USEC_PER_SEC);
}

static void jitter_stays_within_a_fifth(void **state)
{
	(void)state;
	assert_int_equal(schedule_jitter_usec(1000000, 0), 800000);
	assert_int_equal(schedule_jitter_usec(1000000, 500), 1000000);
	assert_int_equal(schedule_jitter_usec(1000000, 1000), 1200000);
	assert_int_equal(schedule_jitter_usec(1000000, 1001), 800000);
}

static void an_infinite_interval_is_never_over(void **state)
{
	const struct delivery_repeat p = {.start_usec = 1, .count = 1};

	(void)state;
	assert_int_equal(schedule_after(NOW, UINT64_MAX, NOW), UINT64_MAX);
	assert_false(schedule_window_over(&p, UINT64_MAX, NOW));
	assert_true(schedule_window_over(&p, NOW - 1, NOW));
	assert_false(schedule_window_over(&p, NOW, NOW));
}

static void waited_counts_what_was_planned_at_most(void **state)
{
	(void)state;
	assert_int_equal(schedule_waited(NOW, NOW + 15, NOW + 10), 10);
	assert_int_equal(schedule_waited(NOW, NOW + 15, NOW + 15), 15);
	assert_int_equal(schedule_waited(NOW, NOW + 15, NOW + 999999), 15);
	assert_int_equal(schedule_waited(NOW, NOW + 15, NOW - 1), 0);
	assert_int_equal(schedule_waited(NOW + 15, NOW, NOW + 99), 0);
}

static void a_clock_set_back_shifts_and_then_leaves_alone(void **state)
{
	struct delivery_held x = {.last_try_usec = NOW + 1000, .next_try_usec = NOW + 1015};
	struct delivery_repeat p = {.start_usec = NOW + 1};
	struct delivery_destination dest = {.held = &x, .n_held = 1, .repeats = &p, .n_repeats = 1};
	struct delivery_queue *l = &dest.queues[DELIVERY_FORGED];

	(void)state;
	l->last_mail_usec = NOW + 50;
	l->last_try_usec = NOW + 500;
	l->next_try_usec = NOW + 530;
	assert_true(schedule_normalise(&dest, NOW));
	assert_int_equal(l->last_mail_usec, NOW);
	assert_int_equal(l->last_try_usec, NOW);
	assert_int_equal(l->next_try_usec, NOW + 30);
	assert_int_equal(x.next_try_usec, NOW + 15);
	assert_int_equal(p.start_usec, NOW - USEC_PER_MIN);
	assert_false(schedule_normalise(&dest, NOW));
	assert_false(schedule_normalise(&dest, NOW + 10));
	assert_int_equal(l->next_try_usec, NOW + 30);
}

static void a_queue_is_due_as_its_parts_say(void **state)
{
	struct delivery_queue queue = {0};
	struct schedule_queue l = {
		.queue = &queue, .summary_usec = SCHEDULE_NEVER, .interval_usec = 60};

	(void)state;
	assert_int_equal(schedule_queue_due(&l, NOW), SCHEDULE_NEVER);
	l.waiting = true;
	assert_int_equal(schedule_queue_due(&l, NOW), NOW); /* the first at once */
	queue.last_mail_usec = NOW - 20;
	assert_int_equal(schedule_queue_due(&l, NOW), NOW + 40);
	l.waiting = false;
	l.summary_usec = NOW + 10;
	assert_int_equal(schedule_queue_due(&l, NOW), NOW + 40);
	l.summary_usec = NOW + 100;
	assert_int_equal(schedule_queue_due(&l, NOW), NOW + 100);
	l.frozen = true; /* not deferred: left over from before */
	assert_int_equal(schedule_queue_due(&l, NOW), NOW);
	queue.tries = 1;
	queue.last_try_usec = NOW - 1;
	queue.next_try_usec = NOW + 15 * USEC_PER_SEC;
	assert_int_equal(schedule_queue_due(&l, NOW), NOW + 15 * USEC_PER_SEC);
	l.waiting = l.fresh = true;
	assert_int_equal(schedule_queue_due(&l, NOW), NOW - 1 + SCHEDULE_URGENT_USEC);
	queue.next_try_usec = NOW + 1;
	assert_int_equal(schedule_queue_due(&l, NOW), NOW + 1);
}

static void the_next_summary_is_that_of_the_oldest_window_that_holds(void **state)
{
	struct delivery_repeat p[] = {{.start_usec = NOW - 50},
				      {.start_usec = NOW - 40, .count = 2},
				      {.start_usec = NOW - 30, .count = 1}};
	struct delivery_destination dest = {.repeats = p, .n_repeats = 3};

	(void)state;
	assert_int_equal(schedule_summary_due(&dest, 100, NOW), NOW + 60);
	p[1].count = p[2].count = 0;
	assert_int_equal(schedule_summary_due(&dest, 100, NOW), SCHEDULE_NEVER);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(back_off_follows_the_table),
		cmocka_unit_test(jitter_stays_within_a_fifth),
		cmocka_unit_test(an_infinite_interval_is_never_over),
		cmocka_unit_test(waited_counts_what_was_planned_at_most),
		cmocka_unit_test(a_clock_set_back_shifts_and_then_leaves_alone),
		cmocka_unit_test(a_queue_is_due_as_its_parts_say),
		cmocka_unit_test(the_next_summary_is_that_of_the_oldest_window_that_holds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
