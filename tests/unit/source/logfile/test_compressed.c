/* Rotations that were compressed before they were read, by the real programs. */
#include "source/logfile/segments.h"
#include "source/logfile/unpack.h"
#include "tests/unit/logfile_fixture.h"

static const struct packer {
	const char *program, *ending;
	enum compression compression;
} packers[] = {
	{"gzip", ".gz", COMPRESSION_GZIP},
	{"xz", ".xz", COMPRESSION_XZ},
	{"zstd", ".zst", COMPRESSION_ZSTD},
};

#define FOR_EACH_PACKER(p) for (const struct packer *p = packers; p < packers + 3; p++)

static void run(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void run(const char *format, ...)
{
	char command[600];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(command, sizeof(command), format, args);
	va_end(args);
	assert_int_equal(system(command), 0);
}

/* As logrotate does it: the compressed file has the time of the other, which goes. */
static void pack(const struct packer *p, const char *path)
{
	run("%s %s %s", p->program, strcmp(p->program, "zstd") == 0 ? "-q --rm" : "", path);
}

#define POSITION_SIZE 1024

static void keep(char ret[POSITION_SIZE], const char *position)
{
	size_t size = strlen(position) + 1;

	assert_true(size <= POSITION_SIZE);
	memcpy(ret, position, size);
}

static void empty_directory(struct scene *t)
{
	run("rm -f %s/*", t->dir);
}

/* Lines that are no logins, so that the file is longer than its fingerprint. */
static void write_filler(const char *path, unsigned lines)
{
	for (unsigned i = 0; i < lines; i++) {
		char line[128];

		(void)snprintf(line, sizeof(line),
			       "2026-11-23T04:05:06+00:00 web1 CRON[%u]: session opened\n", i);
		write_text(path, line);
	}
}

static void write_login_at(const char *path, const char *user, unsigned sec)
{
	char line[160];

	(void)snprintf(line, sizeof(line),
		       "2026-11-23T04:05:%02u+00:00 web1 sshd[100]: Accepted password for %s from "
		       "192.0.2.1 port 4711 ssh2\n",
		       sec, user);
	write_text(path, line);
}

/* Reads what is there, and expects it to end with a gap that says all of @words. */
static void assert_gap(struct scene *t, const char *name, const char *words)
{
	struct record r;

	assert_int_equal(source_next(t->source, &r), 1);
	assert_int_equal(source_details(t->source, &r), 0);
	assert_int_equal(r.kind, RECORD_GAP);
	if (!memmem(r.reason.p, r.reason.n, name, strlen(name)) ||
	    !memmem(r.reason.p, r.reason.n, words, strlen(words)))
		fail_msg("%.*s", (int)r.reason.n, r.reason.p);
	assert_true(r.from_usec > 0);
	assert_true(r.from_usec <= r.realtime_usec);
}

/* The programs themselves. */

static void unpack_returns_the_content_and_skips(void **state)
{
	struct scene *t = *state;
	char text[64];

	FOR_EACH_PACKER(p)
	{
		struct unpack u = UNPACK_INIT;
		char *path = name(t, "x");
		char packed[160];
		int fd;

		write_text(path, "0123456789abcdef");
		pack(p, path);
		(void)snprintf(packed, sizeof(packed), "%s%s", path, p->ending);
		fd = open(packed, O_RDONLY | O_CLOEXEC);
		assert_int_equal(compression_of(fd, "any"), p->compression);
		for (unsigned i = 0; i < 2; i++) {
			unpack_start(&u, p->compression, fd, unpack_directories);
			unpack_skip(&u, 10);
			assert_int_equal(unpack_read(&u, text, sizeof(text)), 6);
			assert_memory_equal(text, "abcdef", 6);
			assert_int_equal(unpack_end(&u), 0);
			assert_int_equal(unpack_end(&u), 0);
		}
		unpack_start(&u, p->compression, fd, unpack_directories);
		unpack_skip(&u, 17);
		assert_int_equal(unpack_end(&u), UNPACK_E_SHORT);
		unpack_start(&u, p->compression, fd, unpack_directories);
		unpack_stop(&u);
		assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
		assert_int_equal(close(fd), 0);
	}
}

static void unpack_reports_what_is_damaged_and_what_is_missing(void **state)
{
	const char *const nowhere[] = {"/nonexistent", "/proc", NULL};
	struct scene *t = *state;
	char text[64];

	FOR_EACH_PACKER(p)
	{
		struct unpack u = UNPACK_INIT;
		char *path = name(t, "x");
		char packed[160];
		int fd;

		write_text(path, "0123456789abcdef");
		pack(p, path);
		(void)snprintf(packed, sizeof(packed), "%s%s", path, p->ending);
		run("truncate -s -3 %s", packed);
		fd = open(packed, O_RDONLY | O_CLOEXEC);
		unpack_start(&u, p->compression, fd, unpack_directories);
		(void)unpack_read(&u, text, sizeof(text));
		assert_int_equal(unpack_end(&u), UNPACK_E_DAMAGED);
		unpack_start(&u, p->compression, fd, nowhere);
		assert_int_equal(unpack_read(&u, text, sizeof(text)), 0);
		assert_int_equal(unpack_end(&u), UNPACK_E_MISSING);
		unpack_start(&u, COMPRESSION_OTHER, fd, unpack_directories);
		assert_int_equal(unpack_read(&u, text, sizeof(text)), 0);
		assert_int_equal(unpack_end(&u), UNPACK_E_MISSING);
		assert_int_equal(close(fd), 0);
	}
}

static void a_program_inherits_three_descriptors_and_no_signals(void **state)
{
	struct scene *t = *state;
	const char *const here[] = {"/nonexistent", t->dir, NULL};
	struct unpack u = UNPACK_INIT;
	sigset_t all, before;
	char text[512] = "";
	int fd;

	write_text(name(t, "gzip"),
		   "#!/bin/sh\n"
		   "echo $0 \"$@\" | sed 's|.*/||'; read line; echo $line\n"
		   "ls -l /proc/$$/fd | sed -n 's|.* 2 -> ||p'; set -- /proc/$$/fd/*; echo $#\n"
		   "while read key value; do case $key in\n"
		   "SigBlk:|SigIgn:) echo $value;; esac; done </proc/$$/status\n");
	assert_int_equal(chmod(name(t, "gzip"), 0755), 0);
	write_text(name(t, "x"), "the file\n");
	fd = open(name(t, "x"), O_RDONLY | O_CLOEXEC);
	for (int other = STDERR_FILENO + 1; other < 1024; other++)
		(void)fcntl(other, F_SETFD, FD_CLOEXEC); /* whatever the test itself inherited */
	(void)sigfillset(&all);
	(void)sigprocmask(SIG_SETMASK, &all, &before);
	(void)signal(SIGHUP, SIG_IGN);
	(void)signal(SIGPIPE, SIG_IGN);
	unpack_start(&u, COMPRESSION_GZIP, fd, here);
	(void)sigprocmask(SIG_SETMASK, &before, NULL);
	(void)signal(SIGHUP, SIG_DFL);
	(void)signal(SIGPIPE, SIG_DFL);
	(void)unpack_read(&u, text, sizeof(text) - 1);
	/* The shell itself has its script open, and the directory that it lists. */
	assert_string_equal(text,
			    "gzip -dc\nthe file\n/dev/null\n5\n"
			    "0000000000000000\n0000000000000000\n");
	assert_int_equal(unpack_end(&u), 0);
	assert_int_equal(close(fd), 0);
}

/* Catching up. */

static void the_rest_of_a_file_that_was_compressed_is_read(void **state)
{
	struct scene *t = *state;
	char position[POSITION_SIZE];

	FOR_EACH_PACKER(p)
	{
		write_filler(t->log, 20);
		write_login(t->log, "u1");
		keep(position, read_and_stop(t, "u1"));
		write_login(t->log, "u2");
		write_filler(t->log, 3);
		assert_int_equal(rename(t->log, name(t, "auth.log.1")), 0);
		pack(p, name(t, "auth.log.1"));
		write_login(t->log, "u3");
		start(t, position, false);
		assert_reads(t, "u2 u3");
		start(t, buffer_cstr(&t->position), false);
		assert_reads(t, "");
		start(t, position, true);
		assert_reads(t, "u2 u3");
		write_login(t->log, "u4");
		assert_notified(t, "u4");
		t->source = source_free(t->source);
		empty_directory(t);
	}
}

static void a_restart_within_compressed_rotations_goes_on_there(void **state)
{
	static const char *const users[] = {"u2", "u3", "u4", "u5", "u6", "u7"};
	struct scene *t = *state;
	char position[7][POSITION_SIZE], identity[7][128], *path;
	struct record r;

	write_login(t->log, "u1");
	write_filler(t->log, 20);
	keep(position[0], read_and_stop(t, "u1"));
	for (unsigned i = 0; i < 6; i += 2) {
		write_login_at(t->log, users[i], 10 + i);
		write_filler(t->log, 20);
		write_login_at(t->log, users[i + 1], 10 + i);
		path = name(t, i == 0 ? "auth.log.3" : i == 2 ? "auth.log-20261122" : "auth.log.1");
		assert_int_equal(rename(t->log, path), 0);
		set_written(path, 10 + (time_t)i);
		if (i < 4)
			pack(&packers[i / 2], path);
	}
	write_text(t->log, "");
	start(t, position[0], false);
	for (unsigned i = 0; i < 6; i++) {
		assert_int_equal(source_next(t->source, &r), 1);
		assert_non_null(memmem(r.message.p, r.message.n, users[i], 2));
		assert_int_equal(source_details(t->source, &r), 0);
		(void)snprintf(position[i + 1], sizeof(position[0]), "%.*s", (int)r.position.n,
			       r.position.p);
		(void)snprintf(identity[i + 1], sizeof(identity[0]), "%.*s", (int)r.identity.n,
			       r.identity.p);
	}
	assert_int_equal(source_next(t->source, &r), 0);
	for (unsigned i = 0; i < 6; i++) {
		start(t, position[i], false);
		assert_int_equal(source_next(t->source, &r), 1);
		assert_int_equal(source_details(t->source, &r), 0);
		assert_true(slice_eq_str(r.identity, identity[i + 1]));
		for (unsigned k = i + 1; k < 6; k++) {
			assert_int_equal(source_next(t->source, &r), 1);
			assert_non_null(memmem(r.message.p, r.message.n, users[k], 2));
		}
		assert_int_equal(source_next(t->source, &r), 0);
	}
}

static void a_repetition_in_a_compressed_file_counts(void **state)
{
	struct scene *t = *state;
	char position[POSITION_SIZE];
	struct record r;

	write_filler(t->log, 20);
	write_login(t->log, "u1");
	keep(position, read_and_stop(t, "u1"));
	write_text(t->log, "Nov 23 04:05:07 web1 last message repeated 3 times\n");
	assert_int_equal(rename(t->log, name(t, "auth.log.1")), 0);
	pack(&packers[0], name(t, "auth.log.1"));
	write_login(t->log, "u2");
	start(t, position, false);
	assert_int_equal(source_next(t->source, &r), 1);
	assert_int_equal(source_details(t->source, &r), 0);
	assert_true(r.count == 3);
	assert_non_null(memmem(r.message.p, r.message.n, " for u1 from", 12));
	assert_reads(t, "u2");
}

/* As copytruncate with compress leaves it. */
static void the_rest_of_a_compressed_copy_of_what_was_truncated_is_read(void **state)
{
	struct scene *t = *state;

	write_filler(t->log, 20);
	write_login(t->log, "u1");
	start(t, NULL, true);
	assert_reads(t, "u1");
	write_login(t->log, "u2");
	run("gzip -c %s >%s", t->log, name(t, "auth.log.1.gz"));
	assert_int_equal(truncate(t->log, 0), 0);
	write_login(t->log, "u3");
	assert_notified(t, "u2 u3");
}

/* What was read between the copying and the truncation is not lost. */
static void a_compressed_copy_that_is_too_short_is_no_gap(void **state)
{
	struct scene *t = *state;

	write_filler(t->log, 20);
	write_login(t->log, "u1");
	start(t, NULL, true);
	assert_reads(t, "u1");
	run("gzip -c %s >%s", t->log, name(t, "auth.log.1.gz"));
	write_login(t->log, "u2");
	assert_notified(t, "u2");
	assert_int_equal(truncate(t->log, 0), 0);
	write_login(t->log, "u3");
	assert_notified(t, "u3");
}

static void a_record_has_the_same_identity_after_compression(void **state)
{
	struct scene *t = *state;
	char identity[128], position[POSITION_SIZE];
	struct record r;

	for (unsigned filler = 0; filler < 40; filler += 20) {
		write_filler(t->log, 3);
		keep(position, read_and_stop(t, ""));
		write_filler(t->log, filler);
		write_login(t->log, "u1");
		start(t, position, false);
		assert_int_equal(source_next(t->source, &r), 1);
		assert_int_equal(source_details(t->source, &r), 0);
		(void)snprintf(identity, sizeof(identity), "%.*s", (int)r.identity.n, r.identity.p);
		assert_int_equal(rename(t->log, name(t, "auth.log.1")), 0);
		pack(&packers[0], name(t, "auth.log.1"));
		write_text(t->log, "");
		start(t, position, false);
		assert_int_equal(source_next(t->source, &r), 1);
		assert_int_equal(source_details(t->source, &r), 0);
		assert_true(slice_eq_str(r.identity, identity));
		empty_directory(t);
	}
}

static void lines_that_differ_have_another_identity_in_files_that_begin_alike(void **state)
{
	struct scene *t = *state;
	char identity[2][128];
	struct record r;

	for (unsigned i = 0; i < 2; i++) {
		write_filler(t->log, 20);
		write_login(t->log, i == 0 ? "u1" : "u2");
		start(t, NULL, false);
		assert_int_equal(source_next(t->source, &r), 1);
		assert_int_equal(source_details(t->source, &r), 0);
		(void)snprintf(identity[i], sizeof(identity[i]), "%.*s", (int)r.identity.n,
			       r.identity.p);
		empty_directory(t);
	}
	assert_string_not_equal(identity[0], identity[1]);
}

static void a_file_that_is_being_compressed_is_read_once(void **state)
{
	struct scene *t = *state;
	char position[POSITION_SIZE];

	write_filler(t->log, 20);
	keep(position, read_and_stop(t, ""));
	write_login(t->log, "u1");
	assert_int_equal(rename(t->log, name(t, "auth.log.2")), 0);
	set_written(name(t, "auth.log.2"), 10);
	write_login(t->log, "u2");
	write_filler(t->log, 20);
	assert_int_equal(rename(t->log, name(t, "auth.log.1")), 0);
	write_login(t->log, "u3");
	/* Whole already, and empty still; both with their source beside them. */
	run("gzip -k %s", name(t, "auth.log.2"));
	run("gzip -k %s", name(t, "auth.log.1"));
	start(t, position, false);
	assert_reads(t, "u1 u2 u3");
	run("truncate -s 0 %s", name(t, "auth.log.1.gz"));
	start(t, position, false);
	assert_reads(t, "u1 u2 u3");
	run("gzip -c %s | head -c 40 > %s", name(t, "auth.log.2"), name(t, "auth.log.2.gz"));
	start(t, position, false);
	assert_reads(t, "u1 u2 u3");
}

static void a_plain_file_of_another_time_hides_no_compressed_one(void **state)
{
	struct scene *t = *state;
	char position[POSITION_SIZE];

	write_login(name(t, "auth.log.1"), "no");
	set_written(name(t, "auth.log.1"), -100);
	write_filler(t->log, 20);
	keep(position, read_and_stop(t, ""));
	write_login(t->log, "u1");
	run("gzip -c %s > %s", t->log, name(t, "auth.log.1.gz"));
	assert_int_equal(unlink(t->log), 0);
	write_login(t->log, "u2");
	start(t, position, false);
	assert_reads(t, "u1 u2");
}

static void a_queued_file_that_is_compressed_meanwhile_is_read_once(void **state)
{
	struct scene *t = *state;
	char position[POSITION_SIZE];

	write_filler(t->log, 20);
	keep(position, read_and_stop(t, ""));
	for (unsigned i = 0; i < 2; i++) {
		char user[8];

		(void)snprintf(user, sizeof(user), "u%u", i + 1);
		write_login(t->log, user);
		assert_int_equal(rename(t->log, name(t, i == 0 ? "auth.log.2" : "auth.log.1")), 0);
		set_written(name(t, i == 0 ? "auth.log.2" : "auth.log.1"), 10 + (time_t)i);
	}
	write_login(t->log, "u3");
	start(t, position, true);
	run("gzip %s %s", name(t, "auth.log.1"), name(t, "auth.log.2"));
	assert_int_equal(rename(t->log, name(t, "auth.log.0")), 0);
	write_login(t->log, "u4");
	assert_int_equal(source_process(t->source), 0);
	assert_reads(t, "u1 u2 u3 u4");
}

static void following_reads_compressed_rotations_between(void **state)
{
	struct scene *t = *state;

	write_filler(t->log, 20);
	start(t, NULL, true);
	assert_reads(t, "");
	write_login(t->log, "u1");
	assert_int_equal(rename(t->log, name(t, "auth.log.2")), 0);
	write_login(t->log, "u2");
	assert_int_equal(rename(t->log, name(t, "auth.log.1")), 0);
	pack(&packers[1], name(t, "auth.log.1"));
	pack(&packers[1], name(t, "auth.log.2"));
	write_login(t->log, "u3");
	assert_notified(t, "u1 u2 u3");
	assert_quiet(t);
}

static void the_end_of_a_compressed_file_is_no_line_s_end_but_its_own(void **state)
{
	struct scene *t = *state;
	char position[POSITION_SIZE], line[512];

	write_filler(t->log, 20);
	keep(position, read_and_stop(t, ""));
	(void)login_line(line, sizeof(line), "u1");
	write_bytes(t->log, line, strlen(line) - 1);
	assert_int_equal(rename(t->log, name(t, "auth.log.1")), 0);
	pack(&packers[0], name(t, "auth.log.1"));
	write_text(t->log, "");
	start(t, position, true);
	assert_reads(t, "u1");
	write_login(t->log, "u2");
	assert_notified(t, "u2");
	start(t, stop(t), false);
	assert_reads(t, "");
}

/* What cannot be read. */

static void a_damaged_file_counts_up_to_its_damage_and_is_a_gap(void **state)
{
	struct scene *t = *state;
	char position[POSITION_SIZE], identity[2][128];
	struct record r;

	write_filler(t->log, 20);
	keep(position, read_and_stop(t, ""));
	write_login(t->log, "u1");
	assert_int_equal(rename(t->log, name(t, "auth.log.1")), 0);
	pack(&packers[0], name(t, "auth.log.1"));
	run("truncate -s -8 %s", name(t, "auth.log.1.gz"));
	write_login(t->log, "u2");
	for (unsigned i = 0; i < 2; i++) {
		start(t, position, false);
		assert_int_equal(source_next(t->source, &r), 1);
		assert_non_null(memmem(r.message.p, r.message.n, "for u1", 6));
		assert_int_equal(source_details(t->source, &r), 0);
		assert_gap(t, "/auth.log.1.gz ", "not read to its end");
		assert_int_equal(source_details(t->source, &r), 0);
		(void)snprintf(identity[i], sizeof(identity[i]), "%.*s", (int)r.identity.n,
			       r.identity.p);
		assert_reads(t, "u2");
		assert_int_equal(rename(name(t, "auth.log.1.gz"), name(t, "auth.log.2.gz")), 0);
		assert_int_equal(rename(name(t, "auth.log.2.gz"), name(t, "auth.log.1.gz")), 0);
	}
	/* The ledger reports it once. */
	assert_string_equal(identity[0], identity[1]);
	start(t, buffer_cstr(&t->position), false);
	assert_reads(t, "");
}

static void an_unknown_compression_is_one_gap_that_names_the_file(void **state)
{
	struct scene *t = *state;
	char position[POSITION_SIZE];

	write_login(t->log, "u1");
	keep(position, read_and_stop(t, "u1"));
	write_text(name(t, "auth.log.2.bz2"), "BZh9 and so on");
	write_text(name(t, "auth.log.3.gz"), "");
	set_written(name(t, "auth.log.3.gz"), -100);
	assert_int_equal(unlink(t->log), 0);
	write_login(t->log, "u2");
	start(t, position, false);
	assert_gap(t, "/auth.log.2.bz2 ", "not read: it is compressed");
	assert_reads(t, "u2");
	start(t, stop(t), false);
	assert_reads(t, "");
}

static void rotations_that_were_read_are_left_alone(void **state)
{
	struct scene *t = *state;
	const char *position;

	write_text(name(t, "auth.log.1.gz"), "no gzip file at all");
	set_written(name(t, "auth.log.1.gz"), -100);
	write_login(t->log, "u1");
	position = read_and_stop(t, "u1");
	write_login(t->log, "u2");
	assert_int_equal(rename(t->log, name(t, "auth.log.0")), 0);
	write_login(t->log, "u3");
	start(t, position, false);
	assert_reads(t, "u2 u3");
}

static void more_rotations_than_are_queued_are_a_gap(void **state)
{
	struct scene *t = *state;
	char position[POSITION_SIZE], file[32];

	write_login(t->log, "u1");
	keep(position, read_and_stop(t, "u1"));
	for (int i = 0; i <= ROTATIONS_MAX; i++) {
		(void)snprintf(file, sizeof(file), "auth.log.%d", i);
		write_text(name(t, file), "nothing of interest\n");
		set_written(name(t, file), 10 + i);
	}
	/* The last record is of a file that is read on from; all of these came later. */
	assert_int_equal(rename(t->log, name(t, "auth.log.old")), 0);
	set_written(name(t, "auth.log.old"), 10);
	write_login(t->log, "u2");
	start(t, position, false);
	assert_gap(t, "/auth.log only", "newest 200");
	assert_reads(t, "u2");
	/* Two gaps at once are both reported. */
	assert_int_equal(rename(name(t, "auth.log.old"), name(t, "moved")), 0);
	write_text(name(t, "moved"), "");
	assert_int_equal(truncate(name(t, "moved"), 0), 0);
	start(t, position, false);
	assert_gap(t, "/auth.log only", "newest 200");
	assert_gap(t, "/auth.log no longer exists", "not read to its end");
	assert_reads(t, "u2");
	assert_int_equal(rename(name(t, "moved"), name(t, "auth.log.old")), 0);
}

/* A compressed file that was named itself. */

static void a_compressed_file_is_read_whole(void **state)
{
	struct scene *t = *state;

	FOR_EACH_PACKER(p)
	{
		write_login(t->log, "u1");
		write_filler(t->log, 20000);
		write_login(t->log, "u2");
		pack(p, t->log);
		(void)strcat(t->log, p->ending);
		start(t, NULL, false);
		assert_reads(t, "u1 u2");
		(void)snprintf(t->log, sizeof(t->log), "%s/auth.log", t->dir);
	}
}

static void assert_refused(struct scene *t, const struct source_options *o, const char *words)
{
	struct error err = {0};

	assert_int_equal(logfile_open(t->log, o, &t->source, &err), SOURCE_E_UNREADABLE);
	if (!strstr(err.text, words))
		fail_msg("%s", err.text);
}

static void a_compressed_file_is_never_followed_nor_read_as_it_is(void **state)
{
	struct scene *t = *state;
	struct source_options once = options_of(NULL, false), follow = options_of(NULL, true);
	int fd, standard_input;

	write_login(t->log, "u1");
	pack(&packers[0], t->log);
	(void)strcat(t->log, ".gz");
	assert_refused(t, &follow, "is compressed");
	standard_input = dup(STDIN_FILENO);
	fd = open(t->log, O_RDONLY | O_CLOEXEC);
	assert_int_equal(dup2(fd, STDIN_FILENO), STDIN_FILENO);
	(void)strcpy(t->log, "-");
	assert_refused(t, &once, "zcat");
	assert_int_equal(dup2(standard_input, STDIN_FILENO), STDIN_FILENO);
	(void)snprintf(t->log, sizeof(t->log), "%s/x.bz2", t->dir);
	write_text(t->log, "BZh9");
	assert_refused(t, &once, "standard input");
	(void)snprintf(t->log, sizeof(t->log), "%s/y.gz", t->dir);
	write_text(t->log, "no gzip");
	assert_refused(t, &once, "cannot be unpacked");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(unpack_returns_the_content_and_skips),
		TEST(unpack_reports_what_is_damaged_and_what_is_missing),
		TEST(a_program_inherits_three_descriptors_and_no_signals),
		TEST(the_rest_of_a_file_that_was_compressed_is_read),
		TEST(a_restart_within_compressed_rotations_goes_on_there),
		TEST(a_repetition_in_a_compressed_file_counts),
		TEST(the_rest_of_a_compressed_copy_of_what_was_truncated_is_read),
		TEST(a_compressed_copy_that_is_too_short_is_no_gap),
		TEST(a_record_has_the_same_identity_after_compression),
		TEST(lines_that_differ_have_another_identity_in_files_that_begin_alike),
		TEST(a_file_that_is_being_compressed_is_read_once),
		TEST(a_plain_file_of_another_time_hides_no_compressed_one),
		TEST(a_queued_file_that_is_compressed_meanwhile_is_read_once),
		TEST(following_reads_compressed_rotations_between),
		TEST(the_end_of_a_compressed_file_is_no_line_s_end_but_its_own),
		TEST(a_damaged_file_counts_up_to_its_damage_and_is_a_gap),
		TEST(an_unknown_compression_is_one_gap_that_names_the_file),
		TEST(rotations_that_were_read_are_left_alone),
		TEST(more_rotations_than_are_queued_are_a_gap),
		TEST(a_compressed_file_is_read_whole),
		TEST(a_compressed_file_is_never_followed_nor_read_as_it_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
