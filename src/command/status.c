/*
 * From the files of the state alone: whoever may read them sees it, whether reader and sender run
 * or not.
 */
#include "command/status.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/timetext.h"
#include "command/row.h"
#include "command/state_view.h"
#include "store/last_good.h"
#include "store/ledger/reader.h"
#include "store/position.h"
#include "store/state.h"

struct status {
	struct state_view state;
	struct view_sum *sums; /* of the view's destinations */
	uint64_t alerts, damaged;
	uint64_t last_usec;
	struct buffer last; /* what the last alert reports */
};

/* "TIME, 3min ago" */
static void print_time(const struct status *s, uint64_t usec)
{
	char when[TIMETEXT_MAX], ago[TIMETEXT_MAX];

	printf("%s", timetext_local(usec, when));
	if (usec <= s->state.now_usec)
		printf(", %s ago", timetext_duration(s->state.now_usec - usec, ago));
}

static void print_process(int dirfd, enum state_part part, const char *name)
{
	pid_t pid;

	switch (state_process(dirfd, part, &pid)) {
	case STATE_RUNS:
		printf("%-10s runs (process %d)\n", name, (int)pid);
		break;
	case STATE_UNKNOWN:
		printf("%-10s unknown: process %d cannot be seen\n", name, (int)pid);
		break;
	case STATE_STOPPED:
		printf("%-10s does not run\n", name);
	}
}

/* What the reader itself wrote, since others may not be able to read its files. */
static void print_fault(const struct status *s)
{
	AUTO_LAST_GOOD struct last_good good = {0};

	if (last_good_load(s->state.dirfd, STATE_READER, &good) != 0 || !good.fault[0])
		return;
	printf("old rules in force: ");
	row_print_safe(slice_of(good.fault));
	printf("\n%-10s in force since ", "rules");
	print_time(s, good.since_usec);
	printf("\n");
}

static int print_position(const struct status *s)
{
	AUTO_POSITION struct position position = POSITION_INIT;
	struct error err = {0};
	int r = position_load(s->state.dirfd, &position, &err);

	printf("%-10s ", "position");
	if (r == POSITION_E_NONE) {
		printf("none yet\n");
		return 0;
	}
	if (r == POSITION_E_DAMAGED) {
		printf("%s\n", err.text);
		return 0;
	}
	if (r < 0)
		return r;
	printf("all was read until ");
	print_time(s, position.time_usec);
	printf("\n");
	return 0;
}

static int look_at(void *userdata, const struct alert *a)
{
	struct status *s = userdata;

	s->alerts++;
	s->last_usec = a->noted_usec;
	buffer_clear(&s->last);
	(void)buffer_append_str(&s->last, alert_kind_names[a->kind]);
	if (a->user.n > 0 && buffer_append_str(&s->last, " of ") == 0)
		(void)buffer_append_slice(&s->last, a->user);
	if (a->addr.n > 0 && buffer_append_str(&s->last, " from ") == 0)
		(void)buffer_append_slice(&s->last, a->addr);
	for (size_t i = 0; i < s->state.view.n; i++)
		view_add(&s->sums[i], &s->state.view.destinations[i], a, s->state.now_usec);
	return 0;
}

static void print_ledger(const struct status *s)
{
	printf("%-10s %" PRIu64 " alerts", "ledger", s->alerts);
	if (s->damaged)
		printf(" and %" PRIu64 " damaged", s->damaged);
	if (s->alerts > 0) {
		printf("; the last, ");
		row_print_safe(buffer_slice(&s->last));
		printf(", ");
		print_time(s, s->last_usec);
	}
	printf("\n");
}

static void print_sending(const struct status *s, const struct view_destination *v)
{
	const struct delivery_destination *d = v->done;
	uint64_t next = view_retry_usec(v);
	char in[TIMETEXT_MAX];

	if (d->mailed[0]) {
		uint64_t last = 0;

		for (size_t i = 0; i < DELIVERY_QUEUES; i++)
			if (d->queues[i].last_mail_usec > last)
				last = d->queues[i].last_mail_usec;
		printf("  last mail  ");
		row_print_safe(slice_of(d->mailed));
		printf(" ");
		print_time(s, last);
		printf("\n  answer     ");
		row_print_safe(slice_of(d->reply));
		printf("\n");
	}
	if (d->failure[0]) {
		printf("  failure    ");
		row_print_safe(slice_of(d->failure));
		printf("\n");
	}
	if (next > s->state.now_usec)
		printf("  next try   in %s\n", timetext_duration(next - s->state.now_usec, in));
}

static void print_destination(const struct status *s, size_t i)
{
	const struct view_destination *v = &s->state.view.destinations[i];
	const struct view_sum *sum = &s->sums[i];

	row_print_destination(v->to->name);
	if (sum->waiting == 0) {
		printf("  nothing waits");
	} else {
		printf("  %" PRIu64 " alerts wait, the first since ", sum->waiting);
		print_time(s, sum->since_usec);
	}
	if (sum->given_up > 0)
		printf("; %" PRIu64 " were given up", sum->given_up);
	if (v->earlier > 0)
		printf("; messages of an earlier ledger wait");
	printf("\n");
	print_sending(s, v);
}

static int show(struct status *s)
{
	bool waits = false;
	int r;

	printf("%-10s %s\n", "state", s->state.path.data);
	print_fault(s);
	print_process(s->state.dirfd, STATE_READER, "reader");
	print_process(s->state.deliver_dirfd, STATE_DELIVER, "sender");
	r = print_position(s);
	if (r == 0)
		r = ledger_each(s->state.dirfd, look_at, s, &s->damaged);
	if (r < 0) {
		log_error("the state cannot be read: %s", strerror(-r));
		return STATUS_FAILED;
	}
	print_ledger(s);
	for (size_t i = 0; i < s->state.view.n; i++) {
		print_destination(s, i);
		waits |= s->sums[i].waiting > 0 || s->state.view.destinations[i].earlier > 0;
	}
	return waits ? STATUS_TEMPFAIL : STATUS_DONE;
}

int command_status(const struct options *options)
{
	struct status s = {.last = BUFFER_INIT(ALERT_BLOCK_MAX)};
	int r = state_view_open(options, &s.state);

	if (r == STATUS_DONE) {
		s.sums = calloc(s.state.view.n, sizeof(*s.sums));
		r = s.sums ? show(&s) : STATUS_FAILED;
	}
	free(s.sums);
	buffer_done(&s.last);
	state_view_close(&s.state);
	return r;
}
