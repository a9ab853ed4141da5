/* The copy of the last good configuration: there and back, and every way in which it is none. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "store/config_file.h"
#include "store/file.h"
#include "store/last_good.h"

#define NOW 1764565200000000ULL

static char root[128];
static int dirfd = -1; /* of the reader's part */

static int make_root(void **state)
{
	char path[160];

	(void)state;
	(void)snprintf(root, sizeof(root), "%s/loginbell-test-XXXXXX",
		       getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
	if (!mkdtemp(root))
		return -1;
	(void)snprintf(path, sizeof(path), "%s/reader", root);
	if (mkdir(path, 0750) < 0)
		return -1;
	dirfd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
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

static void add(struct last_good *g, enum last_good_kind kind, const char *path, const char *text)
{
	assert_int_equal(last_good_add(g, kind, path, slice_of(text)), 0);
}

/* A copy of a configuration at @path with one whitelist. */
static void make(struct last_good *g, const char *path, const char *rules)
{
	last_good_init(g);
	add(g, LAST_GOOD_FOR, path, NULL);
	add(g, LAST_GOOD_CONFIG, path, "[Mail]\nTo=root\\\n  ada\r\n");
	add(g, LAST_GOOD_CONFIG, "/etc/l.conf.d/a\nb.conf", "");
	add(g, LAST_GOOD_WHITELIST, "/etc/whitelist", rules);
}

static int append(void *userdata, const char *path, struct slice text)
{
	return buffer_printf(userdata, "<%s|%.*s>", path, (int)text.n, text.p);
}

static void assert_files(const struct last_good *g, enum last_good_kind kind, const char *want)
{
	AUTO_BUFFER struct buffer seen = BUFFER_INIT(4096);

	assert_int_equal(last_good_each(g, kind, append, &seen), 0);
	assert_string_equal(buffer_cstr(&seen), want);
}

static void a_saved_copy_is_loaded_as_it_was(void **state)
{
	AUTO_LAST_GOOD struct last_good g, loaded = {0};
	struct stat st;

	(void)state;
	make(&g, "/etc/l.conf", "192.0.2.1\n");
	(void)snprintf(g.fault, sizeof(g.fault), "/etc/whitelist:3: no\\such rule");
	assert_int_equal(last_good_save(dirfd, STATE_READER, &g, NOW), 0);
	assert_int_equal(g.since_usec, NOW);
	assert_int_equal(fstatat(dirfd, "rules", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_int_equal(last_good_load(dirfd, STATE_READER, &loaded), 0);
	assert_int_equal(loaded.since_usec, NOW);
	assert_int_equal(loaded.n_for, g.n_for);
	assert_int_equal(loaded.n_config, g.n_config);
	assert_string_equal(loaded.fault, g.fault);
	assert_files(&loaded, LAST_GOOD_CONFIG,
		     "</etc/l.conf|[Mail]\nTo=root\\\n  ada\r\n></etc/l.conf.d/a\nb.conf|>");
	assert_files(&loaded, LAST_GOOD_WHITELIST, "</etc/whitelist|192.0.2.1\n>");
}

static void the_senders_copy_can_be_read_by_its_user_alone(void **state)
{
	AUTO_LAST_GOOD struct last_good g;
	struct stat st;

	(void)state;
	make(&g, "/etc/l.conf", "");
	assert_int_equal(last_good_save(dirfd, STATE_DELIVER, &g, NOW), 0);
	assert_int_equal(fstatat(dirfd, "config", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
}

static void a_copy_is_written_only_if_it_differs(void **state)
{
	AUTO_LAST_GOOD struct last_good g, other;
	struct stat before, after;

	(void)state;
	make(&g, "/etc/l.conf", "192.0.2.1\n");
	make(&other, "/etc/l.conf", "192.0.2.2\n");
	assert_int_equal(last_good_save(dirfd, STATE_READER, &g, NOW), 0);
	assert_int_equal(fstatat(dirfd, "rules", &before, 0), 0);
	assert_int_equal(last_good_save(dirfd, STATE_READER, &g, NOW + 1), 0);
	assert_int_equal(fstatat(dirfd, "rules", &after, 0), 0);
	assert_int_equal(before.st_ino, after.st_ino);
	assert_int_equal(g.since_usec, NOW);

	/* A fault changes nothing in what is in force. */
	(void)snprintf(g.fault, sizeof(g.fault), "fault");
	assert_int_equal(last_good_save(dirfd, STATE_READER, &g, NOW + 2), 0);
	assert_int_equal(g.since_usec, NOW);
	assert_int_equal(last_good_save(dirfd, STATE_READER, &other, NOW + 3), 0);
	assert_int_equal(other.since_usec, NOW + 3);
}

static void without_a_copy_there_is_none(void **state)
{
	AUTO_LAST_GOOD struct last_good g = {0};

	(void)state;
	assert_int_equal(last_good_load(dirfd, STATE_READER, &g), LAST_GOOD_E_NONE);
}

/* Every byte is covered, and every end. */
static void a_damaged_copy_is_not_used(void **state)
{
	AUTO_BUFFER struct buffer text = BUFFER_INIT(4096);
	AUTO_LAST_GOOD struct last_good g;

	(void)state;
	make(&g, "/etc/l.conf", "192.0.2.1\n");
	assert_int_equal(last_good_save(dirfd, STATE_READER, &g, NOW), 0);
	assert_int_equal(file_load(dirfd, "rules", &text), 0);
	for (size_t i = 0; i < text.len; i++) {
		AUTO_LAST_GOOD struct last_good flipped = {0}, cut = {0};

		text.data[i] ^= 4;
		assert_int_equal(file_replace(dirfd, "rules", buffer_slice(&text)), 0);
		text.data[i] ^= 4;
		assert_int_equal(last_good_load(dirfd, STATE_READER, &flipped),
				 LAST_GOOD_E_DAMAGED);
		assert_int_equal(file_replace(dirfd, "rules", (struct slice){text.data, i}), 0);
		assert_int_equal(last_good_load(dirfd, STATE_READER, &cut), LAST_GOOD_E_DAMAGED);
	}
	assert_int_equal(last_good_save(dirfd, STATE_READER, &g, NOW), 0);
	last_good_done(&g);
	assert_int_equal(last_good_load(dirfd, STATE_READER, &g), 0);
}

static void what_is_no_regular_file_is_not_read(void **state)
{
	AUTO_LAST_GOOD struct last_good fifo = {0}, link = {0}, g;

	(void)state;
	assert_int_equal(mkfifoat(dirfd, "rules", 0640), 0);
	assert_int_equal(last_good_load(dirfd, STATE_READER, &fifo), LAST_GOOD_E_DAMAGED);
	assert_int_equal(unlinkat(dirfd, "rules", 0), 0);
	assert_int_equal(symlinkat("/etc/passwd", dirfd, "rules"), 0);
	assert_int_equal(last_good_load(dirfd, STATE_READER, &link), LAST_GOOD_E_DAMAGED);
	make(&g, "/etc/l.conf", "");
	assert_int_equal(last_good_save(dirfd, STATE_READER, &g, NOW), 0);
}

static void more_than_a_mebibyte_is_not_copied(void **state)
{
	static char text[LAST_GOOD_MAX];
	AUTO_LAST_GOOD struct last_good g, most, loaded = {0}, wanted;
	const struct error why = {.text = "fault"};
	size_t room;

	(void)state;
	memset(text, 'x', sizeof(text));
	make(&most, "/etc/l.conf", "");
	make(&g, "/etc/l.conf", "");
	room = LAST_GOOD_MAX - g.files.len - strlen("WHITELIST=/w\nTEXT=\n");
	assert_int_equal(
		last_good_add(&most, LAST_GOOD_WHITELIST, "/w", (struct slice){text, room}), 0);
	assert_false(most.too_large);
	assert_int_equal(last_good_save(dirfd, STATE_READER, &most, NOW), 0);
	assert_int_equal(last_good_load(dirfd, STATE_READER, &loaded), 0);
	assert_int_equal(loaded.files.len, LAST_GOOD_MAX);

	assert_int_equal(
		last_good_add(&g, LAST_GOOD_WHITELIST, "/w", (struct slice){text, room + 1}), 0);
	assert_true(g.too_large);
	add(&g, LAST_GOOD_WHITELIST, "/v", "");
	assert_files(&g, LAST_GOOD_WHITELIST, "");
	assert_int_equal(last_good_save(dirfd, STATE_READER, &g, NOW), 0);
	make(&wanted, "/etc/l.conf", "");
	assert_int_equal(last_good_recover(root, STATE_READER, &why, &wanted), LAST_GOOD_E_NONE);
}

static void a_copy_replaces_only_a_configuration_at_the_same_paths(void **state)
{
	const struct error why = {.file = "/etc/l.conf", .line = 3, .text = "bad"};
	AUTO_LAST_GOOD struct last_good g, same, other, option;

	(void)state;
	make(&g, "/etc/l.conf", "192.0.2.1\n");
	assert_int_equal(last_good_save(dirfd, STATE_READER, &g, NOW), 0);

	make(&other, "/tmp/l.conf", "");
	assert_int_equal(last_good_recover(root, STATE_READER, &why, &other), LAST_GOOD_E_NONE);
	last_good_init(&option);
	add(&option, LAST_GOOD_FOR, "/tmp/whitelist", NULL);
	add(&option, LAST_GOOD_FOR, "/etc/l.conf", NULL);
	assert_int_equal(last_good_recover(root, STATE_READER, &why, &option), LAST_GOOD_E_NONE);

	make(&same, "/etc/l.conf", "fault\n");
	assert_int_equal(last_good_recover(root, STATE_READER, &why, &same), 0);
	assert_string_equal(same.fault, "/etc/l.conf:3: bad");
	assert_files(&same, LAST_GOOD_WHITELIST, "</etc/whitelist|192.0.2.1\n>");
	assert_int_equal(last_good_recover("/nonexistent", STATE_READER, &why, &same),
			 LAST_GOOD_E_NONE);
}

static void the_rules_are_replaced_and_the_configuration_stays(void **state)
{
	AUTO_LAST_GOOD struct last_good g, next;

	(void)state;
	make(&g, "/etc/l.conf", "192.0.2.1\n");
	assert_int_equal(last_good_config(&g, &next), 0);
	assert_files(&next, LAST_GOOD_WHITELIST, "");
	add(&next, LAST_GOOD_WHITELIST, "/etc/whitelist", "192.0.2.2\n");
	assert_files(&next, LAST_GOOD_CONFIG,
		     "</etc/l.conf|[Mail]\nTo=root\\\n  ada\r\n></etc/l.conf.d/a\nb.conf|>");
	assert_files(&next, LAST_GOOD_WHITELIST, "</etc/whitelist|192.0.2.2\n>");
}

static void faults_of_a_copied_configuration_name_the_original_file(void **state)
{
	const struct error why = {.text = "fault"};
	AUTO_LAST_GOOD struct last_good g, wanted;
	AUTO_CONFIG struct config *c = NULL;
	struct error err = {0};

	(void)state;
	last_good_init(&g);
	last_good_init(&wanted);
	add(&g, LAST_GOOD_FOR, "/etc/l.conf", NULL);
	add(&wanted, LAST_GOOD_FOR, "/etc/l.conf", NULL);
	assert_int_equal(config_file_recover(root, STATE_READER, &why, &wanted, &c, &err),
			 LAST_GOOD_E_NONE);
	add(&g, LAST_GOOD_CONFIG, "/etc/l.conf", "[Mail]\nTo=root\n");
	assert_int_equal(last_good_save(dirfd, STATE_READER, &g, NOW), 0);
	assert_int_equal(config_file_recover(root, STATE_READER, &why, &wanted, &c, &err), 0);
	assert_string_equal(c->destinations[0].to.items[0], "root");
	add(&g, LAST_GOOD_CONFIG, "/etc/l.conf.d/x.conf", "[Mail]\nNonsense=1\n");
	assert_int_equal(last_good_save(dirfd, STATE_READER, &g, NOW), 0);
	assert_int_equal(config_file_recover(root, STATE_READER, &why, &wanted, &c, &err), -EINVAL);
	assert_string_equal(err.file, "/etc/l.conf.d/x.conf");
	assert_int_equal(err.line, 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_root, remove_root)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_saved_copy_is_loaded_as_it_was),
		TEST(the_senders_copy_can_be_read_by_its_user_alone),
		TEST(a_copy_is_written_only_if_it_differs),
		TEST(without_a_copy_there_is_none),
		TEST(a_damaged_copy_is_not_used),
		TEST(what_is_no_regular_file_is_not_read),
		TEST(more_than_a_mebibyte_is_not_copied),
		TEST(a_copy_replaces_only_a_configuration_at_the_same_paths),
		TEST(the_rules_are_replaced_and_the_configuration_stays),
		TEST(faults_of_a_copied_configuration_name_the_original_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
