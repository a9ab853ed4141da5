/*
 * A process writes numbered logins through two descriptors and rotates the file under the reader's
 * eyes, at random and with pauses of microseconds; one of its writers opens the new file later than
 * the other. Each login must be returned exactly once. If a copy is truncated, a gap may be
 * reported instead of what cannot be known; if files are renamed, never, even if they are
 * compressed.
 *
 * TORTURE_RUNS= sets how many runs there are of each kind, and TORTURE_SEED= the first one's seed.
 */
#include "tests/unit/logfile_fixture.h"

#define ROTATIONS 24 /* none is deleted, so that the reader can always find them */
#define LOGINS	  20000

enum kind { RENAMED, COPIED, MIXED, PACKED };

struct daemon {
	const char *log;
	uint64_t random;
	enum kind kind;
	unsigned login;
	int fds[2];
};

static unsigned roll(struct daemon *d, unsigned sides)
{
	d->random ^= d->random << 13;
	d->random ^= d->random >> 7;
	d->random ^= d->random << 17;
	return (unsigned)(d->random % sides);
}

static void rest(struct daemon *d)
{
	if (roll(d, 3) == 0)
		(void)usleep(roll(d, roll(d, 8) ? 50 : 3000));
}

static void reopen(struct daemon *d, size_t i)
{
	(void)close(d->fds[i]);
	d->fds[i] = open(d->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
}

static void log_some(struct daemon *d, unsigned which)
{
	for (unsigned n = roll(d, 12); n > 0 && d->login < LOGINS; n--) {
		char user[400], line[600];
		int len = snprintf(user, sizeof(user), "%u", d->login++);

		/* As long as names are, and sometimes longer. */
		memset(user + len, 'x', 300);
		user[len + (int)roll(d, roll(d, 4) ? 5 : 300)] = '\0';
		(void)login_line(line, sizeof(line), user);
		if (write(d->fds[roll(d, which)], line, strlen(line)) < 0)
			_exit(2);
		rest(d);
	}
}

static void shift_names(struct daemon *d, unsigned rotated)
{
	char from[128], to[128];

	for (unsigned i = rotated; i > 0; i--) {
		(void)snprintf(from, sizeof(from), "%s.%u", d->log, i);
		(void)snprintf(to, sizeof(to), "%s.%u", d->log, i + 1);
		if (rename(from, to) == 0)
			continue;
		(void)strcat(from, ".gz");
		(void)strcat(to, ".gz");
		if (rename(from, to) < 0)
			_exit(3);
	}
}

static void rotate_by_copy(struct daemon *d, const char *first)
{
	int in = open(d->log, O_RDWR | O_CLOEXEC);
	int out = open(first, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	char block[1000];
	ssize_t n;

	while ((n = read(in, block, sizeof(block))) > 0) {
		if (write(out, block, (size_t)n) != n)
			_exit(4);
		rest(d);
	}
	(void)close(out);
	rest(d);
	if (ftruncate(in, 0) < 0)
		_exit(5);
	(void)close(in);
}

static void rotate_by_name(struct daemon *d, const char *first)
{
	if (rename(d->log, first) < 0)
		_exit(6);
	rest(d);
	if (roll(d, 2))
		log_some(d, 2);
	reopen(d, 0);
	log_some(d, 2);
	reopen(d, 1);
}

static void compress(const char *name)
{
	pid_t child = fork();
	int status;

	if (child == 0) {
		(void)execlp("gzip", "gzip", "-1", name, NULL);
		_exit(9);
	}
	if (waitpid(child, &status, 0) != child || status != 0)
		_exit(10);
}

static void write_and_rotate(struct daemon *d)
{
	char first[128];

	(void)snprintf(first, sizeof(first), "%s.1", d->log);
	for (unsigned rotated = 0; rotated < ROTATIONS; rotated++) {
		for (unsigned n = roll(d, 5); n > 0; n--)
			log_some(d, 2);
		shift_names(d, rotated);
		rest(d);
		if (d->kind == COPIED || (d->kind == MIXED && roll(d, 2)))
			rotate_by_copy(d, first);
		else
			rotate_by_name(d, first);
		if (d->kind == PACKED && roll(d, 3))
			compress(first);
	}
	log_some(d, 2);
	(void)login_line(first, sizeof(first), "end");
	if (write(d->fds[0], first, strlen(first)) < 0)
		_exit(7);
	_exit(d->login < LOGINS ? 0 : 8);
}

struct seen {
	unsigned times[LOGINS], last, gaps, lost, twice;
	bool end;
};

static void count(struct seen *seen, const struct record *r)
{
	char user[32];
	const char *p = memmem(r->message.p, r->message.n, " for ", 5);
	unsigned long n;

	if (r->kind == RECORD_GAP) {
		seen->gaps++;
		return;
	}
	assert_non_null(p);
	(void)snprintf(user, sizeof(user), "%.20s", p + 5);
	if (strncmp(user, "end ", 4) == 0) {
		seen->end = true;
		return;
	}
	n = strtoul(user, NULL, 10);
	assert_true(n < LOGINS);
	seen->times[n]++;
	if (n >= seen->last)
		seen->last = (unsigned)n + 1;
}

/* Reads as watch does, until the last login and all that is there then. */
static void follow(struct source *s, struct seen *seen)
{
	struct record r;
	uint64_t timeout;
	short events;
	int k;

	for (bool last = false; !last;) {
		struct pollfd p = {.fd = source_wait_fd(s, &events, &timeout), .events = POLLIN};

		last = seen->end;
		if (!last)
			assert_true(poll(&p, 1, 20000) == 1);
		assert_int_equal(source_process(s), 0);
		while ((k = source_next(s, &r)) > 0)
			if (k != SOURCE_AGAIN)
				count(seen, &r);
		assert_int_equal(k, 0);
	}
	for (unsigned i = 0; i < seen->last; i++) {
		seen->lost += seen->times[i] == 0;
		seen->twice += seen->times[i] > 1;
	}
}

static void torture(struct scene *t, enum kind kind, uint64_t seed, struct seen *ret)
{
	static const size_t blocks[] = {200, 1000, LINES_BLOCK};
	struct source_options o = options_of(NULL, true);
	struct daemon d = {.log = t->log, .random = seed * 2654435761 + 1, .kind = kind};
	struct error err;
	struct timespec now;
	int status;
	pid_t child;

	assert_int_equal(clock_gettime(CLOCK_REALTIME, &now), 0);
	o.now_usec = (uint64_t)now.tv_sec * USEC_PER_SEC;
	d.fds[0] = d.fds[1] = -1;
	reopen(&d, 0);
	reopen(&d, 1);
	o.block = blocks[seed % 3];
	assert_int_equal(logfile_open(t->log, &o, &t->source, &err), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0)
		write_and_rotate(&d);
	(void)close(d.fds[0]);
	(void)close(d.fds[1]);
	*ret = (struct seen){.gaps = 0};
	follow(t->source, ret);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

static unsigned long number_of(const char *variable, unsigned long otherwise)
{
	const char *text = getenv(variable);

	return text ? strtoul(text, NULL, 10) : otherwise;
}

static void run(void **state, enum kind kind)
{
	static const char *const names[] = {"renamed", "copied", "mixed", "packed"};
	static struct seen seen;
	unsigned long runs = number_of("TORTURE_RUNS", 3), seed = number_of("TORTURE_SEED", 1);
	unsigned logins = 0, gaps = 0, lost = 0, twice = 0;
	bool truncated = kind == COPIED || kind == MIXED;

	for (unsigned long i = 0; i < runs; i++) {
		if (i > 0) {
			assert_int_equal(tear_down(state), 0);
			assert_int_equal(set_up(state), 0);
		}
		torture(*state, kind, seed + i, &seen);
		logins += seen.last;
		gaps += seen.gaps;
		lost += seen.lost;
		twice += seen.twice;
		if (seen.lost || seen.twice || (!truncated && seen.gaps))
			print_message("# %s, seed %lu: %u of %u lost, %u twice, %u gaps\n",
				      names[kind], seed + i, seen.lost, seen.last, seen.twice,
				      seen.gaps);
	}
	print_message("# %s: %lu runs, %u logins, %u lost, %u twice, %u gaps\n", names[kind], runs,
		      logins, lost, twice, gaps);
	assert_int_equal(twice, 0);
	assert_true(lost == 0 || (truncated && gaps > 0));
	assert_true(truncated || gaps == 0);
}

static void renamed_files_lose_and_repeat_nothing(void **state)
{
	run(state, RENAMED);
}

static void compressed_files_lose_and_repeat_nothing(void **state)
{
	run(state, PACKED);
}

static void truncated_files_lose_nothing_without_a_word(void **state)
{
	run(state, COPIED);
}

static void both_ways_in_turn_lose_nothing_without_a_word(void **state)
{
	run(state, MIXED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(renamed_files_lose_and_repeat_nothing),
		TEST(compressed_files_lose_and_repeat_nothing),
		TEST(truncated_files_lose_nothing_without_a_word),
		TEST(both_ways_in_turn_lose_nothing_without_a_word),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
