/* Which forged records are reported when, with a clock that is set. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "base/timetext.h"
#include "command/forgeries.h"

static struct forgeries f;

static int set_up(void **state)
{
	(void)state;
	forgeries_init(&f);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	forgeries_done(&f);
	return 0;
}

/* A forged record at @now_usec: 1 if it was reported. */
static int add(uint64_t uid, uint64_t now_usec)
{
	struct alert a = {
		.kind = ALERT_FORGED,
		.uid_known = true,
		.uid = uid,
		.time_usec = now_usec,
		.message = SLICE_LITERAL("Accepted"),
		.id = SLICE_LITERAL("0123456789abcdef0123456789abcdef"),
	};
	int r = forgeries_add(&f, &a);

	if (r > 0)
		forgeries_reported(&f, &a, now_usec);
	return r;
}

static void assert_joined(bool all, uint64_t now_usec, uint64_t uid, uint64_t count,
			  uint64_t last_usec)
{
	struct alert a;

	assert_int_equal(forgeries_join(&f, all, now_usec, &a), 1);
	assert_int_equal(a.uid, uid);
	assert_int_equal(a.count, count);
	assert_int_equal(a.time_usec, last_usec);
	assert_int_equal(a.kind, ALERT_FORGED);
}

static void assert_none(bool all, uint64_t now_usec)
{
	struct alert a;

	assert_int_equal(forgeries_join(&f, all, now_usec, &a), 0);
}

static void the_first_is_reported_and_the_others_when_the_window_ends(void **state)
{
	(void)state;
	assert_int_equal(add(1000, 1), 1);
	assert_int_equal(forgeries_due(&f), UINT64_MAX);
	assert_int_equal(add(1000, 2), 0);
	assert_int_equal(add(1000, 3), 0);
	assert_int_equal(forgeries_due(&f), 1 + USEC_PER_MIN);
	assert_none(false, USEC_PER_MIN);
	assert_joined(false, 1 + USEC_PER_MIN, 1000, 2, 3);
	assert_none(false, 1 + USEC_PER_MIN);
	assert_int_equal(forgeries_due(&f), UINT64_MAX);
}

static void windows_grow_to_an_hour_while_the_flood_lasts(void **state)
{
	static const uint64_t minutes[] = {1, 4, 16, 60, 60};
	uint64_t now = 1;

	(void)state;
	assert_int_equal(add(1000, now), 1);
	for (size_t i = 0; i < sizeof(minutes) / sizeof(*minutes); i++) {
		assert_int_equal(add(1000, now), 0);
		assert_int_equal(forgeries_due(&f), now + minutes[i] * USEC_PER_MIN);
		now = forgeries_due(&f);
		assert_joined(false, now, 1000, 1, now - minutes[i] * USEC_PER_MIN);
	}
}

static void after_a_quiet_window_the_next_is_reported_at_once(void **state)
{
	(void)state;
	assert_int_equal(add(1000, 1), 1);
	assert_none(true, 2);
	assert_int_equal(add(1000, 2), 0);
	assert_joined(true, 3, 1000, 1, 2);
	assert_none(false, 3 + 4 * USEC_PER_MIN);
	assert_int_equal(add(1000, 3 + 4 * USEC_PER_MIN), 1);
}

static void users_are_joined_apart_as_far_as_there_is_room(void **state)
{
	(void)state;
	for (uint64_t uid = 0; uid < FORGERIES_USERS; uid++)
		assert_int_equal(add(uid, 1), 1);
	for (uint64_t uid = 0; uid < FORGERIES_USERS; uid++)
		assert_int_equal(add(uid, 2), 0);
	assert_int_equal(add(5000, 2), 1);
	assert_int_equal(add(5000, 3), 0);
	for (uint64_t uid = 0; uid < FORGERIES_USERS; uid++)
		assert_joined(true, 4, uid, 1, 2);
	assert_joined(true, 4, 5000, 1, 3);
	assert_none(true, 4);
}

/* Fills the places of those who are joined apart. */
static void fill(void)
{
	for (uint64_t uid = 0; uid < FORGERIES_USERS; uid++)
		assert_int_equal(add(uid, 1), 1);
}

static void assert_others(uint64_t now_usec, uint64_t count, const char *reason)
{
	struct alert a;

	assert_int_equal(forgeries_join(&f, true, now_usec, &a), 1);
	assert_int_equal(a.count, count);
	assert_false(a.uid_known);
	assert_true(slice_eq_str(a.reason, reason));
}

static void further_users_are_joined_in_one_that_names_them(void **state)
{
	(void)state;
	fill();
	assert_int_equal(add(5000, 2), 1);
	for (uint64_t i = 0; i < 9; i++)
		assert_int_equal(add(5001 + i % 3, 3), 0);
	assert_others(4, 9,
		      "many users forge at this time; these were written, and not by sshd, by user "
		      "ids 5001, 5002, 5003");
	assert_int_equal(add(6000, 5), 0);
	assert_joined(true, 6, 6000, 1, 5);
	assert_none(true, 6);
}

static void of_very_many_users_the_first_are_named(void **state)
{
	(void)state;
	fill();
	assert_int_equal(add(100000, 2), 1);
	for (uint64_t uid = 100000; uid < 165536; uid++)
		assert_int_equal(add(uid, 3), 0);
	assert_others(4, 65536,
		      "many users forge at this time; these were written, and not by sshd, by user "
		      "ids 100000, 100001, 100002, 100003, 100004, 100005, 100006, 100007, 100008, "
		      "100009, 100010, 100011, 100012, 100013, 100014, 100015 and further ones");
	assert_none(true, 5);
}

static void a_free_slot_is_used_by_the_next(void **state)
{
	(void)state;
	fill();
	assert_int_equal(add(5000, 2), 1);
	assert_int_equal(add(5001, 2), 0);
	assert_joined(false, 2 + USEC_PER_MIN, 5001, 1, 2);
	assert_int_equal(add(5001, 3 + USEC_PER_MIN), 1);
	assert_int_equal(add(5001, 4 + USEC_PER_MIN), 0);
	assert_joined(true, 5 + USEC_PER_MIN, 5001, 1, 4 + USEC_PER_MIN);
}

static void what_is_forgotten_is_not_reported(void **state)
{
	(void)state;
	assert_int_equal(add(1000, 1), 1);
	assert_int_equal(add(1000, 2), 0);
	forgeries_forget(&f);
	assert_int_equal(forgeries_due(&f), UINT64_MAX);
	assert_none(true, 3);
}

/* Sixteen other users are all named; the seventeenth is one of "further ones". */
static void exactly_as_many_as_are_named_have_no_further_ones(void **state)
{
	static const char named[] =
		"many users forge at this time; these were written, and not by "
		"sshd, by user ids 5000, 5001, 5002, 5003, 5004, 5005, 5006, "
		"5007, 5008, 5009, 5010, 5011, 5012, 5013, 5014, 5015";
	char more[sizeof(named) + 32];

	(void)state;
	(void)snprintf(more, sizeof(more), "%s and further ones", named);
	fill();
	assert_int_equal(add(4999, 2), 1);
	for (uint64_t i = 0; i < FORGERIES_NAMED; i++)
		assert_int_equal(add(5000 + i, 3), 0);
	assert_others(4, FORGERIES_NAMED, named);
	for (uint64_t i = 0; i < FORGERIES_NAMED; i++)
		assert_int_equal(add(5000 + i, 5), 0);
	assert_int_equal(add(5000, 6), 0);
	assert_int_equal(add(7000, 7), 0);
	assert_others(8, FORGERIES_NAMED + 2, more);
}

static int add_without_uid(uint64_t now_usec)
{
	struct alert a = {.kind = ALERT_FORGED,
			  .time_usec = now_usec,
			  .reason = SLICE_LITERAL("no user ID"),
			  .id = SLICE_LITERAL("0123456789abcdef0123456789abcdef")};
	int r = forgeries_add(&f, &a);

	if (r > 0)
		forgeries_reported(&f, &a, now_usec);
	return r;
}

static void records_without_uid_have_a_slot_or_are_further_ones(void **state)
{
	struct alert a;

	(void)state;
	assert_int_equal(add_without_uid(1), 1);
	assert_int_equal(add(0, 1), 1);
	assert_int_equal(add_without_uid(2), 0);
	assert_int_equal(forgeries_join(&f, true, 3, &a), 1);
	assert_false(a.uid_known);
	assert_int_equal(a.count, 1);
	assert_true(slice_eq_str(a.reason, "no user ID"));
	tear_down(NULL);
	set_up(NULL);
	fill();
	assert_int_equal(add(5000, 2), 1);
	assert_int_equal(add_without_uid(3), 0);
	assert_int_equal(forgeries_join(&f, true, 4, &a), 1);
	assert_true(slice_eq_str(a.reason, "no user ID"));
	assert_int_equal(add(5000, 5), 0);
	assert_int_equal(add_without_uid(6), 0);
	assert_others(7, 2,
		      "many users forge at this time; these were written, and not by sshd, by user "
		      "ids 5000 and further ones");
}

static void joining_one_user_leaves_what_the_others_wrote(void **state)
{
	(void)state;
	fill();
	assert_int_equal(add(5000, 2), 1);
	assert_int_equal(add(5001, 3), 0);
	assert_int_equal(add(5002, 3), 0);
	assert_int_equal(add(7, 3), 0);
	assert_joined(true, 4, 7, 1, 3);
	assert_others(4, 2,
		      "many users forge at this time; these were written, and not by sshd, by user "
		      "ids 5001, 5002");
	assert_none(true, 4);
}

static void the_first_window_that_ends_is_due(void **state)
{
	(void)state;
	assert_int_equal(add(1, 10), 1);
	assert_int_equal(add(2, 5), 1);
	assert_int_equal(add(3, 1), 1);
	assert_int_equal(add(1, 20), 0);
	assert_int_equal(forgeries_due(&f), 10 + USEC_PER_MIN);
	assert_int_equal(add(2, 20), 0);
	assert_int_equal(forgeries_due(&f), 5 + USEC_PER_MIN);
	assert_joined(false, 5 + USEC_PER_MIN, 2, 1, 20);
	assert_int_equal(forgeries_due(&f), 10 + USEC_PER_MIN);
	forgeries_forget(&f);
	assert_int_equal(forgeries_due(&f), UINT64_MAX);
	/* The windows last: what is read again is held again. */
	assert_int_equal(add(1, 20), 0);
	assert_joined(true, 21, 1, 1, 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			the_first_is_reported_and_the_others_when_the_window_ends, set_up,
			tear_down),
		cmocka_unit_test_setup_teardown(windows_grow_to_an_hour_while_the_flood_lasts,
						set_up, tear_down),
		cmocka_unit_test_setup_teardown(after_a_quiet_window_the_next_is_reported_at_once,
						set_up, tear_down),
		cmocka_unit_test_setup_teardown(users_are_joined_apart_as_far_as_there_is_room,
						set_up, tear_down),
		cmocka_unit_test_setup_teardown(further_users_are_joined_in_one_that_names_them,
						set_up, tear_down),
		cmocka_unit_test_setup_teardown(of_very_many_users_the_first_are_named, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(a_free_slot_is_used_by_the_next, set_up, tear_down),
		cmocka_unit_test_setup_teardown(exactly_as_many_as_are_named_have_no_further_ones,
						set_up, tear_down),
		cmocka_unit_test_setup_teardown(records_without_uid_have_a_slot_or_are_further_ones,
						set_up, tear_down),
		cmocka_unit_test_setup_teardown(joining_one_user_leaves_what_the_others_wrote,
						set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_first_window_that_ends_is_due, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(what_is_forgotten_is_not_reported, set_up,
						tear_down),
	};

	return cmocka_run_group_tests_name("forgeries", tests, NULL, NULL);
}
