/* Directories of their own in /var/tmp: made for one user, removed with all that is in them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "command/temporary_state.h"

static void is_a_directory_of_one_user(void **state)
{
	struct temporary_state t;
	struct stat st;

	(void)state;
	assert_int_equal(temporary_state_make(&t, TEMPORARY_SELF), 0);
	assert_memory_equal(t.path, "/var/tmp/loginbell-", 19);
	assert_int_equal(lstat(t.path, &st), 0);
	assert_int_equal(st.st_mode, S_IFDIR | 0700);
	assert_int_equal(st.st_uid, geteuid());
	temporary_state_remove(&t);
}

static void belongs_to_the_senders_user_if_root_makes_it(void **state)
{
	const struct passwd *sender = getpwnam("loginbell-deliver");
	struct temporary_state t;
	struct stat st;

	(void)state;
	assert_int_equal(temporary_state_make(&t, TEMPORARY_SENDER), 0);
	assert_int_equal(lstat(t.path, &st), 0);
	assert_int_equal(st.st_mode, S_IFDIR | 0700);
	assert_int_equal(st.st_uid, geteuid() == 0 && sender ? sender->pw_uid : geteuid());
	temporary_state_remove(&t);
}

static void two_have_two_names(void **state)
{
	struct temporary_state a, b;

	(void)state;
	assert_int_equal(temporary_state_make(&a, TEMPORARY_SELF), 0);
	assert_int_equal(temporary_state_make(&b, TEMPORARY_SELF), 0);
	assert_string_not_equal(a.path, b.path);
	temporary_state_remove(&a);
	temporary_state_remove(&b);
}

static void make_file(const char *directory, const char *name)
{
	char path[200];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/%s", directory, name);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0400);
	assert_true(fd >= 0);
	(void)close(fd);
}

/* A link is removed, not what it points to. */
static void removes_everything_below_and_nothing_else(void **state)
{
	struct temporary_state t, other;
	char path[200], inner[200];

	(void)state;
	assert_int_equal(temporary_state_make(&t, TEMPORARY_SELF), 0);
	assert_int_equal(temporary_state_make(&other, TEMPORARY_SELF), 0);
	make_file(other.path, "kept");
	(void)snprintf(path, sizeof(path), "%s/deliver", t.path);
	(void)snprintf(inner, sizeof(inner), "%s/deliver/spool", t.path);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(mkdir(inner, 0700), 0);
	make_file(t.path, "ledger");
	make_file(inner, "mail.login");
	(void)snprintf(inner, sizeof(inner), "%s/deliver/link", t.path);
	assert_int_equal(symlink(other.path, inner), 0);
	(void)snprintf(path, sizeof(path), "%s", t.path);
	temporary_state_remove(&t);
	assert_string_equal(t.path, "");
	assert_int_equal(access(path, F_OK), -1);
	(void)snprintf(inner, sizeof(inner), "%s/kept", other.path);
	assert_int_equal(access(inner, F_OK), 0);
	temporary_state_remove(&other);
	temporary_state_remove(&other); /* nothing */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(is_a_directory_of_one_user),
		cmocka_unit_test(belongs_to_the_senders_user_if_root_makes_it),
		cmocka_unit_test(two_have_two_names),
		cmocka_unit_test(removes_everything_below_and_nothing_else),
	};

	return cmocka_run_group_tests_name("temporary_state", tests, NULL, NULL);
}
