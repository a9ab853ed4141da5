/* Files replaced whole or not at all, and opened only if they are files. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "base/io.h"
#include "store/file.h"

static char root[128];

static int make_root(void **state)
{
	(void)state;
	(void)snprintf(root, sizeof(root), "%s/loginbell-test-XXXXXX",
		       getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
	return mkdtemp(root) ? 0 : -1;
}

static int remove_root(void **state)
{
	char command[256];

	(void)state;
	(void)snprintf(command, sizeof(command), "rm -rf '%s'", root);
	return system(command);
}

static int open_root(void)
{
	int fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

static const char *below(const char *name)
{
	static char path[512];

	(void)snprintf(path, sizeof(path), "%s/%s", root, name);
	return path;
}

static void assert_content(int dirfd, const char *name, const char *want)
{
	AUTO_BUFFER struct buffer b = BUFFER_INIT(1 << 20);

	assert_int_equal(file_load(dirfd, name, &b), 0);
	assert_true(slice_eq_str(buffer_slice(&b), want));
}

static void replace_makes_and_replaces(void **state)
{
	AUTO_CLOSE int dirfd = open_root();
	mode_t old = umask(077);
	struct stat st;

	(void)state;
	assert_int_equal(file_replace(dirfd, "f", slice_of("one")), 0);
	umask(old);
	assert_content(dirfd, "f", "one");
	assert_int_equal(fstatat(dirfd, "f", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_int_equal(file_replace(dirfd, "f", slice_of("")), 0);
	assert_content(dirfd, "f", "");
	assert_int_equal(faccessat(dirfd, "f" FILE_TEMPORARY_SUFFIX, F_OK, 0), -1);
}

static void replace_takes_no_path(void **state)
{
	AUTO_CLOSE int dirfd = open_root();
	char name[300];

	(void)state;
	assert_int_equal(file_replace(dirfd, "", slice_of("x")), -EINVAL);
	assert_int_equal(file_replace(dirfd, "../f", slice_of("x")), -EINVAL);
	memset(name, 'n', sizeof(name));
	name[255 - 4] = '\0';
	assert_int_equal(file_replace(dirfd, name, slice_of("x")), 0);
	name[255 - 4] = 'n';
	name[255 - 3] = '\0';
	assert_int_equal(file_replace(dirfd, name, slice_of("x")), -ENAMETOOLONG);
}

static void replace_goes_over_what_a_crash_left(void **state)
{
	AUTO_CLOSE int dirfd = open_root();

	(void)state;
	assert_int_equal(file_replace(dirfd, "f", slice_of("old")), 0);
	assert_int_equal(symlink("f", below("f" FILE_TEMPORARY_SUFFIX)), 0);
	assert_int_equal(file_replace(dirfd, "f", slice_of("new")), 0);
	assert_content(dirfd, "f", "new");
}

static void replace_that_fails_keeps_the_old_file(void **state)
{
	AUTO_CLOSE int dirfd = open_root();
	const struct rlimit small = {1000, RLIM_INFINITY}, none = {RLIM_INFINITY, RLIM_INFINITY};
	static char big[1001];
	int r;

	(void)state;
	assert_int_equal(file_replace(dirfd, "f", slice_of("old")), 0);
	(void)signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	r = file_replace(dirfd, "f", (struct slice){big, sizeof(big)});
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
	assert_int_equal(r, -EFBIG);
	assert_content(dirfd, "f", "old");
	assert_int_equal(faccessat(dirfd, "f" FILE_TEMPORARY_SUFFIX, F_OK, 0), -1);
}

static void load_clears_first_and_knows_what_is_missing(void **state)
{
	AUTO_CLOSE int dirfd = open_root();
	AUTO_BUFFER struct buffer b = BUFFER_INIT(3);

	(void)state;
	assert_int_equal(buffer_append_str(&b, "x"), 0);
	assert_int_equal(file_load(dirfd, "missing", &b), -ENOENT);
	assert_int_equal(b.len, 0);
	assert_int_equal(file_replace(dirfd, "f", slice_of("123")), 0);
	assert_int_equal(file_load(dirfd, "f", &b), 0);
	assert_int_equal(b.len, 3);
	assert_int_equal(file_replace(dirfd, "f", slice_of("1234")), 0);
	assert_int_equal(file_load(dirfd, "f", &b), -E2BIG);
}

static void open_refuses_what_is_no_regular_file(void **state)
{
	AUTO_CLOSE int dirfd = open_root();
	AUTO_BUFFER struct buffer b = BUFFER_INIT(10);

	(void)state;
	assert_int_equal(file_replace(dirfd, "f", slice_of("x")), 0);
	assert_int_equal(mkfifo(below("fifo"), 0600), 0);
	assert_int_equal(symlinkat("f", dirfd, "link"), 0);
	assert_int_equal(symlinkat("/dev/zero", dirfd, "device"), 0);
	assert_int_equal(mkdir(below("directory"), 0700), 0);
	assert_int_equal(file_load(dirfd, "fifo", &b), -EINVAL);
	assert_int_equal(file_load(dirfd, "directory", &b), -EINVAL);
	assert_int_equal(file_load(dirfd, "link", &b), -ELOOP);
	assert_int_equal(file_load(dirfd, "device", &b), -ELOOP);
	assert_int_equal(file_open(dirfd, "fifo", O_WRONLY, 0), -ENXIO);
	assert_int_equal(file_open(dirfd, "fifo", O_RDWR, 0), -EINVAL);
	assert_int_equal(file_load(-1, "f", &b), -ENOENT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_root, remove_root)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(replace_makes_and_replaces),
		TEST(replace_takes_no_path),
		TEST(replace_goes_over_what_a_crash_left),
		TEST(replace_that_fails_keeps_the_old_file),
		TEST(open_refuses_what_is_no_regular_file),
		TEST(load_clears_first_and_knows_what_is_missing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
