/* What waits: every state of an alert, and the answer to every question about it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/timetext.h"
#include "store/delivery_file.h"
#include "store/ledger/writer.h"
#include "store/view.h"

#define NOW   (UINT64_C(1800000000) * USEC_PER_SEC)
#define SEC   USEC_PER_SEC
#define SEQ   5
#define NEVER SCHEDULE_NEVER

static char other[] = "b@c", unnamed[] = "", second[] = "second";
static const char *rcpts[] = {"a@b", other};
static struct config_destination destinations[] = {
	{.name = unnamed, .events = 1U << ALERT_LOGIN, .to = {rcpts, 2}},
	{.name = second, .events = 1U << ALERT_LOGIN, .to = {rcpts, 1}},
};
static const struct config config = {.destinations = destinations,
				     .n_destinations = 1,
				     .interval_usec = 100 * SEC,
				     .repeat_interval_usec = 600 * SEC};

enum frozen { NO_MESSAGE, OF_ALERT, OF_OTHERS, OF_RETRY };

/* One state of alert SEQ, a login that was recorded 50 s ago. Times are seconds from NOW. */
struct state {
	const char *name;
	uint64_t done_up_to;
	bool unwanted, dropped;
	enum delivery_state held; /* DONE: not */
	const char *held_rcpt;
	int held_next;
	uint64_t tries; /* of its queue, the last one 30 s ago and the next in 60 s */
	int last_mail;	/* 0: none */
	enum frozen frozen;
	uint64_t repeats; /* counted of the same login, SEQ among them */
	/* The answers. */
	int why; /* enum view_why; -1: it is not listed */
	int until;
	uint64_t waiting, given_up; /* of status */
	bool tempfail;		    /* exit status 75 */
	int due, once, flush;	    /* of the sender; NONE: never */
	bool settled;		    /* the ledger may be rotated */
};
#define NONE INT32_MAX

static const struct state states[] = {
	{"new, the first ever", .done_up_to = 4, .why = VIEW_NEW, .until = 0, .waiting = 1,
	 .tempfail = true},
	{"new, within Interval=", .done_up_to = 4, .last_mail = -40, .why = VIEW_NEW, .until = 60,
	 .waiting = 1, .tempfail = true, .due = 60},
	{"new, after Interval=", .done_up_to = 4, .last_mail = -140, .why = VIEW_NEW, .until = -40,
	 .waiting = 1, .tempfail = true, .due = -40},
	{"new, after a failure", .done_up_to = 4, .tries = 1, .why = VIEW_BEHIND, .until = 60,
	 .waiting = 1, .tempfail = true, .due = 60},
	{"new, after others that are frozen", .done_up_to = 4, .tries = 1, .frozen = OF_OTHERS,
	 .why = VIEW_BEHIND, .until = 60, .waiting = 1, .tempfail = true, .due = 60},
	{"of a kind that is not in Events=", .done_up_to = 4, .unwanted = true, .why = -1,
	 .due = NONE, .once = NONE, .flush = NONE},
	{"dropped before it was reached", .done_up_to = 4, .dropped = true, .why = -1, .due = NONE,
	 .once = NONE, .flush = NONE},
	{"frozen, not tried", .done_up_to = 4, .frozen = OF_ALERT, .why = VIEW_FROZEN, .until = 0,
	 .waiting = 1, .tempfail = true},
	{"frozen, deferred", .done_up_to = 4, .tries = 1, .frozen = OF_ALERT, .why = VIEW_FROZEN,
	 .until = 60, .waiting = 1, .tempfail = true, .due = 60},
	{"sent", .done_up_to = 5, .why = -1, .due = NONE, .once = NONE, .flush = NONE,
	 .settled = true},
	{"sent, then not in Events=", .done_up_to = 5, .unwanted = true, .why = -1, .due = NONE,
	 .once = NONE, .flush = NONE, .settled = true},
	{"counted as a repeat", .done_up_to = 5, .repeats = 2, .why = VIEW_REPEAT, .until = 560,
	 .due = 560, .once = 560, .flush = 560},
	{"held, deferred", .done_up_to = 5, .held = DELIVERY_DEFERRED, .held_next = 20,
	 .why = VIEW_DEFERRED, .until = 20, .waiting = 1, .tempfail = true, .due = 20},
	{"held, deferred, due", .done_up_to = 5, .held = DELIVERY_DEFERRED, .held_next = -20,
	 .why = VIEW_DEFERRED, .until = -20, .waiting = 1, .tempfail = true},
	{"held, deferred for one recipient", .done_up_to = 5, .held = DELIVERY_DEFERRED,
	 .held_rcpt = "b@c", .held_next = 20, .why = VIEW_DEFERRED, .until = 20, .waiting = 1,
	 .tempfail = true, .due = 20},
	{"held, refused", .done_up_to = 5, .held = DELIVERY_REFUSED, .held_next = 3600,
	 .why = VIEW_REFUSED, .until = 3600, .waiting = 1, .tempfail = true, .due = 3600,
	 .once = 3600},
	{"held, refused, not in Events= any more", .done_up_to = 5, .unwanted = true,
	 .held = DELIVERY_REFUSED, .held_next = 3600, .why = VIEW_REFUSED, .until = 3600,
	 .waiting = 1, .tempfail = true, .due = 3600, .once = 3600},
	{"held and frozen again", .done_up_to = 5, .held = DELIVERY_REFUSED, .held_next = -5,
	 .frozen = OF_RETRY, .why = VIEW_REFUSED, .until = -5, .waiting = 1, .tempfail = true},
	{"given up", .done_up_to = 5, .held = DELIVERY_GIVEN_UP, .why = VIEW_GIVEN_UP,
	 .until = NONE, .given_up = 1, .due = NONE, .once = NONE, .flush = NONE, .settled = true},
};

struct scene {
	struct delivery *d;
	struct delivery_destination *dest;
	struct view_destination v;
	struct alert a;
	uint64_t newest;
};

static uint64_t at(int seconds)
{
	return seconds == NONE ? NEVER : NOW + (uint64_t)((int64_t)seconds * (int64_t)SEC);
}

static struct spool_message *message(uint64_t seq)
{
	struct spool_message *o = spool_new();

	assert_non_null(o);
	assert_int_equal(spool_add_alert(o, seq), 0);
	(void)snprintf(o->message_id, sizeof(o->message_id), "<1@h>");
	return o;
}

static void set(struct scene *s, const struct state *t)
{
	struct delivery_queue *queue;

	*s = (struct scene){.d = delivery_new(),
			    .a = {.kind = t->unwanted ? ALERT_GAP : ALERT_LOGIN,
				  .readable = true,
				  .seq = SEQ,
				  .user = SLICE_LITERAL("u"),
				  .noted_usec = NOW - 50 * SEC}};
	assert_non_null(s->d);
	(void)delivery_set_ledger(s->d, "ledger");
	s->dest = delivery_add(s->d, "");
	assert_non_null(s->dest);
	queue = &s->dest->queues[DELIVERY_LOGIN];
	queue->done_up_to = t->done_up_to;
	s->dest->queues[DELIVERY_FORGED].done_up_to = SEQ;
	if (t->last_mail)
		queue->last_mail_usec = at(t->last_mail);
	queue->tries = t->tries;
	queue->last_try_usec = t->tries ? at(-30) : 0;
	queue->next_try_usec = t->tries ? at(60) : 0;
	if (t->held != DELIVERY_DONE) {
		const struct delivery_held x = {.state = t->held,
						.class = DELIVERY_LOGIN,
						.first = 4,
						.last = SEQ,
						.tries = 3,
						.last_try_usec = at(-30),
						.next_try_usec = at(t->held_next),
						.rcpt = (char *)t->held_rcpt};

		assert_int_equal(delivery_hold(s->dest, &x), 0);
	}
	if (t->repeats) {
		struct delivery_repeat *p =
			delivery_repeat_add(s->dest, delivery_repeat_key(&s->a));

		assert_non_null(p);
		*p = (struct delivery_repeat){p->key, at(-40), t->repeats, SEQ - 1, SEQ};
	}
	if (t->dropped)
		assert_int_equal(delivery_drop(s->dest, DELIVERY_LOGIN, SEQ), 0);
	s->v = (struct view_destination){
		.config = &config, .to = &destinations[0], .done = s->dest};
	if (t->frozen == OF_ALERT)
		s->v.frozen[DELIVERY_LOGIN] = message(SEQ);
	if (t->frozen == OF_OTHERS)
		s->v.frozen[DELIVERY_LOGIN] = message(SEQ - 1);
	if (t->frozen == OF_RETRY)
		s->v.frozen[DELIVERY_RETRY] = message(SEQ);
	/* As the sender notes it when it reads the ledger. */
	s->newest = view_wants(s->v.to, &s->a) && !t->dropped ? SEQ : 0;
}

static void end(struct scene *s)
{
	for (int q = 0; q < DELIVERY_QUEUES; q++)
		(void)spool_free(s->v.frozen[q]);
	(void)delivery_free(s->d);
}

static struct view_queue queue_of(const struct scene *s, int name, enum view_run run)
{
	return (struct view_queue){.config = &config,
				   .done = s->dest,
				   .name = (enum delivery_queue_name)name,
				   .newest = name == DELIVERY_LOGIN ? s->newest : 0,
				   .frozen = s->v.frozen[name] != NULL,
				   .run = run,
				   .begin_usec = NOW};
}

static uint64_t due(const struct scene *s, enum view_run run)
{
	uint64_t least = NEVER;

	for (int name = 0; name < DELIVERY_QUEUES; name++) {
		const struct view_queue q = queue_of(s, name, run);
		uint64_t this = view_queue_due(&q, NOW);

		least = this < least ? this : least;
	}
	return least;
}

static bool waits(const struct scene *s)
{
	for (int name = 0; name < DELIVERY_QUEUES; name++) {
		const struct view_queue q = queue_of(s, name, VIEW_WHEN_DUE);

		if (view_queue_waits(&q))
			return true;
	}
	return false;
}

static void check(const struct scene *s, const struct state *t)
{
	struct view_sum sum = {0};
	struct view_entry e;
	size_t place = 0;
	bool listed = view_next(&s->v, &s->a, NOW, &place, &e);

	assert_int_equal(listed, t->why >= 0);
	if (listed) {
		assert_int_equal(e.why, t->why);
		assert_int_equal(e.until_usec, at(t->until));
		assert_int_equal(e.since_usec, NOW - 50 * SEC);
		assert_int_equal(e.message_id != NULL,
				 t->frozen == OF_ALERT || t->frozen == OF_RETRY);
		assert_false(view_next(&s->v, &s->a, NOW, &place, &e));
	}
	view_add(&sum, &s->v, &s->a, NOW);
	assert_int_equal(sum.waiting, t->waiting);
	assert_int_equal(sum.given_up, t->given_up);
	assert_int_equal(sum.since_usec, t->waiting ? NOW - 50 * SEC : 0);
	assert_int_equal(waits(s), t->tempfail);
	assert_int_equal(due(s, VIEW_WHEN_DUE), at(t->due));
	assert_int_equal(due(s, VIEW_ONCE), at(t->once));
	assert_int_equal(due(s, VIEW_FLUSH), at(t->flush));
	assert_int_equal(view_settled(&config, s->d, "ledger", SEQ), t->settled);
}

static void each_state_has_one_answer(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(states); i++) {
		struct scene s;

		print_message("# %s\n", states[i].name);
		set(&s, &states[i]);
		check(&s, &states[i]);
		/* What is listed as waiting is what status counts and 75 means. */
		assert_int_equal(states[i].waiting > 0, states[i].tempfail);
		/* What waits keeps the ledger. */
		assert_false(states[i].tempfail && states[i].settled);
		end(&s);
	}
}

static void an_alert_may_wait_for_one_and_be_given_up_for_another(void **state)
{
	static const struct state refused = {
		.done_up_to = 5, .held = DELIVERY_REFUSED, .held_rcpt = "a@b"};
	struct delivery_held x = {.state = DELIVERY_GIVEN_UP,
				  .class = DELIVERY_LOGIN,
				  .first = SEQ,
				  .last = SEQ,
				  .rcpt = other};
	struct view_sum sum = {0};
	struct view_entry e;
	struct scene s;
	size_t place = 0;

	(void)state;
	set(&s, &refused);
	assert_int_equal(delivery_hold(s.dest, &x), 0);
	assert_true(view_next(&s.v, &s.a, NOW, &place, &e));
	assert_int_equal(e.why, VIEW_REFUSED);
	assert_string_equal(e.rcpt, "a@b");
	assert_true(view_next(&s.v, &s.a, NOW, &place, &e));
	assert_int_equal(e.why, VIEW_GIVEN_UP);
	assert_string_equal(e.rcpt, "b@c");
	assert_false(view_next(&s.v, &s.a, NOW, &place, &e));
	view_add(&sum, &s.v, &s.a, NOW);
	assert_int_equal(sum.waiting, 1);
	assert_int_equal(sum.given_up, 1);
	end(&s);
}

static void a_recipient_that_is_not_configured_waits_for_nothing(void **state)
{
	static const struct state gone = {
		.done_up_to = 5, .held = DELIVERY_REFUSED, .held_rcpt = "c@d"};
	struct view_entry e;
	struct scene s;
	size_t place = 0;

	(void)state;
	set(&s, &gone);
	assert_false(view_next(&s.v, &s.a, NOW, &place, &e));
	end(&s);
}

static void a_new_destination_begins_where_the_others_are(void **state)
{
	static const struct config two = {.destinations = destinations, .n_destinations = 2};
	static const struct state sent = {.done_up_to = 5};
	struct delivery_destination begin;
	struct scene s;

	(void)state;
	set(&s, &sent);
	view_begin(s.d, 0, &begin);
	assert_int_equal(begin.queues[DELIVERY_LOGIN].done_up_to, 5);
	assert_int_equal(view_state(&destinations[1], &begin, &s.a), DELIVERY_DONE);
	assert_true(view_settled(&two, s.d, "ledger", 5));
	assert_false(view_settled(&two, s.d, "ledger", 6));
	assert_false(view_settled(&two, s.d, "another", 5));
	delivery_remove(s.d, s.dest);
	view_begin(s.d, 0, &begin);
	assert_int_equal(begin.queues[DELIVERY_LOGIN].done_up_to, 0);
	assert_false(view_settled(&two, s.d, "ledger", 5));
	view_begin(s.d, 4, &begin);
	assert_int_equal(begin.queues[DELIVERY_LOGIN].done_up_to, 3);
	end(&s);
}

/* ---- files ---- */

static unsigned faults;

static void count_fault(const struct error *fault, void *userdata)
{
	assert_true(fault->text[0] != '\0');
	assert_null(userdata);
	faults++;
}

static int directory(void)
{
	char path[] = "/tmp/test_view.XXXXXX";
	int fd;

	assert_non_null(mkdtemp(path));
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

static void add_alert(int dirfd, char id[LEDGER_ID_MAX])
{
	struct alert a = {.kind = ALERT_LOGIN,
			  .readable = true,
			  .id = SLICE_LITERAL("00000000000000000000000000000001")};
	struct ledger_writer *w = NULL;
	struct ledger_report found;

	assert_int_equal(ledger_writer_open(dirfd, &w, &found, NULL), 0);
	assert_int_equal(ledger_append(w, &a), 0);
	(void)snprintf(id, LEDGER_ID_MAX, "%s", ledger_id(w));
	(void)ledger_writer_free(w);
}

static void a_view_of_nothing_has_nothing(void **state)
{
	AUTO_CLOSE int dirfd = directory();
	struct view v;

	(void)state;
	faults = 0;
	assert_int_equal(view_load(dirfd, dirfd, &config, count_fault, NULL, &v), 0);
	assert_int_equal(v.n, 1);
	assert_int_equal(v.destinations[0].done->queues[DELIVERY_LOGIN].done_up_to, 0);
	assert_false(v.faulty);
	assert_int_equal(faults, 0);
	view_done(&v);
}

static void progress_in_another_ledger_is_none(void **state)
{
	AUTO_CLOSE int dirfd = directory();
	AUTO_DELIVERY struct delivery *d = delivery_new();
	struct delivery_destination *dest = delivery_add(d, "");
	char id[LEDGER_ID_MAX];
	struct view v;

	(void)state;
	add_alert(dirfd, id);
	dest->queues[DELIVERY_LOGIN].done_up_to = 9;
	(void)delivery_set_ledger(d, id);
	assert_int_equal(delivery_save(dirfd, d), 0);
	assert_int_equal(view_load(dirfd, dirfd, &config, count_fault, NULL, &v), 0);
	assert_int_equal(v.destinations[0].done->queues[DELIVERY_LOGIN].done_up_to, 9);
	view_done(&v);
	(void)snprintf(d->ledger_id, sizeof(d->ledger_id), "%032d", 7);
	assert_int_equal(delivery_save(dirfd, d), 0);
	assert_int_equal(view_load(dirfd, dirfd, &config, count_fault, NULL, &v), 0);
	assert_int_equal(v.destinations[0].done->queues[DELIVERY_LOGIN].done_up_to, 0);
	view_done(&v);
}

static void freeze(int dirfd, const char *id, enum delivery_queue_name queue, uint64_t serial)
{
	AUTO_SPOOL_MESSAGE struct spool_message *o = message(1);
	char file[SPOOL_NAME_MAX];

	(void)snprintf(o->ledger_id, sizeof(o->ledger_id), "%s", id);
	o->queue = queue;
	o->serial = serial;
	assert_int_equal(spool_add_rcpt(o, "a@b", SPOOL_OPEN), 0);
	assert_int_equal(buffer_append_str(&o->mail, "x"), 0);
	spool_name("", queue, file);
	assert_int_equal(spool_prepare(dirfd), 0);
	assert_int_equal(spool_save(dirfd, file, o), 0);
}

static void frozen_messages_are_found_unless_they_are_done_with(void **state)
{
	AUTO_CLOSE int dirfd = directory();
	AUTO_DELIVERY struct delivery *d = delivery_new();
	struct delivery_destination *dest = delivery_add(d, "");
	char id[LEDGER_ID_MAX], file[SPOOL_NAME_MAX];
	const struct view_destination *to;
	struct view v;
	int fd;

	(void)state;
	add_alert(dirfd, id);
	(void)delivery_set_ledger(d, id);
	dest->queues[DELIVERY_LOGIN].serial = 1;
	dest->queues[DELIVERY_FORGED].serial = 1;
	assert_int_equal(delivery_save(dirfd, d), 0);
	freeze(dirfd, id, DELIVERY_LOGIN, 2);
	freeze(dirfd, id, DELIVERY_FORGED, 1);
	freeze(dirfd, "0123", DELIVERY_RETRY, 1);
	faults = 0;
	assert_int_equal(view_load(dirfd, dirfd, &config, count_fault, NULL, &v), 0);
	to = &v.destinations[0];
	assert_non_null(to->frozen[DELIVERY_LOGIN]);
	assert_null(to->frozen[DELIVERY_FORGED]);
	assert_null(to->frozen[DELIVERY_RETRY]);
	assert_int_equal(to->earlier, 1);
	assert_int_equal(faults, 0);
	view_done(&v);
	spool_name("", DELIVERY_LOGIN, file);
	fd = openat(dirfd, file, O_WRONLY | O_TRUNC | O_CLOEXEC);
	assert_true(fd >= 0);
	(void)close(fd);
	assert_int_equal(view_load(dirfd, dirfd, &config, count_fault, NULL, &v), 0);
	assert_null(v.destinations[0].frozen[DELIVERY_LOGIN]);
	assert_true(v.faulty);
	assert_int_equal(faults, 1);
	view_done(&v);
}

static void of_a_damaged_delivery_the_ledger_is_sent_again(void **state)
{
	AUTO_CLOSE int dirfd = directory();
	char id[LEDGER_ID_MAX];
	struct view v;
	int fd;

	(void)state;
	add_alert(dirfd, id);
	fd = openat(dirfd, DELIVERY_FILE, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	(void)close(fd);
	faults = 0;
	assert_int_equal(view_load(dirfd, dirfd, &config, count_fault, NULL, &v), 0);
	assert_true(v.damaged);
	assert_true(v.faulty);
	assert_int_equal(faults, 1);
	assert_int_equal(v.destinations[0].done->queues[DELIVERY_LOGIN].done_up_to, 0);
	view_done(&v);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_state_has_one_answer),
		cmocka_unit_test(an_alert_may_wait_for_one_and_be_given_up_for_another),
		cmocka_unit_test(a_recipient_that_is_not_configured_waits_for_nothing),
		cmocka_unit_test(a_new_destination_begins_where_the_others_are),
		cmocka_unit_test(a_view_of_nothing_has_nothing),
		cmocka_unit_test(progress_in_another_ledger_is_none),
		cmocka_unit_test(frozen_messages_are_found_unless_they_are_done_with),
		cmocka_unit_test(of_a_damaged_delivery_the_ledger_is_sent_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
