/* Notifications as a socket gets them that stands for the service manager's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/notify.h"

static int listen_at(const char *name)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	size_t n = strlen(name);
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	memcpy(sa.sun_path, name, n);
	if (name[0] == '@')
		sa.sun_path[0] = '\0';
	else
		n++;
	assert_int_equal(bind(fd, (struct sockaddr *)&sa,
			      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n)),
			 0);
	assert_int_equal(setenv("NOTIFY_SOCKET", name, 1), 0);
	return fd;
}

static void assert_received(int fd, const char *expected)
{
	char text[1024];
	ssize_t n = recv(fd, text, sizeof(text), MSG_DONTWAIT);

	assert_int_equal(n, strlen(expected));
	assert_memory_equal(text, expected, (size_t)n);
}

static void message_reaches_a_path(void **state)
{
	char folder[] = "/tmp/loginbell-test-XXXXXX", name[64];
	AUTO_CLOSE int fd = -1;

	(void)state;
	assert_non_null(mkdtemp(folder));
	(void)snprintf(name, sizeof(name), "%s/notify", folder);
	fd = listen_at(name);
	assert_int_equal(notify_send("READY=1\nSTATUS=%d logins", 5), 0);
	assert_received(fd, "READY=1\nSTATUS=5 logins");
	assert_int_equal(unlink(name), 0);
	assert_int_equal(notify_send("READY=1"), -ENOENT);
	assert_int_equal(rmdir(folder), 0);
}

static void message_reaches_an_abstract_name(void **state)
{
	AUTO_CLOSE int fd = -1;
	char name[64];

	(void)state;
	(void)snprintf(name, sizeof(name), "@loginbell-test-%d", (int)getpid());
	fd = listen_at(name);
	assert_int_equal(notify_send("WATCHDOG=1"), 0);
	assert_received(fd, "WATCHDOG=1");
	assert_int_equal(notify_send("%0511d", 0), 0);
	assert_int_equal(recv(fd, name, 1, MSG_DONTWAIT | MSG_TRUNC), 511);
	assert_int_equal(notify_send("%0512d", 0), -E2BIG);
	assert_int_equal(recv(fd, name, 1, MSG_DONTWAIT), -1);
}

static void a_receiver_that_does_not_read_holds_nobody_up(void **state)
{
	AUTO_CLOSE int fd = -1;
	char name[64];
	int r = 0;

	(void)state;
	(void)snprintf(name, sizeof(name), "@loginbell-test-%d", (int)getpid());
	fd = listen_at(name);
	for (int i = 0; i < 100000 && r == 0; i++)
		r = notify_send("STATUS=%d", i);
	assert_int_equal(r, -EAGAIN);
	assert_received(fd, "STATUS=0");
	assert_int_equal(notify_send("STATUS=again"), 0);
}

static void nobody_asked_is_no_failure(void **state)
{
	(void)state;
	assert_int_equal(unsetenv("NOTIFY_SOCKET"), 0);
	assert_int_equal(notify_send("READY=1"), 0);
}

static void other_sockets_are_refused(void **state)
{
	char name[200];

	(void)state;
	assert_int_equal(setenv("NOTIFY_SOCKET", "vsock:2:1234", 1), 0);
	assert_int_equal(notify_send("READY=1"), -EAFNOSUPPORT);
	assert_int_equal(setenv("NOTIFY_SOCKET", "", 1), 0);
	assert_int_equal(notify_send("READY=1"), -EAFNOSUPPORT);
	memset(name, 'x', sizeof(name));
	name[0] = '/';
	name[sizeof(name) - 1] = '\0';
	assert_int_equal(setenv("NOTIFY_SOCKET", name, 1), 0);
	assert_int_equal(notify_send("READY=1"), -EAFNOSUPPORT);
}

static void assert_watchdog(const char *usec, const char *pid, uint64_t expected)
{
	assert_int_equal(usec ? setenv("WATCHDOG_USEC", usec, 1) : unsetenv("WATCHDOG_USEC"), 0);
	assert_int_equal(pid ? setenv("WATCHDOG_PID", pid, 1) : unsetenv("WATCHDOG_PID"), 0);
	assert_true(notify_watchdog_usec() == expected);
}

static void watchdog_is_half_and_ours_alone(void **state)
{
	char pid[32];

	(void)state;
	(void)snprintf(pid, sizeof(pid), "%d", (int)getpid());
	assert_watchdog(NULL, NULL, 0);
	assert_watchdog("600000000", NULL, 300000000);
	assert_watchdog("600000000", pid, 300000000);
	assert_watchdog("600000000", "1", 0);
	assert_watchdog("600000000", "x", 0);
	assert_watchdog("0", NULL, 0);
	assert_watchdog("10s", NULL, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(message_reaches_a_path),
		cmocka_unit_test(message_reaches_an_abstract_name),
		cmocka_unit_test(a_receiver_that_does_not_read_holds_nobody_up),
		cmocka_unit_test(nobody_asked_is_no_failure),
		cmocka_unit_test(other_sockets_are_refused),
		cmocka_unit_test(watchdog_is_half_and_ours_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
