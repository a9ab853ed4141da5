/* What administrators ask of the sender: names of files, strictly read. */
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
#include <unistd.h>

#include "base/cleanup.h"
#include "base/timetext.h"
#include "store/request.h"

#define ID	"0123456789abcdef0123456789abcdef"
#define OTHER	"ffffffffffffffffffffffffffffffff"
#define NOW	(UINT64_C(1800000000) * USEC_PER_SEC)
#define MAX_AGE USEC_PER_HOUR

static const struct request drop = {REQUEST_DROP, ID};

static int open_directory(char path[64])
{
	int fd;

	(void)snprintf(path, 64, "/tmp/test_request.XXXXXX");
	assert_non_null(mkdtemp(path));
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

static void make(int dirfd, const char *name)
{
	AUTO_CLOSE int fd = openat(dirfd, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
}

static void only_whole_names_are_requests(void **state)
{
	static const char *const others[] = {
		"request." ID,
		"request.drop",
		"request.drop.",
		"request.drop." ID "0",
		"request.drop.0123456789abcdef0123456789abcde",
		"request.drop.0123456789ABCDEF0123456789abcdef",
		"request.drop.0123456789abcdef0123456789abcde/",
		"request.drop." ID ".tmp",
		"request.DROP." ID,
		"request.dropp." ID,
		" request.drop." ID,
		"answer.drop." ID,
		"",
	};
	struct request q;

	(void)state;
	assert_true(request_parse("request.drop." ID, &q));
	assert_int_equal(q.kind, REQUEST_DROP);
	assert_string_equal(q.id, ID);
	assert_true(request_parse("request.retry." OTHER, &q));
	assert_int_equal(q.kind, REQUEST_RETRY);
	assert_string_equal(q.id, OTHER);
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		assert_false(request_parse(others[i], &q));
}

static void a_request_is_listed_until_it_is_answered(void **state)
{
	AUTO_BUFFER struct buffer text = BUFFER_INIT(REQUEST_TEXT_MAX);
	AUTO_CLOSE int dirfd = -1;
	struct request *list;
	char path[64];
	size_t n;
	bool done;

	(void)state;
	dirfd = open_directory(path);
	assert_int_equal(request_list(dirfd, NOW, &list, &n), 0);
	assert_int_equal(n, 0);
	free(list);
	make(dirfd, "request.drop.x");
	assert_int_equal(request_make(dirfd, &drop), 0);
	assert_int_equal(request_make(dirfd, &drop), 0);
	assert_true(request_waits(dirfd, &drop));
	assert_int_equal(request_read_answer(dirfd, &drop, &done, &text), -ENOENT);
	assert_int_equal(request_list(dirfd, NOW, &list, &n), 0);
	assert_int_equal(n, 1);
	assert_int_equal(list[0].kind, REQUEST_DROP);
	assert_string_equal(list[0].id, ID);
	free(list);

	assert_int_equal(request_answer(dirfd, &drop, false, "1 no"), 0);
	assert_false(request_waits(dirfd, &drop));
	assert_int_equal(request_read_answer(dirfd, &drop, &done, &text), 0);
	assert_false(done);
	assert_string_equal(buffer_cstr(&text), "1 no");
	assert_int_equal(request_read_answer(dirfd, &drop, &done, &text), -ENOENT);
	assert_int_equal(unlinkat(dirfd, "request.drop.x", 0), 0);
	assert_int_equal(rmdir(path), 0);
}

static void a_damaged_answer_says_nothing(void **state)
{
	AUTO_BUFFER struct buffer text = BUFFER_INIT(REQUEST_TEXT_MAX);
	AUTO_CLOSE int dirfd = -1;
	char path[64];
	bool done;

	(void)state;
	dirfd = open_directory(path);
	make(dirfd, "answer.drop." ID);
	assert_int_equal(request_read_answer(dirfd, &drop, &done, &text), -EBADMSG);
	assert_int_equal(text.len, 0);
	assert_int_equal(request_answer(dirfd, &drop, true, "a\nb"), 0);
	assert_int_equal(request_read_answer(dirfd, &drop, &done, &text), 0);
	assert_string_equal(buffer_cstr(&text), "a\nb");
	assert_int_equal(rmdir(path), 0);
}

static void an_earlier_answer_is_not_taken_for_the_next_one(void **state)
{
	AUTO_BUFFER struct buffer text = BUFFER_INIT(REQUEST_TEXT_MAX);
	AUTO_CLOSE int dirfd = -1;
	char path[64];
	bool done;

	(void)state;
	dirfd = open_directory(path);
	assert_int_equal(request_make(dirfd, &drop), 0);
	assert_int_equal(request_answer(dirfd, &drop, true, "old"), 0);
	assert_int_equal(request_make(dirfd, &drop), 0);
	assert_int_equal(request_read_answer(dirfd, &drop, &done, &text), -ENOENT);
	assert_int_equal(request_answer(dirfd, &drop, true, "new"), 0);
	assert_int_equal(request_read_answer(dirfd, &drop, &done, &text), 0);
	assert_true(done);
	assert_string_equal(buffer_cstr(&text), "new");
	assert_int_equal(rmdir(path), 0);
}

static void an_answer_that_nobody_takes_goes_after_an_hour(void **state)
{
	AUTO_CLOSE int dirfd = -1;
	struct request *list;
	char path[64];
	struct stat st;
	uint64_t made;
	size_t n;

	(void)state;
	dirfd = open_directory(path);
	assert_int_equal(request_answer(dirfd, &drop, true, "x"), 0);
	assert_int_equal(fstatat(dirfd, "answer.drop." ID, &st, 0), 0);
	made = (uint64_t)st.st_mtime * USEC_PER_SEC;
	assert_int_equal(request_list(dirfd, made + MAX_AGE, &list, &n), 0);
	free(list);
	assert_int_equal(faccessat(dirfd, "answer.drop." ID, F_OK, 0), 0);
	assert_int_equal(request_list(dirfd, made + MAX_AGE + 1, &list, &n), 0);
	free(list);
	assert_int_equal(faccessat(dirfd, "answer.drop." ID, F_OK, 0), -1);
	assert_int_equal(rmdir(path), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_whole_names_are_requests),
		cmocka_unit_test(a_request_is_listed_until_it_is_answered),
		cmocka_unit_test(a_damaged_answer_says_nothing),
		cmocka_unit_test(an_earlier_answer_is_not_taken_for_the_next_one),
		cmocka_unit_test(an_answer_that_nobody_takes_goes_after_an_hour),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
