/* The parts of the state directory: their owner and files, their locks, and who runs. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "store/file.h"
#include "store/state.h"

static char root[128];
static int reports;
static struct error last_report;

static int make_root(void **state)
{
	(void)state;
	(void)snprintf(root, sizeof(root), "%s/loginbell-test-XXXXXX",
		       getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
	reports = 0;
	return mkdtemp(root) ? 0 : -1;
}

static int remove_root(void **state)
{
	char command[256];

	(void)state;
	(void)snprintf(command, sizeof(command), "rm -rf '%s'", root);
	return system(command);
}

static const char *below(const char *name)
{
	static char path[512];

	(void)snprintf(path, sizeof(path), "%s/%s", root, name);
	return path;
}

static void report(const struct error *err)
{
	reports++;
	last_report = *err;
}

static void needs_root(void)
{
	if (geteuid() == 0)
		return;
	print_message("# skipped: needs root\n");
	skip();
}

static mode_t mode_of(const char *name)
{
	struct stat st;

	assert_int_equal(lstat(below(name), &st), 0);
	return st.st_mode & 07777;
}

static void open_makes_the_part_and_what_is_above(void **state)
{
	AUTO_CLOSE int fd = -1;
	mode_t old = umask(077);
	struct error err;

	(void)state;
	assert_int_equal(state_open(below("a/b/c/"), STATE_READER, STATE_WRITE, &fd, &err), 0);
	umask(old);
	assert_int_equal(mode_of("a/b/c"), 0750);
	assert_int_equal(mode_of("a/b/c/reader"), 0750);
	assert_int_equal(file_replace(fd, "f", slice_of("x")), 0);
	assert_int_equal(access(below("a/b/c/reader/f"), F_OK), 0);
}

static void open_to_show_makes_nothing(void **state)
{
	struct error err = {0};
	int fd = -7;

	(void)state;
	assert_int_equal(state_open(below("missing"), STATE_READER, STATE_SHOW, &fd, &err),
			 -ENOENT);
	assert_int_equal(fd, -7);
	assert_string_equal(err.file, below("missing"));
	assert_string_equal(err.text, "cannot open the state directory: No such file or directory");
	assert_int_equal(access(below("missing"), F_OK), -1);
	assert_int_equal(state_open(root, STATE_DELIVER, STATE_SHOW, &fd, &err), -ENOENT);
	assert_string_equal(err.file, below("deliver"));
}

static void open_refuses_a_file_and_a_link(void **state)
{
	struct error err;
	int fd = -1;

	(void)state;
	assert_int_equal(mkdir(below("real"), 0750), 0);
	assert_int_equal(symlink("real", below("deliver")), 0);
	assert_int_equal(state_open(root, STATE_DELIVER, STATE_WRITE, &fd, &err), -ENOTDIR);
	assert_int_equal(state_open(root, STATE_DELIVER, STATE_SHOW, &fd, &err), -ENOTDIR);
	assert_int_equal(mknod(below("reader"), S_IFREG | 0600, 0), 0);
	assert_int_equal(state_open(root, STATE_READER, STATE_WRITE, &fd, &err), -ENOTDIR);
	assert_int_equal(state_open(below("reader"), STATE_READER, STATE_WRITE, &fd, &err),
			 -ENOTDIR);
}

static void open_refuses_what_others_may_write(void **state)
{
	struct error err;
	int fd = -1;

	(void)state;
	assert_int_equal(mkdir(below("deliver"), 0750), 0);
	assert_int_equal(chmod(below("deliver"), 0770), 0);
	assert_int_equal(state_open(root, STATE_DELIVER, STATE_WRITE, &fd, &err), -EPERM);
	assert_non_null(strstr(err.text, "chmod go-w "));
	assert_int_equal(chmod(below("deliver"), 0752), 0);
	assert_int_equal(state_open(root, STATE_DELIVER, STATE_WRITE, &fd, &err), -EPERM);
	assert_int_equal(chmod(below("deliver"), 02755), 0);
	assert_int_equal(state_open(root, STATE_DELIVER, STATE_WRITE, &fd, &err), 0);
	(void)close(fd);
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
	gid_t gid[3], group;
	struct stat st;

	if (state_open(below("s"), STATE_DELIVER, STATE_WRITE, &fd, &err) != 0)
		return 1;
	if (getresuid(&uid[0], &uid[1], &uid[2]) < 0 || getresgid(&gid[0], &gid[1], &gid[2]) < 0)
		return 2;
	for (int i = 0; i < 3; i++)
		if (uid[i] != 12345 || gid[i] != 12346)
			return 3;
	if (file_replace(fd, "f", slice_of("x")) != 0 || fstatat(fd, "f", &st, 0) < 0 ||
	    st.st_uid != 12345 || st.st_gid != 12346)
		return 4;
	if (getgroups(1, &group) != 1 || group != 12346)
		return 5;
	return setuid(0) == 0 ? 6 : 0;
}

static void open_as_root_becomes_the_owner(void **state)
{
	(void)state;
	needs_root();
	assert_int_equal(chmod(root, 0755), 0);
	assert_int_equal(mkdir(below("s"), 0750), 0);
	assert_int_equal(chown(below("s"), 12345, 12346), 0);
	/* The part is made by the owner; then the part's owner counts. */
	assert_int_equal(in_child(check_root_becomes_owner), 0);
	assert_int_equal(chown(below("s"), 0, 0), 0);
	assert_int_equal(chmod(below("s"), 0755), 0);
	assert_int_equal(in_child(check_root_becomes_owner), 0);
}

static int check_showing_keeps_root(void)
{
	AUTO_CLOSE int fd = -1;
	struct error err;

	return state_open(root, STATE_READER, STATE_SHOW, &fd, &err) != 0 || geteuid() != 0;
}

static void open_to_show_keeps_root(void **state)
{
	(void)state;
	needs_root();
	assert_int_equal(mkdir(below("reader"), 0750), 0);
	assert_int_equal(chown(below("reader"), 12345, 12346), 0);
	assert_int_equal(in_child(check_showing_keeps_root), 0);
}

static int check_foreign_directory(void)
{
	struct error err = {0};
	int fd = -1;

	if (setresuid(12347, 12347, 12347) < 0)
		return 1;
	if (state_open(root, STATE_READER, STATE_WRITE, &fd, &err) != -EPERM)
		return 2;
	return strstr(err.text, "it belongs to uid 12345") && strstr(err.text, "chown -R 12347:")
		       ? 0
		       : 3;
}

static void open_says_who_owns_a_foreign_part(void **state)
{
	(void)state;
	needs_root();
	assert_int_equal(chmod(root, 0755), 0);
	assert_int_equal(mkdir(below("reader"), 0777), 0);
	assert_int_equal(chown(below("reader"), 12345, 12346), 0);
	assert_int_equal(in_child(check_foreign_directory), 0);
}

static int path_is(enum state_part part, enum state_access access, const char *want)
{
	AUTO_BUFFER struct buffer b = BUFFER_INIT(4096);

	return state_path(part, access, &b) == 0 && slice_eq_str(buffer_slice(&b), want);
}

static int check_state_path(void)
{
	setenv("STATE_DIRECTORY", "/srv/a:/srv/b", 1);
	if (!path_is(STATE_READER, STATE_WRITE, "/srv/a"))
		return 1;
	setenv("STATE_DIRECTORY", "/var/lib/x/deliver", 1);
	if (!path_is(STATE_DELIVER, STATE_WRITE, "/var/lib/x"))
		return 2;
	setenv("STATE_DIRECTORY", "/var/lib/myreader", 1);
	if (!path_is(STATE_READER, STATE_WRITE, "/var/lib/myreader"))
		return 3;
	unsetenv("STATE_DIRECTORY");
	if (geteuid() == 0) {
		if (!path_is(STATE_READER, STATE_WRITE, STATE_DEFAULT))
			return 4;
		if (setresuid(12347, 12347, 12347) < 0)
			return 5;
	}
	if (access(STATE_DEFAULT "/reader", R_OK | X_OK) == 0)
		return 0;
	setenv("XDG_STATE_HOME", "/srv/x", 1);
	if (!path_is(STATE_READER, STATE_WRITE, "/srv/x/loginbell"))
		return 6;
	setenv("XDG_STATE_HOME", "relative", 1);
	setenv("HOME", "/home/u", 1);
	return path_is(STATE_READER, STATE_SHOW, "/home/u/.local/state/loginbell") ? 0 : 7;
}

static void path_follows_the_environment(void **state)
{
	(void)state;
	assert_int_equal(in_child(check_state_path), 0);
}

static int open_part(enum state_part part)
{
	struct error err = {0};
	int fd = -1;

	if (state_open(root, part, STATE_WRITE, &fd, &err) != 0)
		fail_msg("%s", err.text);
	return fd;
}

static void check_sets_the_modes_of_own_files(void **state)
{
	AUTO_CLOSE int fd = open_part(STATE_DELIVER);

	(void)state;
	assert_int_equal(file_replace(fd, "delivery", slice_of("x")), 0);
	assert_int_equal(file_replace(fd, "config", slice_of("x")), 0);
	assert_int_equal(file_replace(fd, "sender.lock", slice_of("")), 0);
	assert_int_equal(mkdirat(fd, "spool", 0700), 0);
	assert_int_equal(mknodat(fd, "spool/mail", S_IFREG | 0600, 0), 0);
	assert_int_equal(fchmodat(fd, "delivery", 0600, 0), 0);
	assert_int_equal(fchmod(fd, 0700), 0);
	state_check(root, STATE_DELIVER, fd, report);
	assert_int_equal(reports, 0);
	assert_int_equal(mode_of("deliver"), 0750);
	assert_int_equal(mode_of("deliver/delivery"), 0640);
	assert_int_equal(mode_of("deliver/config"), 0600);
	assert_int_equal(mode_of("deliver/sender.lock"), 0600);
	assert_int_equal(mode_of("deliver/spool"), 0750);
	assert_int_equal(mode_of("deliver/spool/mail"), 0640);
}

static void check_names_foreign_files_and_links(void **state)
{
	AUTO_CLOSE int fd = open_part(STATE_READER);
	char want[700];

	(void)state;
	assert_int_equal(symlinkat("/etc/passwd", fd, "ledger"), 0);
	state_check(root, STATE_READER, fd, report);
	assert_int_equal(reports, 1);
	assert_string_equal(last_report.text, "ledger is not a regular file; remove it");
	assert_int_equal(unlinkat(fd, "ledger", 0), 0);
	needs_root();
	assert_int_equal(file_replace(fd, "position", slice_of("x")), 0);
	assert_int_equal(fchownat(fd, "position", 12345, 0, 0), 0);
	state_check(root, STATE_READER, fd, report);
	assert_int_equal(reports, 2);
	(void)snprintf(want, sizeof(want),
		       "position belongs to uid 12345 and gid 0; as root: chown 0:0 %s/position",
		       below("reader"));
	assert_string_equal(last_report.text, want);
}

static void lock_is_held_by_one_and_names_it(void **state)
{
	AUTO_CLOSE int fd = open_part(STATE_READER);
	pid_t pid = -7;
	int first = -1, second = -7;

	(void)state;
	assert_int_equal(state_lock(fd, STATE_READER, &first, &pid), 0);
	assert_int_equal(pid, -7);
	assert_true(fcntl(first, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(mode_of("reader/reader.lock"), 0600);
	assert_int_equal(mode_of("reader/reader.pid"), 0640);
	assert_int_equal(state_lock(fd, STATE_READER, &second, &pid), STATE_E_LOCKED);
	assert_int_equal(pid, getpid());
	assert_int_equal(second, -7);
	state_unlock(fd, STATE_READER, first);
	assert_int_equal(access(below("reader/reader.pid"), F_OK), -1);
	assert_int_equal(state_lock(fd, STATE_READER, &second, &pid), 0);
	state_unlock(fd, STATE_READER, second);
	state_unlock(fd, STATE_READER, -1);
}

static void lock_is_no_fifo_and_no_link(void **state)
{
	AUTO_CLOSE int fd = open_part(STATE_DELIVER);
	int lock = -7;
	pid_t pid;

	(void)state;
	assert_int_equal(mkfifo(below("deliver/sender.lock"), 0600), 0);
	assert_int_equal(state_lock(fd, STATE_DELIVER, &lock, &pid), -EINVAL);
	assert_int_equal(unlinkat(fd, "sender.lock", 0), 0);
	assert_int_equal(symlinkat("x", fd, "sender.lock"), 0);
	assert_int_equal(state_lock(fd, STATE_DELIVER, &lock, &pid), -ELOOP);
	assert_int_equal(lock, -7);
}

static void process_is_known_by_its_start_and_boot(void **state)
{
	AUTO_CLOSE int fd = open_part(STATE_DELIVER);
	char other[300], kept[200];
	AUTO_BUFFER struct buffer b = BUFFER_INIT(400);
	pid_t pid = -7;
	int lock;

	(void)state;
	assert_int_equal(state_process(fd, STATE_DELIVER, &pid), STATE_STOPPED);
	assert_int_equal(state_process(-1, STATE_DELIVER, &pid), STATE_STOPPED);
	assert_int_equal(state_lock(fd, STATE_DELIVER, &lock, &pid), 0);
	assert_int_equal(state_process(fd, STATE_DELIVER, &pid), STATE_RUNS);
	assert_int_equal(pid, getpid());
	setenv("LOGINBELL_BOOT_ID", "0123456789abcdef0123456789abcdef", 1);
	assert_int_equal(state_process(fd, STATE_DELIVER, &pid), STATE_STOPPED);
	unsetenv("LOGINBELL_BOOT_ID");
	assert_int_equal(file_load(fd, "sender.pid", &b), 0);
	(void)snprintf(kept, sizeof(kept), "%.150s", buffer_cstr(&b));
	/* A later process of the same ID. */
	(void)snprintf(other, sizeof(other), "PID=%d\nSTART=1%s", (int)getpid(),
		       strstr(kept, "START=") + 6);
	assert_int_equal(file_replace(fd, "sender.pid", slice_of(other)), 0);
	assert_int_equal(state_process(fd, STATE_DELIVER, &pid), STATE_STOPPED);
	(void)snprintf(other, sizeof(other), "PID=4194305\n%s", strstr(kept, "START="));
	assert_int_equal(file_replace(fd, "sender.pid", slice_of(other)), 0);
	assert_int_equal(state_process(fd, STATE_DELIVER, &pid), STATE_STOPPED);
	assert_int_equal(file_replace(fd, "sender.pid", slice_of("PID=99999999999\n")), 0);
	assert_int_equal(state_process(fd, STATE_DELIVER, &pid), STATE_STOPPED);
	assert_int_equal(unlinkat(fd, "sender.pid", 0), 0);
	assert_int_equal(mkfifo(below("deliver/sender.pid"), 0600), 0);
	assert_int_equal(state_process(fd, STATE_DELIVER, &pid), STATE_STOPPED);
	(void)close(lock);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_root, remove_root)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(open_makes_the_part_and_what_is_above),
		TEST(open_to_show_makes_nothing),
		TEST(open_refuses_a_file_and_a_link),
		TEST(open_refuses_what_others_may_write),
		TEST(open_as_root_becomes_the_owner),
		TEST(open_to_show_keeps_root),
		TEST(open_says_who_owns_a_foreign_part),
		TEST(path_follows_the_environment),
		TEST(check_sets_the_modes_of_own_files),
		TEST(check_names_foreign_files_and_links),
		TEST(lock_is_held_by_one_and_names_it),
		TEST(lock_is_no_fifo_and_no_link),
		TEST(process_is_known_by_its_start_and_boot),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
