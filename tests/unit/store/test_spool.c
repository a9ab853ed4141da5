/* A frozen mail: its file there and back, torn, damaged and in doubt. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "store/spool.h"

static struct spool_message *full(void)
{
	struct spool_message *o = spool_new();

	assert_non_null(o);
	(void)snprintf(o->ledger_id, sizeof(o->ledger_id), "0123456789abcdef0123456789abcdef");
	(void)snprintf(o->message_id, sizeof(o->message_id), "<x=y@example.net>");
	o->queue = DELIVERY_RETRY;
	o->class = DELIVERY_FORGED;
	o->serial = 1;
	o->done_up_to = UINT64_MAX;
	o->tries = 3;
	o->waited_usec = 4;
	o->last_try_usec = 5;
	o->reported = 6;
	o->sequence = 12;
	o->style = MESSAGE_NO_LOGS;
	o->one_rcpt = true;
	o->config = (struct hash128){7, 8};
	for (uint64_t seq = 1; seq <= 60; seq++)
		if (seq % 3)
			assert_int_equal(spool_add_alert(o, seq), 0);
	for (uint64_t i = 0; i < 17; i++)
		assert_int_equal(spool_add_repeat(o, (struct hash128){i, ~i}, i, i + 1), 0);
	for (int i = 0; i < SPOOL_RCPT_STATES; i++)
		assert_int_equal(spool_add_rcpt(o, "\"a b\"@example.net", (enum spool_rcpt_state)i),
				 0);
	assert_int_equal(buffer_append_str(&o->mail, "A: b\r\n\r\nCRC=12345678\n\n.\r\n"), 0);
	return o;
}

static void file_comes_back_the_same(void **state)
{
	AUTO_SPOOL_MESSAGE struct spool_message *o = full(), *back = NULL;
	AUTO_BUFFER struct buffer text = BUFFER_INIT(1 << 20), again = BUFFER_INIT(1 << 20);

	(void)state;
	assert_int_equal(o->n_ranges, 20);
	assert_int_equal(spool_write(o, &text), 0);
	assert_int_equal(spool_read(buffer_slice(&text), "x", &back, NULL), 0);
	assert_int_equal(spool_write(back, &again), 0);
	assert_int_equal(text.len, again.len);
	assert_memory_equal(text.data, again.data, text.len);
	assert_true(slice_eq(buffer_slice(&o->mail), buffer_slice(&back->mail)));
	assert_int_equal(back->queue, DELIVERY_RETRY);
	assert_int_equal(back->class, DELIVERY_FORGED);
	assert_int_equal(back->done_up_to, UINT64_MAX);
	assert_int_equal(back->style, MESSAGE_NO_LOGS);
	assert_true(back->one_rcpt);
	assert_false(back->in_doubt);
	assert_memory_equal(back->ranges, o->ranges, 20 * sizeof(*o->ranges));
	assert_memory_equal(back->repeats, o->repeats, 17 * sizeof(*o->repeats));
	assert_int_equal(back->n_rcpts, SPOOL_RCPT_STATES);
	assert_string_equal(back->rcpts[2].addr, "\"a b\"@example.net");
	assert_int_equal(spool_count(back, SPOOL_REFUSED), 1);
}

static void every_changed_byte_but_the_doubt_is_found(void **state)
{
	AUTO_SPOOL_MESSAGE struct spool_message *o = full();
	AUTO_BUFFER struct buffer text = BUFFER_INIT(1 << 20);
	size_t taken = 0;

	(void)state;
	assert_int_equal(spool_write(o, &text), 0);
	for (size_t i = 0; i < text.len; i++) {
		AUTO_SPOOL_MESSAGE struct spool_message *back = NULL;
		struct error err;

		text.data[i] ^= 1;
		if (spool_read(buffer_slice(&text), "x", &back, &err) == 0) {
			assert_true(back->in_doubt);
			taken++;
		}
		text.data[i] ^= 1;
	}
	assert_int_equal(taken, 1);
}

static void every_cut_is_found(void **state)
{
	AUTO_SPOOL_MESSAGE struct spool_message *o = full();
	AUTO_BUFFER struct buffer text = BUFFER_INIT(1 << 20);

	(void)state;
	assert_int_equal(spool_write(o, &text), 0);
	for (size_t i = 0; i < text.len; i++) {
		struct spool_message *back = NULL;
		struct error err;

		assert_int_equal(spool_read((struct slice){text.data, i}, "x", &back, &err),
				 SPOOL_E_DAMAGED);
	}
}

static void a_mail_without_recipients_is_damaged(void **state)
{
	AUTO_SPOOL_MESSAGE struct spool_message *o = spool_new(), *back = NULL;
	AUTO_BUFFER struct buffer text = BUFFER_INIT(1 << 20);
	struct error err;

	(void)state;
	assert_int_equal(buffer_append_str(&o->mail, "x"), 0);
	assert_int_equal(spool_write(o, &text), 0);
	assert_int_equal(spool_read(buffer_slice(&text), "x", &back, &err), SPOOL_E_DAMAGED);
}

static void names_are_safe_and_differ(void **state)
{
	static const struct {
		const char *destination, *name;
	} cases[] = {
		{"", "spool/mail.login"},
		{"mail", "spool/=mail.login"},
		{"Ops-1_x", "spool/=Ops-1_x.login"},
		{"../x", "spool/==2e=2e=2fx.login"},
		{"a=b", "spool/=a=3db.login"},
	};
	char name[SPOOL_NAME_MAX], other[SPOOL_NAME_MAX], destination[1001];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		spool_name(cases[i].destination, DELIVERY_LOGIN, name);
		assert_string_equal(name, cases[i].name);
	}
	memset(destination, '/', 1000);
	destination[1000] = '\0';
	spool_name(destination, DELIVERY_FORGED, name);
	assert_in_range(strlen(name), 180, 240);
	assert_null(strchr(name + sizeof(SPOOL_DIR), '/'));
	destination[999] = 'x';
	spool_name(destination, DELIVERY_FORGED, other);
	assert_string_not_equal(name, other);
}

static void doubt_is_set_in_place(void **state)
{
	char directory[] = "/tmp/test_outgoing.XXXXXX", name[SPOOL_NAME_MAX];
	AUTO_SPOOL_MESSAGE struct spool_message *o = full();
	AUTO_CLOSE int dirfd = -1;
	struct error err;

	(void)state;
	assert_non_null(mkdtemp(directory));
	dirfd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	spool_name("x", DELIVERY_LOGIN, name);
	assert_int_equal(spool_prepare(dirfd), 0);
	assert_int_equal(spool_prepare(dirfd), 0);
	assert_int_equal(spool_set_doubt(dirfd, name, true), -ENOENT);
	assert_int_equal(spool_save(dirfd, name, o), 0);
	for (int doubt = 1; doubt >= 0; doubt--) {
		AUTO_SPOOL_MESSAGE struct spool_message *back = NULL;

		assert_int_equal(spool_set_doubt(dirfd, name, doubt), 0);
		assert_int_equal(spool_load(dirfd, name, &back, &err), 0);
		assert_int_equal(back->in_doubt, doubt);
		assert_true(slice_eq(buffer_slice(&o->mail), buffer_slice(&back->mail)));
	}
	assert_int_equal(spool_remove(dirfd, name), 0);
	assert_int_equal(spool_remove(dirfd, name), 0);
	{
		struct spool_message *back = NULL;

		assert_int_equal(spool_load(dirfd, name, &back, &err), SPOOL_E_NONE);
	}
	assert_int_equal(unlinkat(dirfd, SPOOL_DIR, AT_REMOVEDIR), 0);
	assert_int_equal(rmdir(directory), 0);
}

static void assert_alerts(const struct spool_message *o, const char *expected)
{
	char text[64] = "";
	int n = 0;

	for (uint64_t seq = 0; seq < 10; seq++)
		if (spool_has_alert(o, seq))
			n += snprintf(text + n, sizeof(text) - (size_t)n, "%d ", (int)seq);
	assert_string_equal(text, expected);
}

static void an_alert_is_taken_out_at_both_ends_and_in_the_middle(void **state)
{
	AUTO_SPOOL_MESSAGE struct spool_message *o = spool_new();
	static const struct {
		uint64_t seq;
		const char *left;
	} steps[] = {{9, "1 2 3 4 5 7 "}, {6, "1 2 3 4 5 7 "}, {3, "1 2 4 5 7 "}, {1, "2 4 5 7 "},
		     {5, "2 4 7 "},	  {7, "2 4 "},	       {2, "4 "},	  {4, ""}};

	(void)state;
	for (uint64_t seq = 1; seq <= 7; seq++)
		if (seq != 6)
			assert_int_equal(spool_add_alert(o, seq), 0);
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		assert_int_equal(spool_remove_alert(o, steps[i].seq), 0);
		assert_alerts(o, steps[i].left);
	}
	assert_int_equal(o->n_ranges, 0);
	assert_int_equal(spool_add_alert(o, 8), 0);
	assert_alerts(o, "8 ");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(file_comes_back_the_same),
		cmocka_unit_test(every_changed_byte_but_the_doubt_is_found),
		cmocka_unit_test(every_cut_is_found),
		cmocka_unit_test(a_mail_without_recipients_is_damaged),
		cmocka_unit_test(names_are_safe_and_differ),
		cmocka_unit_test(doubt_is_set_in_place),
		cmocka_unit_test(an_alert_is_taken_out_at_both_ends_and_in_the_middle),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
