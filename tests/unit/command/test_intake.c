/* Records of a source become alerts in the ledger, and the position never overtakes them. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/timetext.h"
#include "command/intake.h"
#include "store/ledger/reader.h"
#include "store/position.h"

#define ENTRIES 8

/* A source of records that the test writes down. */
struct fake {
	struct source head;
	size_t at, n;
	size_t fails_at; /* the details of this record fail; 0: of none */
	size_t again_at; /* SOURCE_AGAIN comes after this record; 0: never */
	struct {
		const char *user;
		uint64_t uid; /* 0: sshd wrote it */
	} entries[ENTRIES];
	char message[128], identity[32], position[32];
};

static int fake_next(struct source *source, struct record *ret)
{
	struct fake *f = (struct fake *)source;

	if (f->at == f->n)
		return 0;
	if (f->at == f->again_at && f->at > 0) {
		f->again_at = 0;
		return SOURCE_AGAIN;
	}
	(void)snprintf(f->message, sizeof(f->message),
		       "Accepted publickey for %s from 203.0.113.9 port 22 ssh2",
		       f->entries[f->at++].user);
	*ret = (struct record){.message = slice_of(f->message)};
	return 1;
}

static int fake_position(struct source *source, uint64_t read_until_usec, struct slice *ret)
{
	struct fake *f = (struct fake *)source;

	(void)read_until_usec;
	(void)snprintf(f->position, sizeof(f->position), "fake %zu", f->at);
	*ret = slice_of(f->position);
	return 0;
}

static int fake_details(struct source *source, struct record *r)
{
	struct fake *f = (struct fake *)source;

	if (f->at == f->fails_at)
		return -EIO;
	(void)snprintf(f->identity, sizeof(f->identity), "record %zu", f->at);
	r->identity = slice_of(f->identity);
	r->uid_known = true;
	r->uid = f->entries[f->at - 1].uid;
	r->trusted = r->uid == 0;
	r->realtime_usec = 1000 + f->at;
	return fake_position(source, 0, &r->position);
}

static void fake_progress(struct source *source, struct source_progress *ret)
{
	(void)source;
	*ret = (struct source_progress){0};
}

static const struct source_ops fake_ops = {.next = fake_next,
					   .details = fake_details,
					   .position = fake_position,
					   .progress = fake_progress};

static char root[128];
static char part[160]; /* the reader's */
static struct options options;
static struct config config;
static struct session session;
static struct fake fake;
static struct intake *intake;

static void start(void)
{
	session = (struct session){.options = &options,
				   .config = &config,
				   .source = &fake.head,
				   .progress.quiet = true};
	session.whitelist = whitelist_new();
	assert_non_null(session.whitelist);
	assert_int_equal(
		whitelist_add(session.whitelist, SLICE_LITERAL("allow user=ada\n"), "w", NULL), 0);
	assert_int_equal(whitelist_build(session.whitelist), 0);
	assert_int_equal(judge_new(&config, session.whitelist, &session.judge, NULL), 0);
	assert_int_equal(intake_open(&session, &intake), STATUS_DONE);
}

static void stop(void)
{
	intake = intake_free(intake);
	(void)judge_free(session.judge);
	(void)whitelist_free(session.whitelist);
}

static int set_up(void **state)
{
	(void)state;
	(void)snprintf(root, sizeof(root), "%s/loginbell-test-XXXXXX",
		       getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
	if (!mkdtemp(root))
		return -1;
	(void)snprintf(part, sizeof(part), "%s/reader", root);
	options = (struct options){.state_directory = root};
	config = (struct config){0};
	fake = (struct fake){.head.ops = &fake_ops};
	start();
	return 0;
}

static int tear_down(void **state)
{
	char command[256];

	(void)state;
	stop();
	(void)snprintf(command, sizeof(command), "rm -rf '%s'", root);
	return system(command);
}

static void add(const char *user, uint64_t uid)
{
	assert_true(fake.n < ENTRIES);
	fake.entries[fake.n].user = user;
	fake.entries[fake.n++].uid = uid;
}

/* The ledger as "KIND USER COUNT" for each alert. */
static void assert_ledger(const char *want)
{
	AUTO_BUFFER struct buffer b = BUFFER_INIT(4096);
	AUTO_CLOSE int dirfd = open(part, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct ledger_reader *reader = NULL;
	struct alert a;
	int r;

	assert_int_equal(ledger_reader_open(dirfd, 0, &reader, NULL), 0);
	while ((r = ledger_reader_next(reader, &a)) > 0)
		assert_int_equal(buffer_printf(&b, "%s %.*s %u\n", alert_kind_names[a.kind],
					       (int)a.user.n, a.user.n ? a.user.p : "",
					       (unsigned)a.count),
				 0);
	assert_int_equal(r, 0);
	(void)ledger_reader_free(reader);
	assert_string_equal(buffer_cstr(&b), want);
}

/* @want is NULL if there is none. */
static void assert_position(const char *want)
{
	AUTO_POSITION struct position p = POSITION_INIT;
	AUTO_CLOSE int dirfd = open(part, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r = position_load(dirfd, &p, NULL);

	assert_int_equal(r, want ? 0 : POSITION_E_NONE);
	if (want)
		assert_string_equal(p.text.data, want);
}

static void logins_are_recorded_before_the_position(void **state)
{
	(void)state;
	add("ada", 0);
	add("bob", 0);
	add("eve", 0);
	assert_int_equal(intake_drain(intake, INTAKE_FOLLOWING), 0);
	assert_ledger("login bob 0\nlogin eve 0\n");
	assert_position("fake 3");
	assert_int_equal(intake_counts(intake).logins, 3);
	assert_int_equal(intake_counts(intake).alerts, 2);
}

static void a_source_that_fails_leaves_the_position_before_the_rest(void **state)
{
	(void)state;
	add("bob", 0);
	assert_int_equal(intake_drain(intake, INTAKE_FOLLOWING), 0);
	add("eve", 0);
	add("mallory", 0);
	fake.fails_at = 3;
	assert_int_equal(intake_drain(intake, INTAKE_FOLLOWING), -EIO);
	assert_ledger("login bob 0\nlogin eve 0\n");
	assert_position("fake 1");
	/* What is read again is known. */
	fake.at = 1;
	fake.fails_at = 0;
	assert_int_equal(intake_drain(intake, INTAKE_FOLLOWING), 0);
	assert_ledger("login bob 0\nlogin eve 0\nlogin mallory 0\n");
	assert_position("fake 3");
}

static void the_position_waits_for_forged_records_that_are_held(void **state)
{
	(void)state;
	add("root", 1000);
	assert_int_equal(intake_drain(intake, INTAKE_FOLLOWING), 0);
	assert_position("fake 1");
	add("root", 1000);
	add("root", 1000);
	assert_int_equal(intake_drain(intake, INTAKE_FOLLOWING), 0);
	assert_ledger("forged root 0\n");
	assert_position("fake 1");
	assert_true(intake_due(intake) != UINT64_MAX);
	add("bob", 0);
	assert_int_equal(intake_drain(intake, INTAKE_FOLLOWING), 0);
	assert_position("fake 1");
	assert_int_equal(intake_drain(intake, INTAKE_FINAL), 0);
	assert_ledger("forged root 0\nlogin bob 0\nforged root 2\n");
	assert_position("fake 4");
}

/* After a crash the held records are read again, and those in the ledger are not counted twice. */
static void held_records_are_counted_once_over_a_restart(void **state)
{
	(void)state;
	add("root", 1000);
	add("root", 1000);
	assert_int_equal(intake_drain(intake, INTAKE_FOLLOWING), 0);
	assert_ledger("forged root 0\n");
	stop();
	fake.at = 0;
	start();
	assert_int_equal(intake_drain(intake, INTAKE_FINAL), 0);
	assert_ledger("forged root 0\nforged root 0\n");
	stop();
	fake.at = 0;
	start();
	assert_int_equal(intake_drain(intake, INTAKE_FINAL), 0);
	assert_ledger("forged root 0\nforged root 0\n");
	assert_position("fake 2");
}

static void held_records_are_counted_once_over_a_failure(void **state)
{
	(void)state;
	assert_int_equal(intake_drain(intake, INTAKE_FOLLOWING), 0); /* the end was read */
	add("root", 1000);
	add("root", 1000);
	add("bob", 0);
	fake.fails_at = 3;
	assert_int_equal(intake_drain(intake, INTAKE_FOLLOWING), -EIO);
	assert_ledger("forged root 0\n");
	assert_position("fake 0");
	fake.at = 0;
	fake.fails_at = 0;
	assert_int_equal(intake_drain(intake, INTAKE_FINAL), 0);
	assert_ledger("forged root 0\nlogin bob 0\nforged root 1\n");
	assert_position("fake 3");
}

static void a_signal_ends_a_catch_up_with_the_rest_for_the_next(void **state)
{
	const struct position *position;

	(void)state;
	session.stop_usec = 1; /* long ago */
	add("bob", 0);
	add("eve", 0);
	fake.again_at = 1;
	assert_int_equal(intake_drain(intake, INTAKE_FINAL), 0);
	assert_ledger("login bob 0\n");
	assert_int_equal(intake_position(intake, &position), STATUS_DONE);
	assert_string_equal(position->text.data, "fake 1");
	assert_int_equal(position->time_usec, 1001); /* of the last alert */
	assert_int_equal(intake_drain(intake, INTAKE_FINAL), 0);
	assert_ledger("login bob 0\nlogin eve 0\n");
}

static void remove_file(const char *name)
{
	char path[256];

	(void)snprintf(path, sizeof(path), "%s/%s", part, name);
	assert_int_equal(unlink(path), 0);
}

static void a_position_that_is_removed_meanwhile_is_known(void **state)
{
	const struct position *position;

	(void)state;
	add("bob", 0);
	assert_int_equal(intake_drain(intake, INTAKE_FOLLOWING), 0);
	remove_file(POSITION_NAME);
	assert_int_equal(intake_position(intake, &position), STATUS_DONE);
	assert_string_equal(position->text.data, "fake 1");
	assert_ledger("login bob 0\n");
}

static void a_position_that_was_removed_is_reported_and_recovered(void **state)
{
	const struct position *position;

	(void)state;
	assert_int_equal(intake_position(intake, &position), STATUS_DONE);
	assert_null(position); /* the first start */
	add("bob", 0);
	add("ada", 0);
	assert_int_equal(intake_drain(intake, INTAKE_FOLLOWING), 0);
	stop();
	remove_file(POSITION_NAME);
	start();
	assert_int_equal(intake_position(intake, &position), STATUS_DONE);
	assert_string_equal(position->text.data, "fake 1");
	assert_ledger("login bob 0\ngap  0\n");
	assert_int_equal(intake_position(intake, &position), STATUS_DONE);
	assert_ledger("login bob 0\ngap  0\n"); /* once an hour */
}

static void a_ledger_that_was_removed_is_reported(void **state)
{
	(void)state;
	add("bob", 0);
	assert_int_equal(intake_drain(intake, INTAKE_FOLLOWING), 0);
	stop();
	remove_file("ledger");
	start();
	assert_ledger("gap  0\n");
	assert_position("fake 1");
}

static void one_reader_at_a_time(void **state)
{
	struct intake *second = NULL;

	(void)state;
	assert_int_equal(intake_open(&session, &second), STATUS_LOCKED);
	assert_null(second);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(logins_are_recorded_before_the_position),
		CASE(a_source_that_fails_leaves_the_position_before_the_rest),
		CASE(the_position_waits_for_forged_records_that_are_held),
		CASE(held_records_are_counted_once_over_a_restart),
		CASE(held_records_are_counted_once_over_a_failure),
		CASE(a_signal_ends_a_catch_up_with_the_rest_for_the_next),
		CASE(a_position_that_is_removed_meanwhile_is_known),
		CASE(a_position_that_was_removed_is_reported_and_recovered),
		CASE(a_ledger_that_was_removed_is_reported),
		CASE(one_reader_at_a_time),
	};

	log_init("test");
	log_set_max_level(LOG_EMERG); /* damage is logged at crit */
	return cmocka_run_group_tests_name("intake", tests, NULL, NULL);
}
