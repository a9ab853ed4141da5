/* The position: there and back, and every way in which its file can be wrong. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "store/fields.h"
#include "store/file.h"
#include "store/position.h"

#define NOTHING ((struct slice){NULL, 0})
#define TIME	(UINT64_C(1800000000) * 1000000)

static char root[128];
static int dirfd = -1;

static int make_root(void **state)
{
	(void)state;
	(void)snprintf(root, sizeof(root), "%s/loginbell-test-XXXXXX",
		       getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
	if (!mkdtemp(root))
		return -1;
	dirfd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return dirfd < 0 ? -1 : 0;
}

static int remove_root(void **state)
{
	char command[256];

	(void)state;
	(void)close(dirfd);
	(void)snprintf(command, sizeof(command), "rm -rf '%s'", root);
	return system(command);
}

static void assert_loads(int want, const char *text)
{
	AUTO_POSITION struct position p = POSITION_INIT;
	struct error err = {0};

	assert_int_equal(buffer_append_str(&p.text, "old"), 0);
	assert_int_equal(buffer_append_str(&p.heartbeat, "old"), 0);
	p.time_usec = 1;
	assert_int_equal(position_load(dirfd, &p, &err), want);
	assert_true(slice_eq_str(buffer_slice(&p.text), text));
	assert_int_equal(p.heartbeat.len, 0);
	assert_int_equal(p.time_usec, want == 0 ? TIME : 0);
	assert_int_equal(err.text[0] != '\0', want == POSITION_E_DAMAGED);
	if (want == 0)
		assert_string_equal(p.text.data, text);
}

static int save(struct slice text)
{
	return position_save(dirfd, text, TIME, NOTHING);
}

static void load_without_a_file_gives_none(void **state)
{
	(void)state;
	assert_loads(POSITION_E_NONE, "");
}

static void save_is_loaded_again(void **state)
{
	(void)state;
	assert_int_equal(save(slice_of("journal s=1;i=2 = x")), 0);
	assert_loads(0, "journal s=1;i=2 = x");
	assert_int_equal(save(slice_of("a\nb\\c")), 0);
	assert_loads(0, "a\nb\\c");
	assert_int_equal(save(slice_of("y")), 0);
	assert_loads(0, "y");
}

static void save_refuses_what_is_empty_or_too_long(void **state)
{
	static char text[POSITION_MAX + 1];

	(void)state;
	assert_int_equal(save(slice_of("kept")), 0);
	assert_int_equal(save(slice_of("")), -EINVAL);
	memset(text, 'x', sizeof(text));
	assert_int_equal(save((struct slice){text, sizeof(text)}), -E2BIG);
	assert_int_equal(position_save(dirfd, slice_of("y"), TIME,
				       (struct slice){text, POSITION_HEARTBEAT_MAX + 1}),
			 -E2BIG);
	assert_loads(0, "kept");
	assert_int_equal(save((struct slice){text, POSITION_MAX}), 0);
	text[POSITION_MAX] = '\0';
	assert_loads(0, text);
}

static void the_heartbeat_comes_and_goes_with_it(void **state)
{
	AUTO_POSITION struct position p = POSITION_INIT;
	char text[POSITION_HEARTBEAT_MAX];

	(void)state;
	assert_int_equal(position_save(dirfd, slice_of("y"), 7, slice_of("1 2")), 0);
	assert_int_equal(position_load(dirfd, &p, NULL), 0);
	assert_string_equal(p.text.data, "y");
	assert_int_equal(p.time_usec, 7);
	assert_true(slice_eq_str(buffer_slice(&p.heartbeat), "1 2"));
	memset(text, 'x', sizeof(text));
	assert_int_equal(position_save(dirfd, slice_of("z"), 0, (struct slice){text, sizeof(text)}),
			 0);
	assert_int_equal(position_load(dirfd, &p, NULL), 0);
	assert_int_equal(p.heartbeat.len, POSITION_HEARTBEAT_MAX);
	assert_int_equal(p.time_usec, 0);
	assert_int_equal(save(slice_of("y")), 0);
	assert_loads(0, "y");
}

static void load_finds_every_torn_and_every_changed_byte(void **state)
{
	AUTO_BUFFER struct buffer good = BUFFER_INIT(1000);

	(void)state;
	assert_int_equal(position_save(dirfd, slice_of("y"), TIME, slice_of("1 2")), 0);
	assert_int_equal(file_load(dirfd, "position", &good), 0);
	for (size_t n = 0; n < good.len; n++) {
		assert_int_equal(file_replace(dirfd, "position", (struct slice){good.data, n}), 0);
		assert_loads(POSITION_E_DAMAGED, "");
	}
	for (size_t n = 0; n < good.len; n++) {
		good.data[n] ^= 1;
		assert_int_equal(file_replace(dirfd, "position", buffer_slice(&good)), 0);
		assert_loads(POSITION_E_DAMAGED, "");
		good.data[n] ^= 1;
	}
}

static void what_no_source_wrote_is_damaged(void **state)
{
	static char text[POSITION_MAX + 1000];
	AUTO_BUFFER struct buffer file = BUFFER_INIT(1000);

	(void)state;
	assert_int_equal(buffer_append_str(&file, "LOGINBELL_POSITION=1\nTIME=1\n"), 0);
	assert_int_equal(fields_add_crc(&file, 0), 0);
	assert_int_equal(file_replace(dirfd, "position", buffer_slice(&file)), 0);
	assert_loads(POSITION_E_DAMAGED, "");
	buffer_clear(&file);
	assert_int_equal(buffer_append_str(&file, "LOGINBELL_POSITION=1\nTEXT=y\nTIME=x\n"), 0);
	assert_int_equal(fields_add_crc(&file, 0), 0);
	assert_int_equal(file_replace(dirfd, "position", buffer_slice(&file)), 0);
	assert_loads(POSITION_E_DAMAGED, "");
	memset(text, 'x', sizeof(text));
	assert_int_equal(file_replace(dirfd, "position", (struct slice){text, sizeof(text)}), 0);
	assert_loads(POSITION_E_DAMAGED, "");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_root, remove_root)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(load_without_a_file_gives_none),
		TEST(save_is_loaded_again),
		TEST(save_refuses_what_is_empty_or_too_long),
		TEST(the_heartbeat_comes_and_goes_with_it),
		TEST(load_finds_every_torn_and_every_changed_byte),
		TEST(what_no_source_wrote_is_damaged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
