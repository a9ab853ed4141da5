/* Events that are pending are read to the last one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/inotify.h"

#define FILES 1000 /* their events are more than one read(2) returns */

struct seen {
	int n;
	char last[32];
};

static void note(void *userdata, const struct inotify_event *event)
{
	struct seen *seen = userdata;

	seen->n++;
	(void)snprintf(seen->last, sizeof(seen->last), "%s", event->len > 0 ? event->name : "");
}

static void all_pending_events_are_read(void **state)
{
	char dir[] = "/tmp/loginbell-inotify.XXXXXX", path[64], last[32];
	struct seen seen = {0};
	int fd = inotify_open();

	(void)state;
	assert_true(fd >= 0);
	assert_non_null(mkdtemp(dir));
	assert_true(inotify_add_watch(fd, dir, IN_CREATE) >= 0);
	assert_int_equal(inotify_drain(fd, note, &seen), 0);
	for (int i = 0; i < FILES; i++) {
		int file;

		(void)snprintf(last, sizeof(last), "a-name-of-some-length-%d", i);
		(void)snprintf(path, sizeof(path), "%s/%s", dir, last);
		file = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
		assert_true(file >= 0);
		(void)close(file);
	}
	assert_int_equal(inotify_drain(fd, note, &seen), FILES);
	assert_int_equal(seen.n, FILES);
	assert_string_equal(seen.last, last);
	assert_int_equal(inotify_drain(fd, NULL, NULL), 0);
	for (int i = 0; i < FILES; i++) {
		(void)snprintf(path, sizeof(path), "%s/a-name-of-some-length-%d", dir, i);
		(void)unlink(path);
	}
	(void)rmdir(dir);
	(void)close(fd);
}

static void a_failing_read_is_an_error(void **state)
{
	(void)state;
	assert_int_equal(inotify_drain(-1, NULL, NULL), -EBADF);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_pending_events_are_read),
		cmocka_unit_test(a_failing_read_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
