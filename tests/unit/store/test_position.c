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
#include "store/file.h"
#include "store/position.h"

#define NOTHING ((struct slice){NULL, 0})

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
	AUTO_BUFFER struct buffer b = BUFFER_INIT(POSITION_MAX);
	struct error err = {0};

	assert_int_equal(buffer_append_str(&b, "old"), 0);
	assert_int_equal(position_load(dirfd, &b, NULL, &err), want);
	assert_int_equal(b.len, strlen(text));
	assert_true(slice_eq_str(buffer_slice(&b), text));
	assert_int_equal(err.text[0] != '\0', want == POSITION_E_DAMAGED);
}

static void load_without_a_file_gives_none(void **state)
{
	(void)state;
	assert_loads(POSITION_E_NONE, "");
}

static void save_is_loaded_again(void **state)
{
	AUTO_BUFFER struct buffer b = BUFFER_INIT(4096);

	(void)state;
	assert_int_equal(position_save(dirfd, slice_of("journal s=1;i=2 = x"), NOTHING), 0);
	assert_loads(0, "journal s=1;i=2 = x");
	assert_int_equal(position_save(dirfd, slice_of("y"), NOTHING), 0);
	assert_loads(0, "y");
	assert_int_equal(file_load(dirfd, "position", &b), 0);
	assert_true(slice_eq_str(buffer_slice(&b), "CRC=fbdb2615\ny\n"));
}

static void save_refuses_what_is_no_line(void **state)
{
	static char text[POSITION_MAX + 1];

	(void)state;
	assert_int_equal(position_save(dirfd, slice_of("kept"), NOTHING), 0);
	assert_int_equal(position_save(dirfd, slice_of(""), NOTHING), -EINVAL);
	assert_int_equal(position_save(dirfd, slice_of("a\nb"), NOTHING), -EINVAL);
	memset(text, 'x', sizeof(text));
	assert_int_equal(position_save(dirfd, (struct slice){text, sizeof(text)}, NOTHING), -E2BIG);
	assert_loads(0, "kept");
	assert_int_equal(position_save(dirfd, (struct slice){text, POSITION_MAX}, NOTHING), 0);
	text[POSITION_MAX] = '\0';
	assert_loads(0, text);
}

static void what_is_kept_with_it_comes_and_goes_with_it(void **state)
{
	AUTO_BUFFER struct buffer b = BUFFER_INIT(100), kept = BUFFER_INIT(POSITION_KEPT_MAX);
	char text[POSITION_KEPT_MAX + 1];

	(void)state;
	assert_int_equal(position_save(dirfd, slice_of("y"), slice_of("one two")), 0);
	assert_int_equal(position_load(dirfd, &b, &kept, NULL), 0);
	assert_true(slice_eq_str(buffer_slice(&b), "y"));
	assert_true(slice_eq_str(buffer_slice(&kept), "one two"));
	assert_loads(0, "y");
	assert_int_equal(position_save(dirfd, slice_of("z"), slice_of("a\nb")), -EINVAL);
	memset(text, 'x', sizeof(text));
	assert_int_equal(position_save(dirfd, slice_of("z"), (struct slice){text, sizeof(text)}),
			 -E2BIG);
	assert_int_equal(
		position_save(dirfd, slice_of("z"), (struct slice){text, POSITION_KEPT_MAX}), 0);
	assert_int_equal(position_load(dirfd, &b, &kept, NULL), 0);
	assert_int_equal(kept.len, POSITION_KEPT_MAX);
	assert_int_equal(position_save(dirfd, slice_of("y"), NOTHING), 0);
	assert_int_equal(position_load(dirfd, &b, &kept, NULL), 0);
	assert_int_equal(kept.len, 0);
}

static void damage_of_what_is_kept_is_found(void **state)
{
	AUTO_BUFFER struct buffer good = BUFFER_INIT(100), b = BUFFER_INIT(100);

	(void)state;
	assert_int_equal(position_save(dirfd, slice_of("y"), slice_of("kept")), 0);
	assert_int_equal(file_load(dirfd, "position", &good), 0);
	for (size_t n = 0; n < good.len; n++) {
		assert_int_equal(file_replace(dirfd, "position", (struct slice){good.data, n}), 0);
		assert_int_equal(position_load(dirfd, &b, NULL, NULL), POSITION_E_DAMAGED);
	}
	for (size_t n = 0; n < good.len; n++) {
		good.data[n] ^= 1;
		assert_int_equal(file_replace(dirfd, "position", buffer_slice(&good)), 0);
		assert_int_equal(position_load(dirfd, &b, NULL, NULL), POSITION_E_DAMAGED);
		good.data[n] ^= 1;
	}
}

static void load_finds_every_torn_and_every_changed_byte(void **state)
{
	static const char good[] = "CRC=fbdb2615\ny\n";
	AUTO_BUFFER struct buffer b = BUFFER_INIT(POSITION_MAX);

	(void)state;
	for (size_t n = 0; n < sizeof(good) - 1; n++) {
		assert_int_equal(file_replace(dirfd, "position", (struct slice){good, n}), 0);
		assert_int_equal(position_load(dirfd, &b, NULL, NULL), POSITION_E_DAMAGED);
	}
	for (size_t n = 0; n < sizeof(good) - 1; n++) {
		char bad[sizeof(good)];

		memcpy(bad, good, sizeof(good));
		bad[n] ^= 1;
		assert_int_equal(
			file_replace(dirfd, "position", (struct slice){bad, sizeof(good) - 1}), 0);
		assert_int_equal(position_load(dirfd, &b, NULL, NULL), POSITION_E_DAMAGED);
	}
}

static void load_of_a_damaged_one_gives_what_is_there(void **state)
{
	static char text[POSITION_MAX + 20];

	(void)state;
	assert_int_equal(file_replace(dirfd, "position", slice_of("CRC=00000000\ny\n")), 0);
	assert_loads(POSITION_E_DAMAGED, "y");
	assert_int_equal(file_replace(dirfd, "position", slice_of("CRC=fbdb2615\ny\nz")), 0);
	assert_loads(POSITION_E_DAMAGED, "y");
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
		TEST(save_refuses_what_is_no_line),
		TEST(what_is_kept_with_it_comes_and_goes_with_it),
		TEST(damage_of_what_is_kept_is_found),
		TEST(load_finds_every_torn_and_every_changed_byte),
		TEST(load_of_a_damaged_one_gives_what_is_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
