/* What the sender has done: held, repeats, and the file's text there and back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "store/delivery.h"
#include "store/delivery_file.h"

static struct delivery_destination *one(struct delivery **d)
{
	struct delivery_destination *dest;

	*d = delivery_new();
	assert_non_null(*d);
	dest = delivery_add(*d, "");
	assert_non_null(dest);
	return dest;
}

static void except(struct delivery_destination *dest, enum delivery_state state, uint64_t first,
		   uint64_t last, const char *rcpt)
{
	struct delivery_held x = {.state = state,
				  .class = DELIVERY_LOGIN,
				  .first = first,
				  .last = last,
				  .tries = 2,
				  .waited_usec = 30,
				  .last_try_usec = 100,
				  .next_try_usec = 200,
				  .rcpt = (char *)rcpt};

	assert_int_equal(delivery_hold(dest, &x), 0);
}

static void assert_ranges(const struct delivery_destination *dest, const char *expected)
{
	char text[256];
	int n = 0;

	text[0] = '\0';
	for (size_t i = 0; i < dest->n_held; i++)
		n += snprintf(text + n, sizeof(text) - (size_t)n, "%llu-%llu ",
			      (unsigned long long)dest->held[i].first,
			      (unsigned long long)dest->held[i].last);
	assert_string_equal(text, expected);
}

static struct delivery *full(void)
{
	struct delivery_destination *dest;
	struct delivery *d;
	struct delivery_repeat *p;

	dest = one(&d);
	(void)snprintf(d->ledger_id, sizeof(d->ledger_id), "0123456789abcdef0123456789abcdef");
	dest->queues[DELIVERY_LOGIN] = (struct delivery_queue){1, 2, 3, 4, 5, 6};
	dest->queues[DELIVERY_FORGED] = (struct delivery_queue){UINT64_MAX, 0, 0, 0, 0, 0};
	dest->queues[DELIVERY_RETRY] = (struct delivery_queue){0, 9, 8, 7, 6, 5};
	except(dest, DELIVERY_REFUSED, 3, 5, NULL);
	except(dest, DELIVERY_GIVEN_UP, 1, 1, NULL);
	except(dest, DELIVERY_DEFERRED, 3, 5, "\"a b\"@example.net");
	for (uint64_t i = 0; i < 40; i++) {
		p = delivery_repeat_add(dest, (struct hash128){i * 77 % 41, UINT64_MAX - i});
		assert_non_null(p);
		p->start_usec = i;
		p->count = i % 3;
		p->first_seq = i + 1;
		p->last_seq = i + 2;
	}
	assert_int_equal(delivery_drop(dest, DELIVERY_LOGIN, 9), 0);
	dest->unreported = 7;
	dest->sequence = 12;
	(void)snprintf(dest->reply, sizeof(dest->reply), "250 ok=\\x");
	(void)snprintf(dest->mailed, sizeof(dest->mailed), "<a@b>");
	(void)snprintf(dest->failure, sizeof(dest->failure), "line\nbreak");
	assert_non_null(delivery_add(d, "night \"shift\"\n=x"));
	return d;
}

static void text_comes_back_the_same(void **state)
{
	AUTO_DELIVERY struct delivery *d = full(), *back = NULL;
	AUTO_BUFFER struct buffer text = BUFFER_INIT(1 << 20), again = BUFFER_INIT(1 << 20);
	const struct delivery_destination *dest;

	(void)state;
	assert_int_equal(delivery_write(d, &text), 0);
	assert_int_equal(delivery_read(buffer_slice(&text), &back, NULL), 0);
	assert_int_equal(delivery_write(back, &again), 0);
	assert_int_equal(text.len, again.len);
	assert_memory_equal(text.data, again.data, text.len);
	assert_int_equal(back->n_destinations, 2);
	dest = &back->destinations[0];
	assert_memory_equal(dest->queues, d->destinations[0].queues, sizeof(dest->queues));
	assert_int_equal(dest->n_repeats, 40);
	assert_memory_equal(dest->repeats, d->destinations[0].repeats, 40 * sizeof(*dest->repeats));
	assert_int_equal(dest->n_held, 3);
	assert_int_equal(dest->held[2].state, DELIVERY_DEFERRED);
	assert_string_equal(dest->held[2].rcpt, "\"a b\"@example.net");
	assert_int_equal(dest->n_dropped, 1);
	assert_true(delivery_is_dropped(dest, DELIVERY_LOGIN, 9));
	assert_null(dest->held[0].rcpt);
	assert_int_equal(dest->held[0].next_try_usec, 200);
	assert_string_equal(dest->failure, "line\nbreak");
	assert_string_equal(back->destinations[1].name, "night \"shift\"\n=x");
}

static void every_changed_byte_and_every_cut_is_found(void **state)
{
	AUTO_DELIVERY struct delivery *d = full();
	AUTO_BUFFER struct buffer text = BUFFER_INIT(1 << 20);

	(void)state;
	assert_int_equal(delivery_write(d, &text), 0);
	for (size_t i = 0; i < text.len; i++) {
		struct delivery *back = NULL;
		struct error err;

		text.data[i] ^= 4;
		assert_int_equal(delivery_read(buffer_slice(&text), &back, &err),
				 DELIVERY_E_DAMAGED);
		text.data[i] ^= 4;
		assert_int_equal(delivery_read((struct slice){text.data, i}, &back, &err),
				 DELIVERY_E_DAMAGED);
		assert_null(back);
	}
}

/* Reads @body with its right CRC. */
static int read_body(const char *body)
{
	AUTO_BUFFER struct buffer text = BUFFER_INIT(1 << 20);
	AUTO_DELIVERY struct delivery *d = NULL;
	struct error err;

	assert_int_equal(buffer_printf(&text, "LOGINBELL_DELIVERY=1\n%s", body), 0);
	assert_int_equal(buffer_printf(&text, "CRC=%08x\n", hash_crc32(0, text.data, text.len)), 0);
	return delivery_read(buffer_slice(&text), &d, &err);
}

static void what_cannot_be_is_damaged(void **state)
{
	static const char *const bodies[] = {
		"QUEUE=login 1 2 3 4 5 6\n", /* of no destination */
		"DESTINATION=\nDESTINATION=\n",
		"DESTINATION=\nQUEUE=aslope 1 2 3 4 5 6\n",
		"DESTINATION=\nQUEUE=login 1 2 3 4 5\n",
		"DESTINATION=\nQUEUE=login 1 2 3 4 5 18446744073709551616\n",
		"DESTINATION=\nHELD=waiting login 1 2 3 4 5 6\n",
		"DESTINATION=\nHELD=refused retry 1 2 3 4 5 6\n",
		"DESTINATION=\nHELD=refused login 0 2 3 4 5 6\n",
		"DESTINATION=\nHELD=refused login 3 2 3 4 5 6\n",
		"DESTINATION=\nREPEAT=0123 1 2 3 4\n",
		"DESTINATION=\nREPLY=\\q\n",
		"LEDGER=0123456789abcdef0123456789abcdef0\n",
		"no key\n",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bodies); i++)
		if (read_body(bodies[i]) != DELIVERY_E_DAMAGED)
			fail_msg("%s", bodies[i]);
	assert_int_equal(read_body(""), 0);
	assert_int_equal(read_body("FUTURE=1\n"), DELIVERY_E_DAMAGED); /* belongs to nobody */
	assert_int_equal(read_body("DESTINATION=\nFUTURE=1\n"), 0);
	assert_int_equal(read_body("DESTINATION=\nHELD=refused login 2 2 3 4 5 6\n"), 0);
}

static void exceptions_that_touch_are_joined(void **state)
{
	AUTO_DELIVERY struct delivery *d = NULL;
	struct delivery_destination *dest = one(&d);

	(void)state;
	except(dest, DELIVERY_REFUSED, 5, 6, NULL);
	except(dest, DELIVERY_REFUSED, 8, 9, NULL);
	assert_ranges(dest, "5-6 8-9 ");
	except(dest, DELIVERY_REFUSED, 7, 7, "a@b");
	assert_ranges(dest, "5-6 8-9 7-7 ");
	except(dest, DELIVERY_GIVEN_UP, 4, 4, NULL);
	assert_ranges(dest, "5-6 8-9 7-7 4-4 ");
	except(dest, DELIVERY_REFUSED, 7, 7, NULL);
	assert_ranges(dest, "5-7 8-9 7-7 4-4 ");
}

static void joined_exceptions_keep_the_shorter_wait(void **state)
{
	AUTO_DELIVERY struct delivery *d = NULL;
	struct delivery_destination *dest = one(&d);
	struct delivery_held x = {.state = DELIVERY_REFUSED,
				  .first = 3,
				  .last = 3,
				  .tries = 9,
				  .waited_usec = 10,
				  .last_try_usec = 150,
				  .next_try_usec = 300};

	(void)state;
	except(dest, DELIVERY_REFUSED, 2, 2, NULL);
	assert_int_equal(delivery_hold(dest, &x), 0);
	assert_int_equal(dest->n_held, 1);
	assert_int_equal(dest->held[0].tries, 2);
	assert_int_equal(dest->held[0].waited_usec, 10);
	assert_int_equal(dest->held[0].next_try_usec, 200);
}

static void unexcept_cuts_at_both_ends_and_in_the_middle(void **state)
{
	AUTO_DELIVERY struct delivery *d = NULL;
	struct delivery_destination *dest = one(&d);

	(void)state;
	except(dest, DELIVERY_REFUSED, 10, 20, "a@b");
	assert_int_equal(delivery_release(dest, DELIVERY_LOGIN, NULL, 1, 100), 0);
	assert_int_equal(delivery_release(dest, DELIVERY_FORGED, "a@b", 1, 100), 0);
	assert_int_equal(delivery_release(dest, DELIVERY_LOGIN, "a@c", 1, 100), 0);
	assert_int_equal(delivery_release(dest, DELIVERY_LOGIN, "a@b", 21, 100), 0);
	assert_ranges(dest, "10-20 ");
	assert_int_equal(delivery_release(dest, DELIVERY_LOGIN, "a@b", 1, 10), 0);
	assert_ranges(dest, "11-20 ");
	assert_int_equal(delivery_release(dest, DELIVERY_LOGIN, "a@b", 20, 20), 0);
	assert_ranges(dest, "11-19 ");
	assert_int_equal(delivery_release(dest, DELIVERY_LOGIN, "a@b", 14, 15), 0);
	assert_ranges(dest, "11-13 16-19 ");
	assert_string_equal(dest->held[1].rcpt, "a@b");
	assert_int_equal(delivery_release(dest, DELIVERY_LOGIN, "a@b", 12, 17), 0);
	assert_ranges(dest, "11-11 18-19 ");
	assert_int_equal(delivery_release(dest, DELIVERY_LOGIN, "a@b", 11, 19), 0);
	assert_ranges(dest, "");
}

static void the_least_good_state_counts(void **state)
{
	AUTO_DELIVERY struct delivery *d = NULL;
	struct delivery_destination *dest = one(&d);

	(void)state;
	dest->queues[DELIVERY_LOGIN].done_up_to = 5;
	assert_int_equal(delivery_state_of(dest, ALERT_LOGIN, 5), DELIVERY_DONE);
	assert_int_equal(delivery_state_of(dest, ALERT_GAP, 6), DELIVERY_WAITING);
	assert_int_equal(delivery_state_of(dest, ALERT_FORGED, 1), DELIVERY_WAITING);
	except(dest, DELIVERY_REFUSED, 4, 4, NULL);
	except(dest, DELIVERY_DEFERRED, 4, 5, "a@b");
	assert_int_equal(delivery_state_of(dest, ALERT_LOGIN, 3), DELIVERY_DONE);
	assert_int_equal(delivery_state_of(dest, ALERT_LOGIN, 4), DELIVERY_REFUSED);
	assert_int_equal(delivery_state_of(dest, ALERT_LOGIN, 5), DELIVERY_DEFERRED);
}

static void another_ledger_makes_all_progress_void(void **state)
{
	AUTO_DELIVERY struct delivery *d = NULL;
	struct delivery_destination *dest = one(&d);

	(void)state;
	assert_false(delivery_set_ledger(d, "first"));
	dest->queues[DELIVERY_LOGIN].done_up_to = 5;
	dest->queues[DELIVERY_LOGIN].serial = 3;
	except(dest, DELIVERY_REFUSED, 4, 4, "a@b");
	assert_non_null(delivery_repeat_add(dest, (struct hash128){1, 1}));
	assert_int_equal(delivery_drop(dest, DELIVERY_LOGIN, 6), 0);
	assert_false(delivery_set_ledger(d, "first"));
	assert_false(delivery_set_ledger(d, ""));
	assert_int_equal(dest->queues[DELIVERY_LOGIN].done_up_to, 5);
	assert_true(delivery_set_ledger(d, "second"));
	assert_string_equal(d->ledger_id, "second");
	assert_int_equal(dest->queues[DELIVERY_LOGIN].done_up_to, 0);
	assert_int_equal(dest->queues[DELIVERY_LOGIN].serial, 3);
	assert_int_equal(dest->n_held + dest->n_repeats + dest->n_dropped, 0);
}

static void repeats_differ_in_each_part_of_the_key(void **state)
{
	const struct alert base = {.host = SLICE_LITERAL("h"),
				   .user = SLICE_LITERAL("u"),
				   .addr = SLICE_LITERAL("192.0.2.1"),
				   .method = SLICE_LITERAL("publickey"),
				   .fingerprint = SLICE_LITERAL("SHA256:x")};
	struct alert other;

	(void)state;
	other = base;
	other.seq = 5;
	other.port = 17;
	other.message = SLICE_LITERAL("m");
	assert_true(hash128_eq(delivery_repeat_key(&base), delivery_repeat_key(&other)));
#define DIFFERS(field)                                                                             \
	other = base;                                                                              \
	other.field = SLICE_LITERAL("other");                                                      \
	assert_false(hash128_eq(delivery_repeat_key(&base), delivery_repeat_key(&other)))
	DIFFERS(host);
	DIFFERS(user);
	DIFFERS(addr);
	DIFFERS(method);
	DIFFERS(fingerprint);
#undef DIFFERS
	/* Where one part ends and the next begins matters. */
	other = base;
	other.host = SLICE_LITERAL("hu");
	other.user = SLICE_LITERAL("");
	assert_false(hash128_eq(delivery_repeat_key(&base), delivery_repeat_key(&other)));
}

static void repeats_are_found_in_any_order_and_bounded(void **state)
{
	AUTO_DELIVERY struct delivery *d = NULL;
	struct delivery_destination *dest = one(&d);

	(void)state;
	for (uint64_t i = 0; i < DELIVERY_REPEATS_MAX; i++)
		delivery_repeat_add(dest, (struct hash128){i * 7919 % DELIVERY_REPEATS_MAX, 1})
			->start_usec = i;
	assert_int_equal(dest->n_repeats, DELIVERY_REPEATS_MAX);
	assert_null(delivery_repeat_add(dest, (struct hash128){DELIVERY_REPEATS_MAX, 1}));
	assert_non_null(delivery_repeat_add(dest, (struct hash128){5, 1}));
	assert_int_equal(dest->n_repeats, DELIVERY_REPEATS_MAX);
	for (uint64_t i = 0; i < DELIVERY_REPEATS_MAX; i++)
		assert_int_equal(delivery_repeat_find(
					 dest, (struct hash128){i * 7919 % DELIVERY_REPEATS_MAX, 1})
					 ->start_usec,
				 i);
	assert_null(delivery_repeat_find(dest, (struct hash128){5, 2}));
}

static void expired_windows_go_unless_they_hold_something(void **state)
{
	AUTO_DELIVERY struct delivery *d = NULL;
	struct delivery_destination *dest = one(&d);

	(void)state;
	for (uint64_t i = 1; i <= 4; i++) {
		struct delivery_repeat *p = delivery_repeat_add(dest, (struct hash128){0, i});

		p->start_usec = i * 10;
		p->count = i == 1;
	}
	delivery_repeat_expire(dest, 30);
	assert_int_equal(dest->n_repeats, 3);
	assert_non_null(delivery_repeat_find(dest, (struct hash128){0, 1}));
	assert_null(delivery_repeat_find(dest, (struct hash128){0, 2}));
	assert_non_null(delivery_repeat_find(dest, (struct hash128){0, 3}));
	dest->repeats[0].count = 0;
	delivery_repeat_expire(dest, UINT64_MAX);
	assert_int_equal(dest->n_repeats, 0);
}

static void removing_a_destination_keeps_the_others(void **state)
{
	AUTO_DELIVERY struct delivery *d = delivery_new();

	(void)state;
	assert_non_null(delivery_add(d, "a"));
	assert_non_null(delivery_add(d, "b"));
	assert_non_null(delivery_add(d, "c"));
	delivery_remove(d, delivery_find(d, "b"));
	assert_null(delivery_find(d, "b"));
	assert_string_equal(delivery_find(d, "c")->name, "c");
	delivery_remove(d, delivery_find(d, "c"));
	assert_int_equal(d->n_destinations, 1);
}

static void saved_file_is_loaded_and_a_torn_one_is_damaged(void **state)
{
	char directory[] = "/tmp/test_delivery.XXXXXX";
	AUTO_DELIVERY struct delivery *d = full(), *back = NULL, *none = NULL;
	AUTO_CLOSE int dirfd = -1, fd = -1;
	struct error err;

	(void)state;
	assert_non_null(mkdtemp(directory));
	dirfd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(delivery_load(dirfd, &back, &err), DELIVERY_E_NONE);
	assert_int_equal(delivery_save(dirfd, d), 0);
	assert_int_equal(delivery_load(dirfd, &back, &err), 0);
	assert_int_equal(back->destinations[0].unreported, 7);
	assert_int_equal(back->destinations[0].sequence, 12);
	fd = openat(dirfd, DELIVERY_FILE, O_WRONLY | O_CLOEXEC);
	assert_int_equal(ftruncate(fd, 30), 0);
	assert_int_equal(delivery_load(dirfd, &none, &err), DELIVERY_E_DAMAGED);
	assert_null(none);
	assert_int_equal(unlinkat(dirfd, DELIVERY_FILE, 0), 0);
	assert_int_equal(rmdir(directory), 0);
}

static void a_dropped_alert_waits_no_more_and_is_forgotten_behind_the_mark(void **state)
{
	AUTO_DELIVERY struct delivery *d = NULL;
	struct delivery_destination *dest = one(&d);

	(void)state;
	dest->queues[DELIVERY_LOGIN].done_up_to = 4;
	assert_int_equal(delivery_drop(dest, DELIVERY_LOGIN, 4), 0);
	assert_int_equal(dest->n_dropped, 0);
	assert_int_equal(delivery_drop(dest, DELIVERY_LOGIN, 5), 0);
	assert_int_equal(delivery_drop(dest, DELIVERY_LOGIN, 5), 0);
	assert_int_equal(delivery_drop(dest, DELIVERY_LOGIN, 7), 0);
	assert_int_equal(delivery_drop(dest, DELIVERY_FORGED, 1), 0);
	assert_int_equal(dest->n_dropped, 3);
	assert_int_equal(delivery_state_of(dest, ALERT_LOGIN, 5), DELIVERY_DONE);
	assert_int_equal(delivery_state_of(dest, ALERT_LOGIN, 6), DELIVERY_WAITING);
	assert_int_equal(delivery_state_of(dest, ALERT_FORGED, 5), DELIVERY_WAITING);
	assert_int_equal(delivery_state_of(dest, ALERT_FORGED, 1), DELIVERY_DONE);
	delivery_drop_expire(dest);
	assert_int_equal(dest->n_dropped, 3);
	dest->queues[DELIVERY_LOGIN].done_up_to = 6;
	delivery_drop_expire(dest);
	assert_int_equal(dest->n_dropped, 2);
	assert_false(delivery_is_dropped(dest, DELIVERY_LOGIN, 5));
	assert_true(delivery_is_dropped(dest, DELIVERY_LOGIN, 7));
}

static void dropping_takes_one_alert_out_of_all_exceptions(void **state)
{
	AUTO_DELIVERY struct delivery *d = NULL;
	struct delivery_destination *dest = one(&d);

	(void)state;
	dest->queues[DELIVERY_LOGIN].done_up_to = 9;
	except(dest, DELIVERY_REFUSED, 1, 3, "a@b");
	except(dest, DELIVERY_DEFERRED, 2, 2, NULL);
	except(dest, DELIVERY_GIVEN_UP, 2, 5, "c@d");
	assert_int_equal(delivery_drop(dest, DELIVERY_FORGED, 2), 0);
	assert_ranges(dest, "1-3 2-2 2-5 ");
	assert_int_equal(delivery_drop(dest, DELIVERY_LOGIN, 2), 0);
	assert_int_equal(delivery_state_of(dest, ALERT_LOGIN, 2), DELIVERY_DONE);
	assert_int_equal(delivery_state_of(dest, ALERT_LOGIN, 1), DELIVERY_REFUSED);
	assert_int_equal(delivery_state_of(dest, ALERT_LOGIN, 3), DELIVERY_GIVEN_UP);
	assert_int_equal(dest->n_held, 3);
}

static void only_what_was_given_up_is_taken_back(void **state)
{
	AUTO_DELIVERY struct delivery *d = NULL;
	struct delivery_destination *dest = one(&d);

	(void)state;
	dest->queues[DELIVERY_LOGIN].done_up_to = 9;
	except(dest, DELIVERY_GIVEN_UP, 1, 3, NULL);
	except(dest, DELIVERY_GIVEN_UP, 2, 2, "a@b");
	except(dest, DELIVERY_REFUSED, 2, 4, "c@d");
	assert_int_equal(delivery_revive(dest, DELIVERY_LOGIN, 4, 700), 0);
	assert_int_equal(delivery_revive(dest, DELIVERY_FORGED, 2, 700), 0);
	assert_int_equal(delivery_revive(dest, DELIVERY_LOGIN, 9, 700), 0);
	assert_int_equal(delivery_revive(dest, DELIVERY_LOGIN, 2, 700), 2);
	assert_int_equal(delivery_state_of(dest, ALERT_LOGIN, 2), DELIVERY_REFUSED);
	assert_int_equal(delivery_state_of(dest, ALERT_LOGIN, 1), DELIVERY_GIVEN_UP);
	assert_int_equal(delivery_state_of(dest, ALERT_LOGIN, 3), DELIVERY_GIVEN_UP);
	for (size_t i = 0; i < dest->n_held; i++) {
		const struct delivery_held *x = &dest->held[i];

		if (x->state != DELIVERY_DEFERRED)
			continue;
		assert_int_equal(x->first, 2);
		assert_int_equal(x->last, 2);
		assert_int_equal(x->tries, 0);
		assert_int_equal(x->waited_usec, 0);
		assert_int_equal(x->next_try_usec, 700);
	}
	assert_int_equal(dest->n_held, 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_comes_back_the_same),
		cmocka_unit_test(every_changed_byte_and_every_cut_is_found),
		cmocka_unit_test(what_cannot_be_is_damaged),
		cmocka_unit_test(exceptions_that_touch_are_joined),
		cmocka_unit_test(joined_exceptions_keep_the_shorter_wait),
		cmocka_unit_test(unexcept_cuts_at_both_ends_and_in_the_middle),
		cmocka_unit_test(the_least_good_state_counts),
		cmocka_unit_test(a_dropped_alert_waits_no_more_and_is_forgotten_behind_the_mark),
		cmocka_unit_test(dropping_takes_one_alert_out_of_all_exceptions),
		cmocka_unit_test(only_what_was_given_up_is_taken_back),
		cmocka_unit_test(another_ledger_makes_all_progress_void),
		cmocka_unit_test(repeats_differ_in_each_part_of_the_key),
		cmocka_unit_test(repeats_are_found_in_any_order_and_bounded),
		cmocka_unit_test(expired_windows_go_unless_they_hold_something),
		cmocka_unit_test(removing_a_destination_keeps_the_others),
		cmocka_unit_test(saved_file_is_loaded_and_a_torn_one_is_damaged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
