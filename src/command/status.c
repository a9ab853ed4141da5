/*
 * How it stands, from the files of the state alone: whoever may read them sees it, whether reader
 * and sender run or not. That they run is known by their locks; looking takes a shared lock for a
 * moment, which whoever starts just then waits for.
 */
#include "command/status.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/timetext.h"
#include "command/session.h"
#include "command/state_view.h"
#include "config.h"
#include "store/delivery.h"
#include "store/delivery_file.h"
#include "store/file.h"
#include "store/ledger/reader.h"
#include "store/position.h"
#include "text/display.h"

/* What of the ledger waits for one destination. */
struct waiting {
	uint64_t alerts, given_up;
	uint64_t since_usec; /* when the oldest was written down */
};

struct status {
	const struct config *config;
	int dirfd;
	uint64_t now_usec;
	struct delivery *delivery; /* NULL: the sender has written nothing yet */
	struct waiting *waiting;   /* of config->destinations */
	uint64_t alerts, damaged;
	uint64_t last_usec;
	struct buffer last; /* what the last alert tells */
};

static void print_safe(struct slice s)
{
	struct buffer text AUTO_BUFFER = BUFFER_INIT(65536);

	if (display_append(&text, s) == 0 && text.len > 0)
		(void)fwrite(text.data, 1, text.len, stdout);
}

/* "TIME, 3min ago" */
static void print_time(const struct status *s, uint64_t usec)
{
	char when[TIMETEXT_MAX], ago[TIMETEXT_MAX];

	printf("%s", timetext_local(usec, when));
	if (usec <= s->now_usec)
		printf(", %s ago", timetext_duration(s->now_usec - usec, ago));
}

static void print_process(const struct status *s, const char *name, const char *lock)
{
	pid_t pid;

	if (file_lock_held(s->dirfd, lock, &pid))
		printf("%-10s runs (process %d)\n", name, (int)pid);
	else
		printf("%-10s does not run\n", name);
}

static int print_position(const struct status *s)
{
	struct buffer position AUTO_BUFFER = BUFFER_INIT(POSITION_MAX);
	struct error err = {0};
	int r = position_load(s->dirfd, &position, NULL, &err);

	printf("%-10s ", "position");
	if (r == POSITION_E_NONE) {
		printf("none yet\n");
		return 0;
	}
	if (r == POSITION_E_DAMAGED) {
		printf("%s\n", err.text);
		return 0;
	}
	if (r < 0 || !buffer_cstr(&position))
		return r < 0 ? r : -ENOMEM;
	printf("all was read until ");
	print_time(s, session_position_usec(position.data));
	printf("\n");
	return 0;
}

static void look_at(struct status *s, const struct alert *a)
{
	s->alerts++;
	s->last_usec = a->noted_usec;
	buffer_clear(&s->last);
	(void)buffer_append_str(&s->last, alert_kind_names[a->kind]);
	if (a->user.n > 0 && buffer_append_str(&s->last, " of ") == 0)
		(void)buffer_append_slice(&s->last, a->user);
	if (a->addr.n > 0 && buffer_append_str(&s->last, " from ") == 0)
		(void)buffer_append_slice(&s->last, a->addr);
	for (size_t i = 0; i < s->config->n_destinations; i++) {
		const struct config_destination *to = &s->config->destinations[i];
		const struct delivery_destination *d =
			s->delivery ? delivery_find(s->delivery, to->name) : NULL;
		struct waiting *w = &s->waiting[i];
		enum delivery_state state = DELIVERY_WAITING;

		if (!((to->events >> a->kind) & 1))
			continue;
		if (d)
			state = delivery_state_of(d, a->kind, a->seq);
		if (state == DELIVERY_GIVEN_UP)
			w->given_up++;
		if (state == DELIVERY_DONE || state == DELIVERY_GIVEN_UP)
			continue;
		if (w->alerts++ == 0)
			w->since_usec = a->noted_usec;
	}
}

static int read_ledger(struct status *s)
{
	struct ledger_reader *reader = NULL;
	struct error err = {0};
	struct alert a;
	int r = ledger_reader_open(s->dirfd, 0, &reader, &err);

	if (r < 0) {
		log_error_struct(LOG_ERR, &err);
		return r;
	}
	while ((r = ledger_reader_next(reader, &a)) > 0)
		if (r != LEDGER_E_REPLACED)
			look_at(s, &a);
	s->damaged = ledger_reader_damaged(reader);
	(void)ledger_reader_free(reader);
	return r;
}

static void print_ledger(const struct status *s)
{
	printf("%-10s %" PRIu64 " alerts", "ledger", s->alerts);
	if (s->damaged)
		printf(" and %" PRIu64 " damaged", s->damaged);
	if (s->alerts > 0) {
		printf("; the last, ");
		print_safe(buffer_slice(&s->last));
		printf(", ");
		print_time(s, s->last_usec);
	}
	printf("\n");
}

static uint64_t next_try(const struct delivery_destination *d)
{
	uint64_t next = 0;

	for (size_t i = 0; i < DELIVERY_QUEUES; i++)
		if (d->queues[i].tries > 0 && (!next || d->queues[i].next_try_usec < next))
			next = d->queues[i].next_try_usec;
	return next;
}

static void print_mailing(const struct status *s, const struct delivery_destination *d)
{
	char in[TIMETEXT_MAX];
	uint64_t next = next_try(d);

	if (d->mailed[0]) {
		uint64_t last = 0;

		for (size_t i = 0; i < DELIVERY_QUEUES; i++)
			if (d->queues[i].last_mail_usec > last)
				last = d->queues[i].last_mail_usec;
		printf("  last mail  ");
		print_safe(slice_of(d->mailed));
		printf(" ");
		print_time(s, last);
		printf("\n  answer     ");
		print_safe(slice_of(d->reply));
		printf("\n");
	}
	if (d->failure[0]) {
		printf("  failure    ");
		print_safe(slice_of(d->failure));
		printf("\n");
	}
	if (next > s->now_usec)
		printf("  next try   in %s\n", timetext_duration(next - s->now_usec, in));
}

/* Gives how many alerts wait for it. */
static uint64_t print_destination(const struct status *s, size_t i)
{
	const struct config_destination *to = &s->config->destinations[i];
	const struct delivery_destination *d =
		s->delivery ? delivery_find(s->delivery, to->name) : NULL;
	const struct waiting *w = &s->waiting[i];

	printf("[Mail%s", to->name[0] ? " \"" : "");
	print_safe(slice_of(to->name));
	printf("%s]  ", to->name[0] ? "\"" : "");
	if (w->alerts == 0) {
		printf("nothing waits");
	} else {
		printf("%" PRIu64 " alerts wait, the first since ", w->alerts);
		print_time(s, w->since_usec);
	}
	if (w->given_up > 0)
		printf("; %" PRIu64 " were given up", w->given_up);
	printf("\n");
	if (d)
		print_mailing(s, d);
	return w->alerts;
}

static int open_state(struct status *s, const struct options *options)
{
	struct buffer path AUTO_BUFFER = BUFFER_INIT(4096);
	struct error err = {0};
	int r = shown_open(options, &path, &s->dirfd);

	if (r != STATUS_DONE)
		return r;
	printf("%-10s %s\n", "state", path.data);
	r = delivery_load(s->dirfd, &s->delivery, &err);
	if (r == DELIVERY_E_DAMAGED || r < 0) {
		log_error_struct(LOG_ERR, &err);
		return r < 0 ? STATUS_FAILED : STATUS_DONE;
	}
	return STATUS_DONE;
}

static int show(struct status *s, const struct options *options)
{
	uint64_t waiting = 0;
	int r = open_state(s, options);

	if (r != STATUS_DONE)
		return r;
	print_process(s, "reader", "reader.lock");
	print_process(s, "sender", "sender.lock");
	r = print_position(s);
	if (r == 0)
		r = read_ledger(s);
	if (r < 0) {
		log_error("the state cannot be read: %s", strerror(-r));
		return STATUS_FAILED;
	}
	print_ledger(s);
	for (size_t i = 0; i < s->config->n_destinations; i++)
		waiting += print_destination(s, i);
	return waiting > 0 ? STATUS_TEMPFAIL : STATUS_DONE;
}

int command_status(const struct options *options)
{
	struct session session;
	int r = session_init(&session, options);
	struct status s = {.config = session.config,
			   .dirfd = -1,
			   .now_usec = clock_now(),
			   .last = BUFFER_INIT(ALERT_BLOCK_MAX)};

	if (r == STATUS_DONE) {
		s.waiting = calloc(session.config->n_destinations, sizeof(*s.waiting));
		r = s.waiting ? show(&s, options) : STATUS_FAILED;
	}
	free(s.waiting);
	buffer_done(&s.last);
	(void)delivery_free(s.delivery);
	if (s.dirfd >= 0)
		(void)close(s.dirfd);
	session_done(&session);
	return r;
}
