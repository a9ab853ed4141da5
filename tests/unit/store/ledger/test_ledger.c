/*
 * The ledger: what was appended is read, whatever was cut, damaged, full, rotated or removed in
 * between; and nothing else is.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/hash.h"
#include "base/io.h"
#include "store/file.h"
#include "store/ledger/reader.h"
#include "store/ledger/writer.h"

static char root[128];
static int dirfd = -1;

static int make_root(void **state)
{
	(void)state;
	(void)snprintf(root, sizeof(root), "%s/loginbell-test-XXXXXX",
		       getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
	if (!mkdtemp(root))
		return -1;
	dirfd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return dirfd < 0 ? -1 : 0;
}

static int remove_root(void **state)
{
	char command[256];

	(void)state;
	(void)close(dirfd);
	(void)snprintf(command, sizeof(command), "rm -rf '%s'", root);
	return system(command);
}

static void free_writer(struct ledger_writer **w)
{
	*w = ledger_writer_free(*w);
}

static void free_reader(struct ledger_reader **r)
{
	*r = ledger_reader_free(*r);
}

#define AUTO_WRITER CLEANUP(free_writer)
#define AUTO_READER CLEANUP(free_reader)

static struct ledger_writer *open_writer(struct ledger_report *report)
{
	struct ledger_report unused;
	struct ledger_writer *w = NULL;
	struct error err = {0};
	int r = ledger_writer_open(dirfd, &w, report ? report : &unused, &err);

	if (r != 0)
		print_error("%s\n", err.text);
	assert_int_equal(r, 0);
	return w;
}

static struct ledger_reader *open_reader(uint64_t after_seq)
{
	struct ledger_reader *r = NULL;
	struct error err = {0};

	assert_int_equal(ledger_reader_open(dirfd, after_seq, &r, &err), 0);
	return r;
}

/* Alert number @n says "message N", and what all have in common. */
static struct alert numbered(unsigned n, char id[64], char message[64])
{
	(void)snprintf(id, 64, "%032x", n);
	(void)snprintf(message, 64, "message %u \n\\", n);
	return (struct alert){
		.kind = ALERT_LOGIN,
		.time_usec = n,
		.id = {id, 32},
		.message = slice_of(message),
		.user = SLICE_LITERAL("KIND=login"),
		.addr = SLICE_LITERAL("192.0.2.1"),
	};
}

static int try_append(struct ledger_writer *w, unsigned n, uint64_t *ret_seq)
{
	char id[64], message[64];
	struct alert a = numbered(n, id, message);
	int r = ledger_append(w, &a);

	if (ret_seq)
		*ret_seq = a.seq;
	return r;
}

static void append(struct ledger_writer *w, unsigned n)
{
	uint64_t before = ledger_last_seq(w), seq;

	assert_int_equal(try_append(w, n, &seq), 0);
	assert_true(seq == before + 1 && ledger_last_seq(w) == seq);
}

/* The number of the next alert; 0: none. */
static unsigned next(struct ledger_reader *r, uint64_t *ret_seq)
{
	char id[64], message[64];
	struct alert a, want;
	int k = ledger_reader_next(r, &a);

	if (k == 0)
		return 0;
	assert_int_equal(k, 1);
	want = numbered((unsigned)a.time_usec, id, message);
	assert_true(slice_eq(a.id, want.id));
	assert_true(slice_eq(a.message, want.message));
	assert_true(slice_eq(a.user, want.user));
	assert_true(slice_eq(a.addr, want.addr));
	if (ret_seq)
		*ret_seq = a.seq;
	return (unsigned)a.time_usec;
}

/* Reads all; @want ends with 0. Numbers must rise. */
static void assert_reads(struct ledger_reader *r, const unsigned *want)
{
	uint64_t last = 0, seq;

	for (; *want; want++) {
		assert_int_equal(next(r, &seq), *want);
		assert_true(seq > last);
		last = seq;
	}
	assert_int_equal(next(r, NULL), 0);
	assert_int_equal(next(r, NULL), 0);
}

static void assert_holds(const unsigned *want)
{
	AUTO_READER struct ledger_reader *r = open_reader(0);

	assert_reads(r, want);
}

#define NUMBERS(...) ((const unsigned[]){__VA_ARGS__, 0})
#define NONE	     ((const unsigned[]){0})

static uint64_t file_size(const char *name)
{
	struct stat st;

	assert_int_equal(fstatat(dirfd, name, &st, 0), 0);
	return (uint64_t)st.st_size;
}

static void load(const char *name, struct buffer *ret)
{
	assert_int_equal(file_load(dirfd, name, ret), 0);
}

static void store(const char *name, const void *p, size_t n)
{
	assert_int_equal(file_replace(dirfd, name, (struct slice){p, n}), 0);
}

/* A ledger of alerts 1 to @n; ret_ends[i] is where the block of alert i ends, [0] the header. */
static void make_ledger(unsigned n, uint64_t *ret_ends)
{
	AUTO_WRITER struct ledger_writer *w = open_writer(NULL);

	ret_ends[0] = ledger_size(w);
	for (unsigned i = 1; i <= n; i++) {
		append(w, i);
		ret_ends[i] = ledger_size(w);
	}
	assert_int_equal(ledger_sync(w), 0);
	assert_true(ret_ends[n] == file_size("ledger"));
}

static void a_new_ledger_is_a_header(void **state)
{
	AUTO_BUFFER struct buffer b = BUFFER_INIT(4096);
	AUTO_WRITER struct ledger_writer *w = NULL;
	AUTO_READER struct ledger_reader *r = NULL;
	struct ledger_report report;
	char want[256];
	struct stat st;

	(void)state;
	w = open_writer(&report);
	assert_true(report.made_new && !report.header_damaged);
	assert_true(report.torn_bytes == 0 && report.damaged_blocks == 0);
	assert_true(ledger_last_seq(w) == 0);
	r = open_reader(0);
	assert_int_equal(strlen(ledger_reader_id(r)), 32);
	load("ledger", &b);
	(void)snprintf(want, sizeof(want),
		       "LOGINBELL_LEDGER=1\nID=%s\nFIRST_SEQ=1\nCRC=", ledger_reader_id(r));
	assert_memory_equal(b.data, want, strlen(want));
	assert_int_equal(b.len, strlen(want) + 10);
	assert_int_equal(fstatat(dirfd, "ledger", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
}

static void appended_alerts_are_read_in_order(void **state)
{
	AUTO_WRITER struct ledger_writer *w = open_writer(NULL);
	AUTO_READER struct ledger_reader *r = open_reader(0);

	(void)state;
	assert_reads(r, NONE);
	append(w, 7);
	append(w, 3);
	assert_int_equal(ledger_sync(w), 0);
	assert_int_equal(ledger_reader_sync(r), 0);
	assert_reads(r, NUMBERS(7, 3));
	append(w, 9);
	assert_reads(r, NUMBERS(9));
	assert_true(ledger_size(w) == file_size("ledger"));
}

static void known_ids_are_not_appended_again(void **state)
{
	AUTO_WRITER struct ledger_writer *w = open_writer(NULL);
	uint64_t seq;

	(void)state;
	append(w, 0); /* the id that is all zero */
	append(w, 1);
	for (int reopened = 0; reopened < 2; reopened++) {
		assert_int_equal(try_append(w, 0, NULL), LEDGER_E_KNOWN);
		assert_int_equal(try_append(w, 1, &seq), LEDGER_E_KNOWN);
		assert_true(seq == 0);
		assert_true(ledger_knows(w, SLICE_LITERAL("00000000000000000000000000000001")));
		assert_false(ledger_knows(w, SLICE_LITERAL("00000000000000000000000000000002")));
		assert_false(ledger_knows(w, SLICE_LITERAL("1")));
		assert_true(ledger_last_seq(w) == 2);
		w = ledger_writer_free(w);
		w = open_writer(NULL);
	}
}

static void many_ids_are_all_known(void **state)
{
	AUTO_WRITER struct ledger_writer *w = open_writer(NULL);

	(void)state;
	for (unsigned i = 1; i <= 1000; i++)
		append(w, i);
	w = ledger_writer_free(w);
	w = open_writer(NULL);
	assert_true(ledger_last_seq(w) == 1000);
	for (unsigned i = 1; i <= 1000; i++)
		assert_int_equal(try_append(w, i, NULL), LEDGER_E_KNOWN);
	append(w, 1001);
}

static void ids_that_are_none_are_refused(void **state)
{
	AUTO_WRITER struct ledger_writer *w = open_writer(NULL);
	struct alert a = {.id = SLICE_LITERAL("0000000000000000000000000000000")};

	(void)state;
	assert_int_equal(ledger_append(w, &a), -EINVAL);
	a.id = SLICE_LITERAL("0000000000000000000000000000000g");
	assert_int_equal(ledger_append(w, &a), -EINVAL);
	assert_true(ledger_last_seq(w) == 0);
}

static void reading_starts_after_a_number(void **state)
{
	uint64_t ends[4];

	(void)state;
	make_ledger(3, ends);
	for (unsigned after = 0; after <= 3; after++) {
		AUTO_READER struct ledger_reader *r = open_reader(after);

		assert_reads(r, NUMBERS(1, 2, 3) + after);
	}
}

static void an_alert_that_is_too_long_is_cut_and_appended(void **state)
{
	AUTO_WRITER struct ledger_writer *w = open_writer(NULL);
	AUTO_READER struct ledger_reader *r = open_reader(0);
	static char message[ALERT_BLOCK_MAX];
	char id[64], unused[64];
	struct alert a = numbered(5, id, unused), got;

	(void)state;
	memset(message, '\n', sizeof(message));
	a.message = a.user = a.extra = (struct slice){message, sizeof(message)};
	assert_int_equal(ledger_append(w, &a), 0);
	append(w, 6);
	assert_int_equal(ledger_reader_next(r, &got), 1);
	assert_true(got.cut && got.message.n > 10000 && got.seq == 1);
	assert_memory_equal(got.message.p, message, got.message.n);
	assert_int_equal(next(r, NULL), 6);
}

static void blocks_up_to_the_maximum_are_read(void **state)
{
	AUTO_WRITER struct ledger_writer *w = open_writer(NULL);
	AUTO_READER struct ledger_reader *r = open_reader(0);
	static char message[ALERT_BLOCK_MAX];
	char id[64], unused[64];
	uint64_t overhead;
	unsigned n = 0;

	(void)state;
	memset(message, 'x', sizeof(message));
	for (int excess = -1; excess <= 1; excess++) {
		struct alert a = numbered(++n, id, unused), got;
		uint64_t before = ledger_size(w);

		a.message = (struct slice){message, 100};
		assert_int_equal(ledger_append(w, &a), 0);
		overhead = ledger_size(w) - before - 100;
		assert_int_equal(ledger_reader_next(r, &got), 1);

		a = numbered(++n, id, unused);
		a.message = (struct slice){message, (size_t)(ALERT_BLOCK_MAX - overhead) +
							    (size_t)(excess + 1) - 1};
		assert_int_equal(ledger_append(w, &a), 0);
		assert_int_equal(ledger_reader_next(r, &got), 1);
		assert_int_equal(got.cut, excess > 0);
		if (excess <= 0)
			assert_int_equal(got.message.n, a.message.n);
		assert_int_equal(next(r, NULL), 0);
	}
}

static void a_ledger_torn_at_any_byte_keeps_what_is_whole(void **state)
{
	AUTO_BUFFER struct buffer whole = BUFFER_INIT(65536);
	uint64_t ends[4];

	(void)state;
	make_ledger(3, ends);
	load("ledger", &whole);
	for (size_t n = 0; n <= whole.len; n++) {
		AUTO_READER struct ledger_reader *early = NULL;
		AUTO_WRITER struct ledger_writer *w = NULL;
		struct ledger_report report;
		unsigned kept = 0, want[5], i;

		store("ledger", whole.data, n);
		/* Nobody reads a block before the empty line behind it. */
		early = open_reader(0);
		for (i = 1; i <= 3 && ends[i] <= n; i++)
			assert_int_equal(next(early, NULL), i);
		assert_int_equal(next(early, NULL), 0);
		assert_true(ledger_reader_damaged(early) == 0);

		w = open_writer(&report);
		/* One that lacks only its end is ended. */
		for (i = 1; i <= 3; i++)
			if (n + 2 >= ends[i])
				want[kept++] = i;
		assert_true(report.damaged_blocks == 0);
		assert_int_equal(report.header_damaged, n < ends[0]);
		if (n < ends[0])
			assert_true(report.torn_bytes == n);
		else
			assert_true(report.torn_bytes == (n > ends[kept] ? n - ends[kept] : 0));
		assert_true(ledger_last_seq(w) == kept);
		append(w, 9);
		want[kept] = 9;
		want[kept + 1] = 0;
		assert_holds(want);
	}
}

static void a_torn_tail_of_any_kind_is_cut_off(void **state)
{
	AUTO_BUFFER struct buffer b = BUFFER_INIT(4 << 20);
	static const char zeros[3 << 20];
	uint64_t ends[3];

	(void)state;
	make_ledger(2, ends);
	for (size_t n = 1; n <= sizeof(zeros); n = n * 3 + 1) {
		AUTO_WRITER struct ledger_writer *w = NULL;
		AUTO_READER struct ledger_reader *r = NULL;
		struct ledger_report report;

		load("ledger", &b);
		b.len = ends[2];
		assert_int_equal(buffer_append(&b, zeros, n), 0);
		store("ledger", b.data, b.len);
		r = open_reader(0);
		assert_reads(r, NUMBERS(1, 2));
		w = open_writer(&report);
		assert_true(report.torn_bytes == n && report.damaged_blocks == 0);
		assert_true(ledger_size(w) == ends[2] && file_size("ledger") == ends[2]);
		append(w, 3);
		assert_reads(r, NUMBERS(3));
	}
}

static void a_torn_tail_behind_a_damaged_separator_takes_no_alert_along(void **state)
{
	AUTO_BUFFER struct buffer whole = BUFFER_INIT(65536);
	uint64_t ends[4];

	(void)state;
	make_ledger(3, ends);
	load("ledger", &whole);
	for (size_t damaged = ends[2] - 2; damaged < ends[2]; damaged++)
		for (size_t n = ends[2]; n < ends[3] - 2; n++) {
			AUTO_WRITER struct ledger_writer *w = NULL;
			AUTO_READER struct ledger_reader *r = NULL;

			whole.data[damaged] = 'X';
			store("ledger", whole.data, n);
			w = open_writer(NULL);
			whole.data[damaged] = '\n';
			r = open_reader(0);
			assert_reads(r, NUMBERS(1, 2));
			append(w, 4);
			assert_reads(r, NUMBERS(4));
			assert_true(ledger_reader_damaged(r) == 0);
		}
}

/* Whatever happens to one byte of the second alert, the first and the third are read. */
static void a_changed_byte_costs_at_most_its_block(void **state)
{
	static const unsigned char masks[] = {0x01, 0x02, 0x10, 0x80, 0xff, 'K' ^ '\n', '=' ^ '\n'};
	AUTO_BUFFER struct buffer whole = BUFFER_INIT(65536);
	uint64_t ends[4];

	(void)state;
	make_ledger(3, ends);
	load("ledger", &whole);
	for (size_t i = ends[1]; i < ends[2]; i++)
		for (size_t m = 0; m < sizeof(masks); m++) {
			AUTO_READER struct ledger_reader *r = NULL;
			AUTO_WRITER struct ledger_writer *w = NULL;
			struct ledger_report report;
			unsigned n;

			whole.data[i] ^= (char)masks[m];
			store("ledger", whole.data, whole.len);
			r = open_reader(0);
			assert_int_equal(next(r, NULL), 1);
			n = next(r, NULL);
			/* The separator is not the block. */
			assert_int_equal(n == 2, i >= ends[2] - 2);
			if (n == 2)
				n = next(r, NULL);
			else
				assert_in_range(ledger_reader_damaged(r), 1, 2);
			assert_int_equal(n, 3);
			w = open_writer(&report);
			assert_true(report.damaged_blocks == ledger_reader_damaged(r));
			assert_true(report.torn_bytes == 0 && ledger_last_seq(w) == 3);
			append(w, 4);
			assert_reads(r, NUMBERS(4));
			whole.data[i] ^= (char)masks[m];
		}
}

static void a_damaged_last_block_is_kept_and_its_number_not_given_again(void **state)
{
	AUTO_BUFFER struct buffer whole = BUFFER_INIT(65536);
	uint64_t ends[4];

	(void)state;
	make_ledger(3, ends);
	load("ledger", &whole);
	for (size_t i = ends[1]; i < ends[3] - 2; i++) {
		AUTO_READER struct ledger_reader *r = open_reader(3);
		AUTO_WRITER struct ledger_writer *w = NULL;
		struct ledger_report report;

		/* Two are damaged, and what parted them is gone too. */
		memset(whole.data + ends[2] - 30, 'x', 60);
		whole.data[i] ^= 1;
		store("ledger", whole.data, whole.len);
		w = open_writer(&report);
		assert_in_range(report.damaged_blocks, 1, 2);
		assert_true(report.torn_bytes == 0);
		assert_true(ledger_last_seq(w) >= 3);
		assert_true(file_size("ledger") == ends[3]);
		append(w, 4);
		assert_reads(r, NUMBERS(4));
		whole.data[i] ^= 1;
	}
}

static void a_page_of_zeros_costs_only_what_it_covers(void **state)
{
	AUTO_BUFFER struct buffer whole = BUFFER_INIT(1 << 20);
	AUTO_READER struct ledger_reader *r = NULL;
	uint64_t ends[101];
	unsigned n, last = 0;

	(void)state;
	make_ledger(100, ends);
	load("ledger", &whole);
	memset(whole.data + 4096, 0, 4096);
	store("ledger", whole.data, whole.len);
	r = open_reader(0);
	for (unsigned i = 1; i <= 100; i++)
		if (ends[i] <= 4096 || ends[i - 1] >= 8192) {
			n = next(r, NULL);
			assert_int_equal(n, i);
			last = n;
		}
	assert_int_equal(last, 100);
	assert_int_equal(next(r, NULL), 0);
	assert_true(ledger_reader_damaged(r) == 1);
}

static void a_damaged_header_loses_no_alert(void **state)
{
	AUTO_BUFFER struct buffer whole = BUFFER_INIT(65536);
	uint64_t ends[4];

	(void)state;
	make_ledger(3, ends);
	load("ledger", &whole);
	for (size_t i = 0; i < ends[0]; i++) {
		AUTO_READER struct ledger_reader *follower = NULL;
		AUTO_WRITER struct ledger_writer *w = NULL;
		struct ledger_report report;
		/* The line "ID=…" and the newline before it. */
		bool id_damaged = i >= 18 && i <= 18 + 3 + 32 + 1;
		struct alert a;
		int k;

		(void)unlinkat(dirfd, "ledger.1", 0);
		whole.data[i] ^= 1;
		store("ledger", whole.data, whole.len);
		follower = open_reader(0);
		assert_reads(follower, NUMBERS(1, 2, 3));
		w = open_writer(&report);
		/* A changed end of the header is not the header. */
		assert_int_equal(report.header_damaged, i < ends[0] - 2);
		assert_int_equal(try_append(w, 2, NULL), LEDGER_E_KNOWN);
		append(w, 4);
		assert_true(ledger_last_seq(w) >= 4);
		assert_holds(NUMBERS(1, 2, 3, 4));
		k = ledger_reader_next(follower, &a);
		if (k == LEDGER_E_REPLACED && id_damaged)
			assert_reads(follower, NUMBERS(1, 2, 3, 4));
		else
			assert_true(k == 1 && a.time_usec == 4);
		whole.data[i] ^= 1;
	}
}

static void a_header_alone_that_is_damaged_is_set_aside(void **state)
{
	AUTO_WRITER struct ledger_writer *w = NULL;
	struct ledger_report report;

	(void)state;
	store("ledger", "what is this\n\n", 14);
	w = open_writer(&report);
	assert_true(report.header_damaged && !report.made_new);
	assert_true(file_size("ledger.damaged") == 14);
	append(w, 1);
	assert_holds(NUMBERS(1));
}

static void a_later_version_is_left_alone(void **state)
{
	static const char later[] = "LOGINBELL_LEDGER=2\nCRC=f2bb37d8\n\n";
	AUTO_BUFFER struct buffer b = BUFFER_INIT(4096);
	struct ledger_report report;
	struct ledger_writer *w = NULL;
	struct ledger_reader *r = NULL;
	struct error err = {0};
	char text[64];

	(void)state;
	(void)snprintf(text, sizeof(text), "LOGINBELL_LEDGER=2\nCRC=%08x\n\n",
		       (unsigned)hash_crc32(0, later, 19));
	store("ledger", text, strlen(text));
	assert_int_equal(ledger_writer_open(dirfd, &w, &report, &err), -EPROTONOSUPPORT);
	assert_string_equal(err.text, "written by a later version of loginbell");
	assert_int_equal(ledger_reader_open(dirfd, 0, &r, &err), -EPROTONOSUPPORT);
	assert_null(w);
	assert_null(r);
	load("ledger", &b);
	assert_true(slice_eq_str(buffer_slice(&b), text));
}

static void limit_file_size(uint64_t bytes)
{
	const struct rlimit limit = {bytes, RLIM_INFINITY};

	(void)signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* As a full disk does, the limit makes writes short, and then fail. */
static void a_write_cut_short_at_any_byte_leaves_no_trace(void **state)
{
	AUTO_WRITER struct ledger_writer *w = open_writer(NULL);
	AUTO_READER struct ledger_reader *r = open_reader(0);
	uint64_t size, seq;

	(void)state;
	append(w, 1);
	size = ledger_size(w);
	append(w, 2);
	size = ledger_size(w) + (ledger_size(w) - size);
	for (uint64_t limit = ledger_size(w); limit < size; limit++) {
		uint64_t before = ledger_size(w);
		int k;

		limit_file_size(limit);
		k = try_append(w, 3, &seq);
		limit_file_size(RLIM_INFINITY);
		assert_int_equal(k, limit == before ? -EFBIG : -ENOSPC);
		assert_true(seq == 0 && ledger_last_seq(w) == 2);
		assert_true(ledger_size(w) == before && file_size("ledger") == before);
		assert_false(ledger_knows(w, SLICE_LITERAL("00000000000000000000000000000003")));
	}
	append(w, 3);
	assert_reads(r, NUMBERS(1, 2, 3));
}

/* The follower has read half a block that the writer then cuts off and writes another over. */
static void a_reader_never_mixes_what_was_cut_off_with_what_came(void **state)
{
	AUTO_BUFFER struct buffer whole = BUFFER_INIT(65536);
	uint64_t ends[3];

	(void)state;
	make_ledger(2, ends);
	load("ledger", &whole);
	for (size_t n = ends[1] + 1; n + 2 < ends[2]; n++) {
		AUTO_READER struct ledger_reader *idle = NULL, *busy = NULL;
		AUTO_WRITER struct ledger_writer *w = NULL;

		store("ledger", whole.data, n);
		idle = open_reader(0);
		busy = open_reader(0);
		assert_reads(idle, NUMBERS(1));
		/* This one still holds the half block in its window. */
		assert_int_equal(next(busy, NULL), 1);
		w = open_writer(NULL);
		append(w, 33);
		append(w, 44);
		assert_reads(idle, NUMBERS(33, 44));
		assert_reads(busy, NUMBERS(33, 44));
		assert_true(ledger_reader_damaged(idle) == 0 && ledger_reader_damaged(busy) == 0);
	}
}

#define CONCURRENT 400

/* Each alert is first tried where there is room only for a part of it. */
static int write_with_failures(void)
{
	struct ledger_report report;
	struct ledger_writer *w;

	(void)signal(SIGXFSZ, SIG_IGN);
	if (ledger_writer_open(dirfd, &w, &report, NULL) < 0)
		return 1;
	for (unsigned i = 1; i <= CONCURRENT; i++) {
		struct rlimit limit = {ledger_size(w) + i % 300, RLIM_INFINITY};

		if (setrlimit(RLIMIT_FSIZE, &limit) < 0)
			return 2;
		if (try_append(w, CONCURRENT + i, NULL) == 0 && i % 300 < 50)
			return 3;
		limit.rlim_cur = RLIM_INFINITY;
		if (setrlimit(RLIMIT_FSIZE, &limit) < 0 || try_append(w, i, NULL) != 0)
			return 4;
		if (i == CONCURRENT / 2 && ledger_rotate(w) < 0)
			return 5;
	}
	ledger_writer_free(w);
	return 0;
}

static void a_reader_beside_a_writer_sees_whole_alerts_only(void **state)
{
	AUTO_READER struct ledger_reader *r = open_reader(0);
	unsigned want = 1, n;
	int status = -1;
	pid_t pid, done = 0;

	(void)state;
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(write_with_failures());
	while (want <= CONCURRENT) {
		n = next(r, NULL);
		if (n == 0 && done)
			break;
		if (n == 0)
			done = waitpid(pid, &status, WNOHANG);
		else if (n <= CONCURRENT)
			assert_int_equal(n, want++);
	}
	if (!done)
		assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(want, CONCURRENT + 1);
	assert_true(ledger_reader_damaged(r) == 0);
}

/* In a child with 64 KiB of disk. The result says which step failed. */
static int fill_disk(void)
{
	struct ledger_report report;
	struct ledger_reader *r;
	struct ledger_writer *w;
	struct alert a;
	unsigned n = 0;
	int fd, k;

	if (mount("none", root, "tmpfs", 0, "size=65536") < 0)
		return 77;
	fd = open(root, O_RDONLY | O_DIRECTORY);
	(void)dup2(fd, dirfd);
	if (file_replace(dirfd, "reserve", (struct slice){root, sizeof(root)}) < 0 ||
	    ledger_writer_open(dirfd, &w, &report, NULL) < 0)
		return 1;
	while ((k = try_append(w, n + 1, NULL)) == 0)
		n++;
	if (k != -ENOSPC || n < 10 || ledger_size(w) != file_size("ledger"))
		return 2;
	if (ledger_rotate(w) != -ENOSPC || try_append(w, n + 1, NULL) != -ENOSPC)
		return 3;
	if (unlinkat(dirfd, "reserve", 0) < 0 || try_append(w, n + 1, NULL) != 0 ||
	    ledger_sync(w) != 0)
		return 4;
	if (ledger_reader_open(dirfd, 0, &r, NULL) < 0)
		return 5;
	for (unsigned i = 1; i <= n + 1; i++)
		if (ledger_reader_next(r, &a) != 1 || a.seq != i)
			return 6;
	return ledger_reader_next(r, &a) == 0 && ledger_reader_damaged(r) == 0 ? 0 : 7;
}

static void a_full_disk_loses_nothing_that_it_took(void **state)
{
	int status;
	pid_t pid;

	(void)state;
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		if (unshare(CLONE_NEWNS) < 0 ||
		    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
			_exit(77);
		_exit(fill_disk());
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
		print_message("# skipped: may not mount\n");
		skip();
	}
	assert_int_equal(status, 0);
}

static void rotation_goes_on_with_number_and_id(void **state)
{
	AUTO_WRITER struct ledger_writer *w = open_writer(NULL);
	AUTO_READER struct ledger_reader *r = open_reader(0);
	char id[LEDGER_ID_MAX];

	(void)state;
	append(w, 1);
	append(w, 2);
	assert_int_equal(next(r, NULL), 1);
	memcpy(id, ledger_reader_id(r), sizeof(id));
	assert_int_equal(ledger_rotate(w), 0);
	assert_true(ledger_last_seq(w) == 2 && ledger_size(w) == file_size("ledger"));
	assert_int_equal(try_append(w, 1, NULL), LEDGER_E_KNOWN);
	append(w, 3);
	/* The old file is read to its end first. */
	assert_reads(r, NUMBERS(2, 3));
	assert_string_equal(ledger_reader_id(r), id);
	w = ledger_writer_free(w);
	w = open_writer(NULL);
	assert_int_equal(try_append(w, 1, NULL), LEDGER_E_KNOWN);
	assert_int_equal(try_append(w, 3, NULL), LEDGER_E_KNOWN);
	append(w, 4);
	assert_true(ledger_last_seq(w) == 4);
	assert_reads(r, NUMBERS(4));
	assert_holds(NUMBERS(1, 2, 3, 4));
}

static void two_rotations_at_once_are_followed(void **state)
{
	AUTO_WRITER struct ledger_writer *w = open_writer(NULL);
	AUTO_READER struct ledger_reader *r = open_reader(0);

	(void)state;
	append(w, 1);
	assert_int_equal(next(r, NULL), 1);
	append(w, 2);
	assert_int_equal(ledger_rotate(w), 0);
	append(w, 3);
	assert_int_equal(ledger_rotate(w), 0);
	append(w, 4);
	assert_reads(r, NUMBERS(2, 3, 4));
	/* The first file is gone, and what it held forgotten. */
	assert_holds(NUMBERS(3, 4));
	append(w, 1);
}

static void a_reader_starts_in_the_file_that_holds_the_number(void **state)
{
	AUTO_WRITER struct ledger_writer *w = open_writer(NULL);

	(void)state;
	append(w, 1);
	append(w, 2);
	assert_int_equal(ledger_rotate(w), 0);
	append(w, 3);
	append(w, 4);
	for (unsigned after = 0; after <= 4; after++) {
		AUTO_READER struct ledger_reader *r = open_reader(after);

		assert_reads(r, NUMBERS(1, 2, 3, 4) + after);
	}
}

enum crash { AFTER_FIRST_RENAME, IN_TEMPORARY_FILE, BEFORE_SECOND_RENAME };

static void a_rotation_that_was_interrupted_is_taken_up(void **state)
{
	(void)state;
	for (enum crash at = AFTER_FIRST_RENAME; at <= BEFORE_SECOND_RENAME; at++) {
		AUTO_BUFFER struct buffer header = BUFFER_INIT(4096);
		AUTO_READER struct ledger_reader *follower = NULL, *late = NULL;
		AUTO_WRITER struct ledger_writer *w = NULL;
		struct ledger_report report;
		uint64_t ends[4];
		char id[LEDGER_ID_MAX];

		(void)unlinkat(dirfd, "ledger", 0);
		(void)unlinkat(dirfd, "ledger.1", 0);
		make_ledger(3, ends);
		follower = open_reader(1);
		memcpy(id, ledger_reader_id(follower), sizeof(id));
		load("ledger", &header);
		header.len = at == IN_TEMPORARY_FILE ? ends[0] / 2 : ends[0];
		assert_int_equal(renameat(dirfd, "ledger", dirfd, "ledger.1"), 0);
		if (at != AFTER_FIRST_RENAME) {
			store("t", header.data, header.len);
			assert_int_equal(renameat(dirfd, "t", dirfd, "ledger.tmp"), 0);
		}
		late = open_reader(2);
		assert_string_equal(ledger_reader_id(late), id);
		assert_reads(follower, NUMBERS(2, 3));
		assert_reads(late, NUMBERS(3));
		w = open_writer(&report);
		assert_true(report.made_new && ledger_last_seq(w) == 3);
		assert_int_equal(try_append(w, 2, NULL), LEDGER_E_KNOWN);
		append(w, 4);
		assert_reads(follower, NUMBERS(4));
		assert_reads(late, NUMBERS(4));
		assert_string_equal(ledger_reader_id(follower), id);
		assert_holds(NUMBERS(1, 2, 3, 4));
	}
}

static void a_rotation_that_fails_leaves_the_old_ledger_in_use(void **state)
{
	AUTO_WRITER struct ledger_writer *w = open_writer(NULL);
	AUTO_READER struct ledger_reader *r = open_reader(0);
	int k;

	(void)state;
	append(w, 1);
	append(w, 2);
	assert_int_equal(mkdirat(dirfd, "ledger.tmp", 0700), 0);
	k = ledger_rotate(w);
	assert_true(k < 0);
	assert_int_equal(next(r, NULL), 1);
	append(w, 3);
	assert_reads(r, NUMBERS(2, 3));
	assert_int_equal(try_append(w, 1, NULL), LEDGER_E_KNOWN);
	assert_int_equal(unlinkat(dirfd, "ledger.tmp", AT_REMOVEDIR), 0);
	assert_int_equal(ledger_rotate(w), 0);
	append(w, 4);
	assert_reads(r, NUMBERS(4));
}

static void a_ledger_made_anew_is_told_once(void **state)
{
	AUTO_WRITER struct ledger_writer *w = open_writer(NULL);
	AUTO_READER struct ledger_reader *r = open_reader(0);
	char id[LEDGER_ID_MAX];
	struct alert a;

	(void)state;
	append(w, 1);
	append(w, 2);
	assert_reads(r, NUMBERS(1, 2));
	memcpy(id, ledger_reader_id(r), sizeof(id));
	w = ledger_writer_free(w);
	assert_int_equal(unlinkat(dirfd, "ledger", 0), 0);
	assert_reads(r, NONE);
	w = open_writer(NULL);
	append(w, 8);
	assert_int_equal(ledger_reader_next(r, &a), LEDGER_E_REPLACED);
	assert_string_not_equal(ledger_reader_id(r), id);
	assert_reads(r, NUMBERS(8));
	assert_int_equal(ledger_rotate(w), 0);
	append(w, 9);
	assert_reads(r, NUMBERS(9));
}

static void a_ledger_that_comes_later_is_found(void **state)
{
	AUTO_READER struct ledger_reader *first = open_reader(0), *marked = open_reader(5);
	AUTO_WRITER struct ledger_writer *w = NULL;
	struct alert a;

	(void)state;
	assert_string_equal(ledger_reader_id(first), "");
	assert_reads(first, NONE);
	assert_int_equal(ledger_reader_sync(first), 0);
	assert_reads(marked, NONE);
	w = open_writer(NULL);
	append(w, 1);
	assert_reads(first, NUMBERS(1));
	assert_int_equal(strlen(ledger_reader_id(first)), 32);
	assert_int_equal(ledger_reader_next(marked, &a), LEDGER_E_REPLACED);
	assert_reads(marked, NUMBERS(1));
}

static void a_ledger_put_back_from_a_backup_is_told(void **state)
{
	AUTO_READER struct ledger_reader *marked = NULL;
	AUTO_WRITER struct ledger_writer *w = NULL;
	uint64_t ends[4];
	struct alert a;

	(void)state;
	make_ledger(3, ends);
	marked = open_reader(4);
	assert_int_equal(ledger_reader_next(marked, &a), LEDGER_E_REPLACED);
	assert_int_equal(next(marked, NULL), 1);
	w = open_writer(NULL);
	append(w, 4);
	assert_reads(marked, NUMBERS(2, 3, 4));
}

static void a_ledger_removed_under_the_writer_goes_on(void **state)
{
	AUTO_WRITER struct ledger_writer *w = open_writer(NULL);
	AUTO_READER struct ledger_reader *r = open_reader(0);

	(void)state;
	append(w, 1);
	assert_reads(r, NUMBERS(1));
	assert_int_equal(unlinkat(dirfd, "ledger", 0), 0);
	append(w, 2);
	assert_reads(r, NUMBERS(2));
	store("ledger", "", 0);
	append(w, 3);
	assert_reads(r, NUMBERS(3));
	assert_holds(NUMBERS(1, 2, 3));
	assert_false(ledger_lost(w));
	assert_int_equal(unlinkat(dirfd, "ledger", 0), 0);
	assert_int_equal(ledger_rotate(w), 0);
	append(w, 4);
	assert_holds(NUMBERS(1, 2, 3, 4));
}

static void a_ledger_emptied_or_written_to_by_others_goes_on(void **state)
{
	AUTO_WRITER struct ledger_writer *w = open_writer(NULL);
	AUTO_READER struct ledger_reader *r = open_reader(0);
	AUTO_CLOSE int fd = openat(dirfd, "ledger", O_RDWR | O_APPEND | O_CLOEXEC);

	(void)state;
	append(w, 1);
	assert_int_equal(io_write_all(fd, "KIND=x\nSEQ", 10), 0);
	append(w, 2);
	assert_reads(r, NUMBERS(1, 2));
	assert_false(ledger_lost(w));
	assert_int_equal(ftruncate(fd, 0), 0);
	append(w, 3);
	assert_true(ledger_lost(w));
	assert_false(ledger_lost(w));
	append(w, 4);
	assert_reads(r, NUMBERS(3, 4));
	assert_holds(NUMBERS(3, 4));
}

static int append_forged(struct ledger_writer *w, unsigned n, uint64_t uid, uint64_t time_usec)
{
	char id[64], message[64];
	struct alert a = numbered(n, id, message);

	a.kind = ALERT_FORGED;
	a.uid_known = true;
	a.uid = uid;
	a.time_usec = time_usec;
	return ledger_append(w, &a);
}

static void the_latest_forged_time_of_a_uid_is_remembered(void **state)
{
	AUTO_WRITER struct ledger_writer *w = open_writer(NULL);

	(void)state;
	append(w, 1);
	assert_int_equal(append_forged(w, 2, 1000, 50), 0);
	assert_int_equal(append_forged(w, 3, 0, 70), 0);
	assert_int_equal(append_forged(w, 4, 1000, 60), 0);
	assert_int_equal(append_forged(w, 5, 1000, 40), 0);
	for (int i = 0; i < 3; i++) {
		assert_true(ledger_forged_until(w, 1000) == 60);
		assert_true(ledger_forged_until(w, 0) == 70);
		assert_true(ledger_forged_until(w, 1) == 0);
		if (i == 0)
			assert_int_equal(ledger_rotate(w), 0);
		w = ledger_writer_free(w);
		w = open_writer(NULL);
	}
	/* Of too many, the oldest gives way. */
	for (unsigned uid = 2; uid < 2 + 256; uid++)
		assert_int_equal(append_forged(w, 100 + uid, uid, 1000 + uid), 0);
	assert_true(ledger_forged_until(w, 1000) == 0);
	assert_true(ledger_forged_until(w, 257) == 1257);
	assert_true(ledger_forged_until(w, 2) == 1002);
}

static int add_seq(void *userdata, const struct alert *a)
{
	uint64_t *sum = userdata;

	*sum = *sum * 10 + a->seq;
	return a->seq == 3 && *sum == 123 ? -EIO : 0;
}

static void each_alert_is_visited_in_order_over_a_rotation(void **state)
{
	AUTO_WRITER struct ledger_writer *w = NULL;
	uint64_t sum = 0, damaged = 1;

	(void)state;
	assert_int_equal(ledger_each(dirfd, add_seq, &sum, &damaged), 0);
	assert_int_equal(sum, 0);
	assert_int_equal(damaged, 0);
	assert_int_equal(ledger_first_seq(dirfd), 0);
	w = open_writer(NULL);
	assert_int_equal(strlen(ledger_id(w)), LEDGER_ID_MAX - 1);
	append(w, 1);
	append(w, 2);
	assert_int_equal(ledger_first_seq(dirfd), 1);
	assert_int_equal(ledger_rotate(w), 0);
	assert_int_equal(ledger_first_seq(dirfd), 3);
	append(w, 3);
	append(w, 4);
	sum = 5;
	assert_int_equal(ledger_each(dirfd, add_seq, &sum, NULL), 0);
	assert_int_equal(sum, 51234);
	sum = 0; /* the callback ends it */
	assert_int_equal(ledger_each(dirfd, add_seq, &sum, NULL), -EIO);
	assert_int_equal(sum, 123);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_root, remove_root)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(each_alert_is_visited_in_order_over_a_rotation),
		TEST(a_new_ledger_is_a_header),
		TEST(appended_alerts_are_read_in_order),
		TEST(known_ids_are_not_appended_again),
		TEST(many_ids_are_all_known),
		TEST(ids_that_are_none_are_refused),
		TEST(reading_starts_after_a_number),
		TEST(an_alert_that_is_too_long_is_cut_and_appended),
		TEST(blocks_up_to_the_maximum_are_read),
		TEST(a_ledger_torn_at_any_byte_keeps_what_is_whole),
		TEST(a_torn_tail_of_any_kind_is_cut_off),
		TEST(a_torn_tail_behind_a_damaged_separator_takes_no_alert_along),
		TEST(a_changed_byte_costs_at_most_its_block),
		TEST(a_damaged_last_block_is_kept_and_its_number_not_given_again),
		TEST(a_page_of_zeros_costs_only_what_it_covers),
		TEST(a_damaged_header_loses_no_alert),
		TEST(a_header_alone_that_is_damaged_is_set_aside),
		TEST(a_later_version_is_left_alone),
		TEST(a_write_cut_short_at_any_byte_leaves_no_trace),
		TEST(a_reader_never_mixes_what_was_cut_off_with_what_came),
		TEST(a_reader_beside_a_writer_sees_whole_alerts_only),
		TEST(a_full_disk_loses_nothing_that_it_took),
		TEST(rotation_goes_on_with_number_and_id),
		TEST(two_rotations_at_once_are_followed),
		TEST(a_reader_starts_in_the_file_that_holds_the_number),
		TEST(a_rotation_that_was_interrupted_is_taken_up),
		TEST(a_rotation_that_fails_leaves_the_old_ledger_in_use),
		TEST(a_ledger_made_anew_is_told_once),
		TEST(a_ledger_that_comes_later_is_found),
		TEST(a_ledger_put_back_from_a_backup_is_told),
		TEST(a_ledger_removed_under_the_writer_goes_on),
		TEST(a_ledger_emptied_or_written_to_by_others_goes_on),
		TEST(the_latest_forged_time_of_a_uid_is_remembered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
