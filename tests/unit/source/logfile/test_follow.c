/* A log file that is followed while it is renamed, truncated, removed and made again. */
#include <dirent.h>

#include "tests/unit/logfile_fixture.h"

#include <sched.h>

/* Following. */

static void a_rename_is_followed(void **state)
{
	struct scene *t = *state;

	write_login(t->log, "u1");
	start(t, NULL, true);
	assert_reads(t, "u1");
	assert_int_equal(rename(t->log, name(t, "auth.log.1")), 0);
	write_login(name(t, "auth.log.1"), "u2");
	assert_notified(t, "u2");
	/* The new file is empty: its writer still has the old one. */
	write_text(t->log, "");
	assert_notified(t, "");
	write_login(name(t, "auth.log.1"), "u3");
	assert_notified(t, "u3");
	write_login(name(t, "auth.log.1"), "u4");
	write_login(t->log, "u5");
	assert_notified(t, "u4 u5");
	write_login(t->log, "u6");
	assert_notified(t, "u6");
	/* A slow writer's line comes late, in pieces too. */
	write_login(name(t, "auth.log.1"), "u7");
	assert_notified(t, "u7");
	write_text(name(t, "auth.log.1"), "2026-11-23T04:05:06+00:00 web1 sshd[1]: ");
	assert_notified(t, "");
	write_login(t->log, "u8");
	assert_notified(t, "u8");
	write_text(name(t, "auth.log.1"), "Accepted password for u9 from 192.0.2.1 port 1 ssh2\n");
	assert_notified(t, "u9");
	write_login(t->log, "u10");
	assert_notified(t, "u10");
	assert_quiet(t);
	/* A minute later the old one wakes nobody any more. */
	write_login(name(t, "auth.log.1"), "no");
	assert_quiet(t);
}

static void rotations_between_two_looks_are_read_in_order(void **state)
{
	struct scene *t = *state;

	write_login(t->log, "u1");
	start(t, NULL, true);
	assert_reads(t, "u1");
	write_login(t->log, "u2");
	set_written(t->log, 1000000 + 1);
	assert_int_equal(rename(t->log, name(t, "auth.log.3")), 0);
	write_login(t->log, "u3");
	set_written(t->log, 1000000 + 2);
	assert_int_equal(rename(t->log, name(t, "auth.log.2")), 0);
	write_login(t->log, "u4");
	set_written(t->log, 1000000 + 3);
	assert_int_equal(rename(t->log, name(t, "auth.log.1")), 0);
	write_login(t->log, "u5");
	assert_notified(t, "u2 u3 u4 u5");
	write_login(t->log, "u6");
	assert_notified(t, "u6");
}

static void a_copytruncate_is_followed(void **state)
{
	struct scene *t = *state;
	char command[400];

	write_login(t->log, "u1");
	start(t, NULL, true);
	assert_reads(t, "u1");
	/* Written and copied before it was read. */
	write_login(t->log, "u2");
	(void)snprintf(command, sizeof(command), "cp %s %s.1", t->log, t->log);
	assert_int_equal(system(command), 0);
	assert_int_equal(truncate(t->log, 0), 0);
	assert_notified(t, "u2");
	assert_quiet(t);
	write_login(t->log, "u3");
	assert_notified(t, "u3");
	assert_int_equal(truncate(t->log, 0), 0);
	write_login(t->log, "u4");
	/* No copy has its content. */
	assert_notified(t, "GAP u4");
	/* Truncated, and already longer than before. */
	assert_int_equal(truncate(t->log, 0), 0);
	write_login(t->log, "longer-u5");
	write_login(t->log, "u6");
	assert_notified(t, "GAP longer-u5 u6");
	assert_quiet(t);
}

static void copies_made_between_two_looks_are_read(void **state)
{
	struct scene *t = *state;
	char command[400];

	/* Empty at the last look, so that its beginning is unknown. */
	write_text(t->log, "");
	start(t, NULL, true);
	assert_reads(t, "");
	for (unsigned i = 1; i <= 3; i++) {
		char user[8];

		(void)snprintf(user, sizeof(user), "u%u", i);
		write_login(t->log, user);
		(void)snprintf(command, sizeof(command), "cp %s %s.%u", t->log, t->log, 4 - i);
		assert_int_equal(system(command), 0);
		assert_int_equal(truncate(t->log, 0), 0);
		(void)snprintf(command, sizeof(command), "%s.%u", t->log, 4 - i);
		set_written(command, 1000000 + (time_t)i);
	}
	write_login(t->log, "u4");
	assert_notified(t, "u1 u2 u3 u4");
	assert_quiet(t);
}

/* Reads the first block only: as much as one line. */
static void open_in_blocks(struct scene *t, bool follow, const char *first)
{
	struct source_options o = options_of(NULL, follow);
	struct error err;
	struct record r;
	char line[512];

	(void)login_line(line, sizeof(line), first);
	t->source = source_free(t->source);
	o.block = strlen(line);
	assert_int_equal(logfile_open(t->log, &o, &t->source, &err), 0);
	assert_int_equal(source_next(t->source, &r), 1);
	assert_non_null(memmem(r.message.p, r.message.n, first, strlen(first)));
}

static void copy_and_truncate(struct scene *t, const char *copy)
{
	char command[400];

	(void)snprintf(command, sizeof(command), "cp %s %s/%s", t->log, t->dir, copy);
	assert_int_equal(system(command), 0);
	assert_int_equal(truncate(t->log, 0), 0);
}

static void a_truncation_between_two_blocks_is_seen(void **state)
{
	struct scene *t = *state;

	for (int follow = 0; follow < 2; follow++) {
		for (int copied = 0; copied < 2; copied++) {
			(void)unlink(t->log);
			(void)unlink(name(t, "auth.log.1"));
			write_login(t->log, "u1");
			write_login(t->log, "u2");
			write_login(t->log, "u3");
			open_in_blocks(t, follow, "u1");
			if (copied)
				copy_and_truncate(t, "auth.log.1");
			else
				assert_int_equal(truncate(t->log, 0), 0);
			/* Longer by now than what was read. */
			for (unsigned i = 0; i < 5; i++)
				write_login(t->log, i == 0 ? "v1-which-is-longer" : "v2");
			assert_reads(t, copied ? "u2 u3 v1-which-is-longer v2 v2 v2 v2"
					       : "GAP v1-which-is-longer v2 v2 v2 v2");
		}
	}
}

static void a_truncation_at_the_end_of_a_scan_is_seen(void **state)
{
	struct scene *t = *state;

	write_login(t->log, "u1-which-is-longer");
	open_in_blocks(t, false, "u1-which-is-longer");
	assert_int_equal(truncate(t->log, 0), 0);
	write_login(t->log, "v1");
	assert_reads(t, "GAP v1");
}

static void two_truncations_between_two_blocks_are_read_from_both_copies(void **state)
{
	struct scene *t = *state;

	write_login(t->log, "u1");
	write_login(t->log, "u2");
	open_in_blocks(t, true, "u1");
	copy_and_truncate(t, "auth.log.1");
	write_login(t->log, "v1");
	write_login(t->log, "v2");
	assert_int_equal(rename(name(t, "auth.log.1"), name(t, "auth.log.2")), 0);
	copy_and_truncate(t, "auth.log.1");
	for (unsigned i = 0; i < 5; i++)
		write_login(t->log, i == 0 ? "w1" : "w2");
	assert_reads(t, "u2 v1 v2 w1 w2 w2 w2 w2");
	assert_quiet(t);
}

static void a_copy_that_is_being_made_is_not_read(void **state)
{
	struct scene *t = *state;
	char line[512];

	write_login(t->log, "u1");
	write_login(t->log, "u2");
	open_in_blocks(t, true, "u1");
	copy_and_truncate(t, "auth.log.2");
	write_login(t->log, "v1");
	write_login(t->log, "v2");
	/* The next rotation has begun. */
	write_login(name(t, "auth.log.1"), "v1");
	assert_reads(t, "u2 v1 v2");
	write_login(name(t, "auth.log.1"), "v2");
	assert_int_equal(truncate(t->log, 0), 0);
	write_text(t->log, login_line(line, sizeof(line), "w1"));
	assert_notified(t, "w1");
	assert_quiet(t);
}

static void what_was_read_after_the_copy_is_no_gap(void **state)
{
	struct scene *t = *state;
	char command[400];

	write_login(t->log, "u1");
	start(t, NULL, true);
	assert_reads(t, "u1");
	(void)snprintf(command, sizeof(command), "cp %s %s.1", t->log, t->log);
	assert_int_equal(system(command), 0);
	write_login(t->log, "u2");
	assert_notified(t, "u2");
	assert_int_equal(truncate(t->log, 0), 0);
	assert_notified(t, "");
	write_login(t->log, "u3");
	assert_notified(t, "u3");
	assert_quiet(t);
}

static void a_gap_of_a_truncation_says_so(void **state)
{
	struct scene *t = *state;
	struct record r;

	write_login(t->log, "u1");
	start(t, NULL, true);
	assert_reads(t, "u1");
	clock_step = 30;
	assert_int_equal(truncate(t->log, 0), 0);
	assert_int_equal(source_process(t->source), 0);
	assert_int_equal(source_next(t->source, &r), 1);
	assert_int_equal(source_details(t->source, &r), 0);
	assert_int_equal(r.kind, RECORD_GAP);
	assert_non_null(memmem(r.reason.p, r.reason.n, "auth.log was truncated", 22));
	assert_true(r.from_usec >= NOW && r.from_usec < NOW + 20 * USEC_PER_SEC);
	assert_true(r.realtime_usec >= NOW + 30 * USEC_PER_SEC);
	assert_reads(t, "");
}

static void an_edited_file_repeats_no_login(void **state)
{
	struct scene *t = *state;
	char command[400];

	for (unsigned i = 0; i < 8; i++)
		write_login(t->log, i < 7 ? "u" : "evil");
	start(t, NULL, true);
	assert_reads(t, "u u u u u u u evil");
	/* Replaced by the same, and more. */
	(void)snprintf(command, sizeof(command), "cp %s %s/x && mv %s/x %s", t->log, t->dir, t->dir,
		       t->log);
	assert_int_equal(system(command), 0);
	assert_notified(t, "");
	write_login(t->log, "u2");
	assert_notified(t, "u2");
	/* Replaced by less. Its records of the last hour are returned again; the ledger knows them.
	 */
	(void)snprintf(command, sizeof(command), "sed -i /evil/d %s", t->log);
	assert_int_equal(system(command), 0);
	assert_notified(t, "GAP u u u u u u u u2");
	write_login(t->log, "u3");
	assert_notified(t, "u3");
}

static void a_file_with_two_names_is_read_once(void **state)
{
	struct scene *t = *state;

	write_login(t->log, "u1");
	start(t, NULL, true);
	assert_reads(t, "u1");
	/* Between two looks. */
	assert_int_equal(rename(t->log, name(t, "auth.log.2")), 0);
	write_login(t->log, "u2");
	assert_int_equal(link(t->log, name(t, "auth.log.1")), 0);
	assert_int_equal(rename(t->log, name(t, "auth.log.one")), 0);
	write_login(t->log, "u3");
	assert_notified(t, "u2 u3");
	/* Named again, it is still the one that was read. */
	assert_int_equal(unlink(t->log), 0);
	assert_int_equal(link(name(t, "auth.log.1"), t->log), 0);
	write_login(t->log, "u4");
	assert_notified(t, "u4");
}

static void rotations_beside_what_a_link_names_are_read(void **state)
{
	struct scene *t = *state;

	assert_int_equal(mkdir(name(t, "sub"), 0755), 0);
	write_login(name(t, "sub/a.log"), "u1");
	assert_int_equal(symlink("sub/a.log", t->log), 0);
	start(t, NULL, true);
	assert_reads(t, "u1");
	for (unsigned i = 2; i < 5; i++) {
		char user[8], to[128];

		(void)snprintf(to, sizeof(to), "%s/sub/a.log.%u", t->dir, 9 - i);
		assert_int_equal(rename(name(t, "sub/a.log"), to), 0);
		(void)snprintf(user, sizeof(user), "u%u", i);
		write_login(name(t, "sub/a.log"), user);
	}
	assert_notified(t, "u2 u3 u4");
	assert_quiet(t);
}

/* Within one tick of the clock of files, or in a directory that was copied. */
static void rotations_of_the_same_moment_are_read_by_their_numbers(void **state)
{
	struct scene *t = *state;
	struct timespec written[2];

	write_login(t->log, "u1");
	start(t, NULL, true);
	assert_reads(t, "u1");
	(void)clock_gettime(CLOCK_REALTIME, &written[0]);
	written[1] = written[0];
	for (unsigned i = 2; i < 8; i++) {
		char user[8], to[128];

		(void)snprintf(to, sizeof(to), "%s.%u", t->log, 14 - i);
		assert_int_equal(rename(t->log, to), 0);
		assert_int_equal(utimensat(AT_FDCWD, to, written, 0), 0);
		(void)snprintf(user, sizeof(user), "u%u", i);
		write_login(t->log, user);
	}
	assert_notified(t, "u2 u3 u4 u5 u6 u7");
	assert_quiet(t);
}

static void a_line_being_written_survives_a_truncation(void **state)
{
	struct scene *t = *state;
	char line[512];

	write_login(t->log, "u0");
	start(t, NULL, true);
	assert_reads(t, "u0");
	(void)login_line(line, sizeof(line), "u1");
	write_bytes(t->log, line, strlen(line) - 1);
	assert_notified(t, "");
	assert_int_equal(truncate(t->log, 0), 0);
	assert_notified(t, "GAP u1");
	write_login(t->log, "u2");
	assert_notified(t, "u2");
}

static void a_switched_link_is_followed(void **state)
{
	struct scene *t = *state;

	assert_int_equal(mkdir(name(t, "sub"), 0755), 0);
	write_login(name(t, "sub/a.log"), "u1");
	assert_int_equal(symlink("sub/a.log", t->log), 0);
	start(t, NULL, true);
	assert_reads(t, "u1");
	write_login(name(t, "sub/a.log"), "u2");
	assert_notified(t, "u2");
	write_login(name(t, "sub/b.log"), "u3");
	assert_int_equal(symlink("sub/b.log", name(t, "new")), 0);
	write_login(name(t, "sub/a.log"), "u2b");
	assert_int_equal(rename(name(t, "new"), t->log), 0);
	assert_notified(t, "u2b u3");
	/* What the link names is replaced, in its own directory. */
	assert_int_equal(rename(name(t, "sub/b.log"), name(t, "sub/b.log.1")), 0);
	write_login(name(t, "sub/b.log"), "u4");
	assert_notified(t, "u4");
}

static void a_file_and_its_directories_may_come_later(void **state)
{
	struct scene *t = *state;
	struct pollfd p;
	uint64_t timeout;

	(void)snprintf(t->log, sizeof(t->log), "%s/a/b/auth.log", t->dir);
	start(t, NULL, true);
	assert_reads(t, "");
	p.fd = source_wait_fd(t->source, &p.events, &timeout);
	assert_true(p.fd >= 0 && timeout > 0 && timeout <= USEC_PER_MIN);
	assert_int_equal(poll(&p, 1, 0), 0);
	assert_int_equal(mkdir(name(t, "a"), 0755), 0);
	assert_notified(t, "");
	assert_int_equal(mkdir(name(t, "a/b"), 0755), 0);
	assert_notified(t, "");
	write_login(t->log, "u1");
	assert_notified(t, "u1");
	write_login(t->log, "u2");
	assert_notified(t, "u2");
	assert_quiet(t);
}

static void directories_made_all_at_once_are_found(void **state)
{
	struct scene *t = *state;

	(void)snprintf(t->log, sizeof(t->log), "%s/a/b/auth.log", t->dir);
	start(t, NULL, true);
	assert_reads(t, "");
	assert_int_equal(mkdir(name(t, "a"), 0755), 0);
	assert_int_equal(mkdir(name(t, "a/b"), 0755), 0);
	write_login(t->log, "u1");
	assert_notified(t, "u1");
}

static void a_position_without_a_file_begins_with_the_file(void **state)
{
	struct scene *t = *state;
	const char *position;

	start(t, NULL, true);
	assert_reads(t, "");
	position = stop(t);
	write_login(t->log, "u1");
	start(t, position, false);
	assert_reads(t, "u1");
}

static void a_missing_file_is_a_gap_after_a_minute(void **state)
{
	struct scene *t = *state;
	uint64_t timeout;
	short events;

	write_login(t->log, "u1");
	start(t, NULL, true);
	assert_reads(t, "u1");
	assert_int_equal(unlink(t->log), 0);
	assert_notified(t, "");
	assert_true(source_wait_fd(t->source, &events, &timeout) >= 0);
	assert_true(timeout > 0 && timeout <= USEC_PER_MIN);
	clock_step = 61;
	assert_true(source_wait_fd(t->source, &events, &timeout) >= 0);
	assert_true(timeout == 0);
	assert_int_equal(source_process(t->source), 0);
	assert_reads(t, "GAP");
	assert_int_equal(source_process(t->source), 0);
	assert_reads(t, "");
	assert_quiet(t);
	write_login(t->log, "u2");
	assert_notified(t, "u2");

	/* The next time counts from the start; back within the minute is no gap. */
	assert_int_equal(unlink(t->log), 0);
	assert_notified(t, "");
	clock_step += 50;
	write_login(t->log, "u3");
	assert_notified(t, "u3");
	assert_quiet(t);
}

/* As copytruncate and a rename right after it, after the look at the file and before that at the
 * path. */
static void a_file_that_is_truncated_before_it_is_left_is_looked_at_again(void **state)
{
	struct scene *t = *state;

	write_login(t->log, "u1-and-more");
	start(t, NULL, true);
	assert_reads(t, "u1-and-more");
	assert_int_equal(rename(t->log, name(t, "auth.log.1")), 0);
	write_text(t->log, "");
	assert_notified(t, "");
	assert_int_equal(truncate(name(t, "auth.log.1"), 0), 0);
	write_login(name(t, "auth.log.1"), "u2");
	write_login(t->log, "u3");
	assert_reads(t, "GAP u2 u3");
	assert_notified(t, "");
}

static void a_line_in_a_file_that_was_left_may_still_be_on_its_way(void **state)
{
	struct scene *t = *state;
	char line[200], *old = name(t, "auth.log.1");

	write_login(t->log, "u1");
	start(t, NULL, true);
	assert_reads(t, "u1");
	assert_int_equal(rename(t->log, old), 0);
	(void)login_line(line, sizeof(line), "u2-of-two-parts");
	write_bytes(old, line, 70);
	write_login(t->log, "u3");
	assert_notified(t, "u3");
	write_text(old, line + 70);
	assert_notified(t, "u2-of-two-parts");

	/* And one whose end never comes. */
	(void)login_line(line, sizeof(line), "u4");
	write_bytes(old, line, strlen(line) - 1);
	assert_notified(t, "");
	clock_step += 2;
	assert_int_equal(source_process(t->source), 0);
	assert_reads(t, "u4");
	assert_quiet(t);
}

static void a_file_that_never_was_there_is_a_gap_too(void **state)
{
	struct scene *t = *state;
	struct record r;
	char first[128];

	for (int i = 0; i < 2; i++) {
		clock_step = (unsigned)i * 3600;
		start(t, NULL, true);
		assert_reads(t, "");
		clock_step += 59;
		assert_int_equal(source_process(t->source), 0);
		assert_reads(t, "");
		clock_step += 2;
		assert_int_equal(source_process(t->source), 0);
		assert_int_equal(source_next(t->source, &r), 1);
		assert_int_equal(source_details(t->source, &r), 0);
		assert_int_equal(r.kind, RECORD_GAP);
		assert_in_range(r.identity.n, 1, sizeof(first) - 1);
		/* The next time it is another one: the ledger knows the first. */
		if (i == 0) {
			memcpy(first, r.identity.p, r.identity.n);
			first[r.identity.n] = '\0';
			t->source = source_free(t->source);
		}
	}
	assert_false(slice_eq_str(r.identity, first));
	write_login(t->log, "u1");
	assert_notified(t, "u1");
}

static int make_directory(const char *path)
{
	return mkdir(path, 0755);
}

static int make_fifo(const char *path)
{
	return mkfifo(path, 0644);
}

static int make_link_to_a_device(const char *path)
{
	return symlink("/dev/zero", path);
}

static int make_socket(const char *path)
{
	return mknod(path, S_IFSOCK | 0644, 0);
}

static int make_link_to_itself(const char *path)
{
	return symlink(path, path);
}

/* Not opened, and no busy loop: it only waits for the minute. */
static void what_is_no_file_is_waited_out(void **state)
{
	static int (*const make[])(const char *) = {
		make_directory, make_fifo, make_link_to_a_device, make_socket, make_link_to_itself};
	struct scene *t = *state;
	uint64_t timeout;
	short events;
	char user[8];

	write_login(t->log, "u1");
	start(t, NULL, true);
	assert_reads(t, "u1");
	for (size_t i = 0; i < sizeof(make) / sizeof(*make); i++) {
		assert_int_equal(unlink(t->log), 0);
		assert_int_equal(make[i](t->log), 0);
		assert_notified(t, "");
		assert_true(source_wait_fd(t->source, &events, &timeout) >= 0);
		assert_true(timeout > 0 && timeout <= USEC_PER_MIN);
		clock_step += 61;
		assert_int_equal(source_process(t->source), 0);
		assert_reads(t, "GAP");
		assert_quiet(t);
		assert_int_equal(remove(t->log), 0);
		(void)snprintf(user, sizeof(user), "v%zu", i);
		write_login(t->log, user);
		assert_notified(t, user);
	}
}

/* In a user namespace of its own nothing can be watched: then the file is polled. */
static void where_inotify_is_used_up_the_file_is_looked_at(void **state)
{
	static const char *const limits[] = {"/proc/sys/user/max_inotify_instances",
					     "/proc/sys/user/max_inotify_watches"};
	struct scene *t = *state;

	for (size_t i = 0; i < sizeof(limits) / sizeof(*limits); i++) {
		int status = 0;
		pid_t child;

		(void)unlink(t->log);
		write_login(t->log, "u1");
		child = fork();
		assert_true(child >= 0);
		if (child == 0) {
			uint64_t timeout;
			short events;
			int fd;

			if (unshare(CLONE_NEWUSER) < 0)
				_exit(77);
			fd = open(limits[i], O_WRONLY | O_CLOEXEC);
			if (fd < 0 || write(fd, "0", 1) != 1)
				_exit(77);
			start(t, NULL, true);
			assert_reads(t, "u1");
			assert_non_null(strstr(logfile_polls(t->source), "inotify"));
			write_login(t->log, "u2");
			assert_true(source_wait_fd(t->source, &events, &timeout) >= 0);
			assert_true(timeout == USEC_PER_SEC);
			assert_int_equal(source_process(t->source), 0);
			assert_reads(t, "u2");
			/* It is tried again, and watched once that is possible. */
			if (i == 1) {
				assert_int_equal(pwrite(fd, "99", 2, 0), 2);
				assert_int_equal(source_process(t->source), 0);
				assert_reads(t, "");
				assert_null(logfile_polls(t->source));
				write_login(t->log, "u3");
				assert_notified(t, "u3");
			}
			_exit(0);
		}
		assert_int_equal(waitpid(child, &status, 0), child);
		if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
			skip();
		assert_int_equal(status, 0);
	}
}

static void a_gap_says_when_and_why(void **state)
{
	struct scene *t = *state;
	struct record r;

	write_login(t->log, "u1");
	start(t, NULL, true);
	assert_reads(t, "u1");
	assert_int_equal(unlink(t->log), 0);
	assert_notified(t, "");
	clock_step = 61;
	assert_int_equal(source_process(t->source), 0);
	assert_int_equal(source_next(t->source, &r), 1);
	assert_int_equal(source_details(t->source, &r), 0);
	assert_int_equal(r.kind, RECORD_GAP);
	assert_true(r.from_usec >= NOW && r.from_usec < NOW + 30 * USEC_PER_SEC);
	assert_true(r.realtime_usec >= r.from_usec + USEC_PER_MIN);
	assert_non_null(memmem(r.reason.p, r.reason.n, "auth.log is missing", 19));
	assert_true(r.identity.n > 0 && r.position.n > 0);
}

static void the_old_file_is_read_while_the_path_is_missing(void **state)
{
	struct scene *t = *state;

	write_login(t->log, "u1");
	start(t, NULL, true);
	assert_reads(t, "u1");
	assert_int_equal(rename(t->log, name(t, "gone")), 0);
	assert_notified(t, "");
	write_login(name(t, "gone"), "u2");
	assert_notified(t, "u2");
}

/* Rotates the log whenever the directory is read. */
static struct {
	struct scene *scene; /* NULL: not now */
	unsigned rounds;
} restless;

DIR *opendir(const char *path)
{
	struct scene *t = restless.scene;
	char rotation[32], user[16];

	if (t) {
		restless.rounds++;
		(void)snprintf(rotation, sizeof(rotation), "auth.log.%u", 999 - restless.rounds);
		(void)snprintf(user, sizeof(user), "r%u-and-more", restless.rounds);
		assert_int_equal(rename(t->log, name(t, rotation)), 0);
		write_login(t->log, user);
	}
	return fdopendir(open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

static void a_directory_that_never_rests_is_read_a_bounded_number_of_times(void **state)
{
	struct scene *t = *state;
	struct record r;
	size_t length = 0;
	char user[16];

	write_login(t->log, "u1");
	start(t, NULL, true);
	assert_reads(t, "u1");
	assert_int_equal(rename(t->log, name(t, "auth.log.999")), 0);
	write_login(t->log, "r0-and-more");
	restless.rounds = 0;
	restless.scene = t;
	assert_int_equal(source_process(t->source), 0);
	assert_int_equal(source_next(t->source, &r), 1);
	restless.scene = NULL;
	/* It looks once before, and once after it came to the next file. */
	if (restless.rounds > 2 * 16)
		fail_msg("%u rounds", restless.rounds);
	/* The first record was returned already. */
	buffer_clear(&t->text);
	assert_int_equal(buffer_append_slice(&t->text, r.message), 0);
	read_on(t);
	assert_int_equal(source_process(t->source), 0);
	read_on(t);
	for (unsigned i = 0; i <= restless.rounds; i++) {
		(void)snprintf(user, sizeof(user), " r%u-and-more", i);
		assert_non_null(memmem(t->text.data, t->text.len, user, strlen(user)));
		length += strlen(user);
	}
	assert_int_equal(t->text.len, length + r.message.n - strlen(" r0-and-more"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_rename_is_followed),
		TEST(rotations_between_two_looks_are_read_in_order),
		TEST(a_copytruncate_is_followed),
		TEST(copies_made_between_two_looks_are_read),
		TEST(a_truncation_between_two_blocks_is_seen),
		TEST(a_truncation_at_the_end_of_a_scan_is_seen),
		TEST(two_truncations_between_two_blocks_are_read_from_both_copies),
		TEST(a_copy_that_is_being_made_is_not_read),
		TEST(what_was_read_after_the_copy_is_no_gap),
		TEST(a_gap_of_a_truncation_says_so),
		TEST(an_edited_file_repeats_no_login),
		TEST(a_file_with_two_names_is_read_once),
		TEST(rotations_beside_what_a_link_names_are_read),
		TEST(rotations_of_the_same_moment_are_read_by_their_numbers),
		TEST(what_is_no_file_is_waited_out),
		TEST(where_inotify_is_used_up_the_file_is_looked_at),
		TEST(a_line_being_written_survives_a_truncation),
		TEST(a_switched_link_is_followed),
		TEST(a_file_and_its_directories_may_come_later),
		TEST(directories_made_all_at_once_are_found),
		TEST(a_position_without_a_file_begins_with_the_file),
		TEST(a_missing_file_is_a_gap_after_a_minute),
		TEST(a_file_that_never_was_there_is_a_gap_too),
		TEST(a_line_in_a_file_that_was_left_may_still_be_on_its_way),
		TEST(a_file_that_is_truncated_before_it_is_left_is_looked_at_again),
		TEST(a_gap_says_when_and_why),
		TEST(the_old_file_is_read_while_the_path_is_missing),
		TEST(a_directory_that_never_rests_is_read_a_bounded_number_of_times),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
