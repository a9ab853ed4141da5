/*
 * What rotation does between two calls of the reader: a part of a script's steps is run right
 * before one of the reader's pread(2), for each part and each call. So what happens to a reader
 * once in thousands of times happens here at each run. Each login must be returned once.
 */
#include <sys/syscall.h>

#include "tests/unit/logfile_fixture.h"

#define BEGUN (time_t)(NOW / USEC_PER_SEC - TIME_SEC) /* of set_written() */

enum what {
	END,
	WRITE,
	CREATE,
	COPY,
	TRUNCATE,
	RENAME,
	CALL, /* the rest of the part is run before the next call */
};

struct step {
	enum what what;
	const char *name;
	const char *other; /* a user, or another file's name */
};

static struct {
	struct scene *t;
	const struct step *steps;
	size_t at, until;
	time_t written;
	unsigned calls; /* still to come before the steps; 0: none are due */
} script;

static void copy(const char *from, const char *to)
{
	char text[4096];
	int fd = open(from, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	assert_true(fd >= 0);
	n = read(fd, text, sizeof(text));
	assert_in_range(n, 0, sizeof(text) - 1);
	assert_int_equal(close(fd), 0);
	write_bytes(to, text, (size_t)n);
}

static void run_step(struct scene *t, const struct step *s)
{
	const char *file = name(t, s->name), *to = s->other ? name(t, s->other) : NULL;

	switch (s->what) {
	case WRITE:
		write_login(file, s->other);
		break;
	case CREATE:
		write_text(file, "");
		break;
	case COPY:
		copy(file, to);
		break;
	case TRUNCATE:
		assert_int_equal(truncate(file, 0), 0);
		break;
	case RENAME:
		assert_int_equal(rename(file, to), 0);
		break;
	case CALL:
	case END:
		return;
	}
	/* One second each: the clock of files is too coarse for fast steps. */
	if (s->what != RENAME)
		set_written(s->what == COPY ? to : file, BEGUN + ++script.written);
}

static void run_steps(size_t until)
{
	while (script.at < until)
		run_step(script.t, &script.steps[script.at++]);
}

int inotify_init1(int flags);

/* As if inotify(7) were exhausted: to close an instance is slower than the rest of a run. */
int inotify_init1(int flags)
{
	(void)flags;
	errno = EMFILE;
	return -1;
}

/* The reader's: from the log and its rotations. */
ssize_t pread(int fd, void *p, size_t n, off_t offset)
{
	if (script.calls > 0 && --script.calls == 0) {
		while (script.at < script.until && script.steps[script.at].what != CALL)
			run_steps(script.at + 1);
		if (script.at < script.until) {
			script.at++;
			script.calls = 1;
		}
	}
	return syscall(SYS_pread64, fd, p, n, offset);
}

static void remove_files(struct scene *t)
{
	static const char *const names[] = {"auth.log", "auth.log.1", "auth.log.2", "auth.log.3",
					    "auth.log.4"};

	t->source = source_free(t->source);
	buffer_clear(&t->text);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		(void)unlink(name(t, names[i]));
}

static void look(struct scene *t)
{
	assert_int_equal(source_process(t->source), 0);
	read_on(t);
}

/*
 * Runs the steps up to @from before a look and those up to @until right before its call @call, and
 * then looks after each step. Whether the look had that many calls.
 */
static bool run(struct scene *t, size_t from, size_t until, unsigned call)
{
	bool had;

	script.at = 0;
	run_steps(from);
	script.until = until;
	script.calls = call;
	look(t);
	had = script.calls == 0;
	script.calls = 0;
	for (; script.steps[script.at].what != END; look(t))
		run_steps(script.at + 1);
	look(t);
	return had;
}

/* The users are u1, u2 and so on. */
static void assert_gave_once(struct scene *t, size_t from, size_t until, unsigned call,
			     unsigned users)
{
	const char *text = buffer_cstr(&t->text);
	bool once = t->text.len == users * 3 - 1;
	char user[8];

	for (unsigned i = 1; i <= users; i++) {
		(void)snprintf(user, sizeof(user), "u%u", i);
		once &= strstr(text, user) != NULL;
	}
	if (!once)
		fail_msg("steps %zu to %zu before call %u: gave \"%s\"", from, until, call, text);
}

/* @first: there is a login when the reader starts. */
static void assert_each_once(struct scene *t, const struct step *steps, const char *first,
			     unsigned users)
{
	script.t = t;
	script.steps = steps;
	for (size_t from = 0; steps[from].what != END; from++) {
		for (size_t until = from; steps[until++].what != END;) {
			bool had = true;

			for (unsigned call = 1; had; call++) {
				remove_files(t);
				write_text(t->log, "");
				if (first)
					write_login(t->log, first);
				script.written = 0;
				set_written(t->log, BEGUN);
				start(t, NULL, true);
				read_on(t);
				had = run(t, from, until, call);
				assert_gave_once(t, from, until, call, users);
			}
		}
	}
}

/*
 * The path comes to name a file of which a copy is made, while the reader is still at the one
 * before: the copy was read, and then the file.
 */
static void a_copy_that_is_made_while_the_path_changes_is_read_once(void **state)
{
	static const struct step steps[] = {
		{COPY, "auth.log", "auth.log.1"},
		{TRUNCATE, "auth.log", NULL},
		{WRITE, "auth.log", "u2"},
		{RENAME, "auth.log.1", "auth.log.2"},
		{RENAME, "auth.log", "auth.log.1"},
		{WRITE, "auth.log", "u3"},
		{RENAME, "auth.log.2", "auth.log.3"},
		{RENAME, "auth.log.1", "auth.log.2"},
		{CREATE, "auth.log.1", NULL},
		{COPY, "auth.log", "auth.log.1"},
		{TRUNCATE, "auth.log", NULL},
		{WRITE, "auth.log", "u4"},
		{END, NULL, NULL},
	};

	assert_each_once(*state, steps, "u1", 4);
}

/* Its copy is begun while it is empty, and the reader still at the file before. */
static void a_copy_of_the_next_file_is_read_once(void **state)
{
	static const struct step steps[] = {
		{RENAME, "auth.log", "auth.log.2"}, {CREATE, "auth.log", NULL},
		{CREATE, "auth.log.1", NULL},	    {WRITE, "auth.log", "u2"},
		{COPY, "auth.log", "auth.log.1"},   {TRUNCATE, "auth.log", NULL},
		{WRITE, "auth.log", "u3"},	    {END, NULL, NULL},
	};

	assert_each_once(*state, steps, "u1", 3);
}

/* Its bytes were believed though it held nothing when they were compared, and the copy read too. */
static void a_file_that_is_truncated_right_after_it_was_read_is_read_once(void **state)
{
	static const struct step steps[] = {
		{WRITE, "auth.log", "u1"},
		{WRITE, "auth.log", "u2"},
		{CALL, NULL, NULL},
		{COPY, "auth.log", "auth.log.1"},
		{TRUNCATE, "auth.log", NULL},
		{WRITE, "auth.log", "u3"},
		{END, NULL, NULL},
	};

	assert_each_once(*state, steps, NULL, 3);
}

static void a_copy_of_a_file_that_was_left_is_read_once(void **state)
{
	static const struct step steps[] = {
		{RENAME, "auth.log", "auth.log.1"}, {WRITE, "auth.log", "u2"},
		{WRITE, "auth.log.1", "u3"},	    {COPY, "auth.log.1", "auth.log.2"},
		{TRUNCATE, "auth.log.1", NULL},	    {WRITE, "auth.log.1", "u4"},
		{WRITE, "auth.log", "u5"},	    {END, NULL, NULL},
	};

	assert_each_once(*state, steps, "u1", 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_copy_that_is_made_while_the_path_changes_is_read_once),
		TEST(a_copy_of_the_next_file_is_read_once),
		TEST(a_file_that_is_truncated_right_after_it_was_read_is_read_once),
		TEST(a_copy_of_a_file_that_was_left_is_read_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
