/* Files replaced whole or not at all; the state directory, its owner and its lock. */
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

static void open_state_makes_the_directory_and_its_parents(void **state)
{
	AUTO_CLOSE int fd = -1;
	mode_t old = umask(077);
	struct error err;
	struct stat st;

	(void)state;
	assert_int_equal(file_open_state(below("a/b/c/"), true, &fd, &err), 0);
	umask(old);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0750);
	assert_int_equal(file_replace(fd, "f", slice_of("x")), 0);
	assert_int_equal(access(below("a/b/c/f"), F_OK), 0);
}

static void open_state_without_create_makes_nothing(void **state)
{
	struct error err = {0};
	int fd = -7;

	(void)state;
	assert_int_equal(file_open_state(below("missing"), false, &fd, &err), -ENOENT);
	assert_int_equal(fd, -7);
	assert_string_equal(err.file, below("missing"));
	assert_string_equal(err.text, "cannot open the state directory: No such file or directory");
	assert_int_equal(access(below("missing"), F_OK), -1);
}

static void open_state_refuses_a_file(void **state)
{
	AUTO_CLOSE int dirfd = open_root();
	struct error err;
	int fd = -1;

	(void)state;
	assert_int_equal(file_replace(dirfd, "f", slice_of("x")), 0);
	assert_int_equal(file_open_state(below("f"), true, &fd, &err), -ENOTDIR);
	assert_int_equal(file_open_state(below("f/x"), true, &fd, &err), -ENOTDIR);
}

/* Runs @func in a child; its result is the child's exit status, 0 to 125. */
static int in_child(int (*func)(void))
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0)
		_exit(func());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static int check_root_becomes_owner(void)
{
	AUTO_CLOSE int fd = -1;
	struct error err;
	uid_t uid[3];
	gid_t gid[3];
	struct stat st;

	if (file_open_state(below("s"), true, &fd, &err) != 0)
		return 1;
	if (getresuid(&uid[0], &uid[1], &uid[2]) < 0 || getresgid(&gid[0], &gid[1], &gid[2]) < 0)
		return 2;
	for (int i = 0; i < 3; i++)
		if (uid[i] != 12345 || gid[i] != 12346)
			return 3;
	if (file_replace(fd, "f", slice_of("x")) != 0 || fstatat(fd, "f", &st, 0) < 0 ||
	    st.st_uid != 12345 || st.st_gid != 12346)
		return 4;
	if (setuid(0) == 0)
		return 5;
	return 0;
}

static void open_state_as_root_becomes_the_owner(void **state)
{
	(void)state;
	if (geteuid() != 0) {
		print_message("# skipped: needs root\n");
		skip();
	}
	assert_int_equal(chmod(root, 0755), 0);
	assert_int_equal(mkdir(below("s"), 0750), 0);
	assert_int_equal(chown(below("s"), 12345, 12346), 0);
	assert_int_equal(in_child(check_root_becomes_owner), 0);
}

static int check_reading_keeps_root(void)
{
	AUTO_CLOSE int fd = -1;
	struct error err;

	return file_open_state(below("s"), false, &fd, &err) != 0 || geteuid() != 0;
}

static void open_state_for_reading_keeps_root(void **state)
{
	(void)state;
	if (geteuid() != 0) {
		print_message("# skipped: needs root\n");
		skip();
	}
	assert_int_equal(mkdir(below("s"), 0750), 0);
	assert_int_equal(chown(below("s"), 12345, 12346), 0);
	assert_int_equal(in_child(check_reading_keeps_root), 0);
}

static int check_foreign_directory(void)
{
	struct error err = {0};
	int fd = -1;

	if (geteuid() == 0 && setresuid(12347, 12347, 12347) < 0)
		return 1;
	if (file_open_state("/", true, &fd, &err) != -EACCES)
		return 2;
	return strstr(err.text, "belongs to uid 0") ? 0 : 3;
}

static void open_state_says_who_owns_what_it_cannot_write(void **state)
{
	(void)state;
	assert_int_equal(in_child(check_foreign_directory), 0);
}

static int check_state_path(void)
{
	AUTO_BUFFER struct buffer b = BUFFER_INIT(4096);

	setenv("STATE_DIRECTORY", "/srv/a:/srv/b", 1);
	if (file_state_path(&b) < 0 || !slice_eq_str(buffer_slice(&b), "/srv/a"))
		return 1;
	unsetenv("STATE_DIRECTORY");
	if (geteuid() == 0) {
		buffer_clear(&b);
		if (file_state_path(&b) < 0 ||
		    !slice_eq_str(buffer_slice(&b), "/var/lib/loginbell"))
			return 2;
		if (setresuid(12347, 12347, 12347) < 0)
			return 3;
	}
	if (access("/var/lib/loginbell", R_OK | X_OK) == 0)
		return 0;
	setenv("XDG_STATE_HOME", "/srv/x", 1);
	buffer_clear(&b);
	if (file_state_path(&b) < 0 || !slice_eq_str(buffer_slice(&b), "/srv/x/loginbell"))
		return 4;
	setenv("XDG_STATE_HOME", "relative", 1);
	setenv("HOME", "/home/u", 1);
	buffer_clear(&b);
	if (file_state_path_shown(&b) < 0 ||
	    !slice_eq_str(buffer_slice(&b), "/home/u/.local/state/loginbell"))
		return 5;
	return 0;
}

static void state_path_follows_the_environment(void **state)
{
	(void)state;
	assert_int_equal(in_child(check_state_path), 0);
}

static void lock_is_held_by_one_and_names_it(void **state)
{
	AUTO_CLOSE int dirfd = open_root();
	pid_t pid = -7;
	int first = -1, second = -7;

	(void)state;
	assert_int_equal(file_lock(dirfd, "l", &first, &pid), 0);
	assert_int_equal(pid, -7);
	assert_true(fcntl(first, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(file_lock(dirfd, "l", &second, &pid), FILE_E_LOCKED);
	assert_int_equal(pid, getpid());
	assert_int_equal(second, -7);
	(void)close(first);
	assert_int_equal(file_lock(dirfd, "l", &second, &pid), 0);
	(void)close(second);
}

static void lock_held_by_nobody_known_gives_pid_0(void **state)
{
	AUTO_CLOSE int dirfd = open_root();
	int first = -1, second = -1;
	pid_t pid = -7;

	(void)state;
	assert_int_equal(file_lock(dirfd, "l", &first, &pid), 0);
	assert_int_equal(ftruncate(first, 0), 0);
	assert_int_equal(io_pwrite_all(first, "99999999999\n", 12, 0), 0);
	assert_int_equal(file_lock(dirfd, "l", &second, &pid), FILE_E_LOCKED);
	assert_int_equal(pid, 0);
	(void)close(first);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_root, remove_root)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(replace_makes_and_replaces),
		TEST(replace_takes_no_path),
		TEST(replace_goes_over_what_a_crash_left),
		TEST(replace_that_fails_keeps_the_old_file),
		TEST(load_clears_first_and_knows_what_is_missing),
		TEST(open_state_makes_the_directory_and_its_parents),
		TEST(open_state_without_create_makes_nothing),
		TEST(open_state_refuses_a_file),
		TEST(open_state_as_root_becomes_the_owner),
		TEST(open_state_for_reading_keeps_root),
		TEST(open_state_says_who_owns_what_it_cannot_write),
		TEST(state_path_follows_the_environment),
		TEST(lock_is_held_by_one_and_names_it),
		TEST(lock_held_by_nobody_known_gives_pid_0),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
