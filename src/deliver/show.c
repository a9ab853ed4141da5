/*
 * What is done to the state is done in memory alone. Waiting alerts are gathered mail by mail, as
 * the sender would, until one has the alert; an exception is gathered as the only one there is.
 */
#include "deliver/show.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "deliver/admin.h"
#include "deliver/job.h"
#include "text/display.h"

static void print(const struct job *job, const char *how)
{
	AUTO_BUFFER struct buffer line = BUFFER_INIT(1 << 20);
	struct slice rest = buffer_slice(&job->o->mail);

	printf("\n%s: the mail to ", how);
	for (size_t i = 0; i < job->o->n_rcpts; i++) {
		if (job->o->rcpts[i].state == SPOOL_ACCEPTED)
			continue;
		buffer_clear(&line);
		(void)display_append(&line, slice_of(job->o->rcpts[i].addr));
		printf("%s%.*s", i ? ", " : "", (int)line.len, buffer_slice(&line).p);
	}
	printf(" (%s):\n\n", admin_destination(job->dest));
	while (rest.n > 0) {
		const char *end = memchr(rest.p, '\n', rest.n);
		struct slice one = {rest.p, end ? (size_t)(end - rest.p) : rest.n};

		rest = slice_from(rest, one.n + (end != NULL));
		if (one.n > 0 && one.p[one.n - 1] == '\r')
			one.n--;
		buffer_clear(&line);
		(void)display_append(&line, one);
		printf("%.*s\n", (int)line.len, buffer_slice(&line).p);
	}
}

/* The queue's frozen mail that tells of the alert. One that does not is done with. */
static bool load_frozen(struct job *job, uint64_t seq)
{
	struct error err;
	int r;

	spool_name(job->dest->name, job->name, job->file);
	r = spool_load(job->s->dirfd, job->file, &job->o, &err);
	if (r == SPOOL_E_DAMAGED)
		log_error_struct(LOG_ERR, &err);
	if (r != 0)
		return false;
	if (job->o->queue != job->name || job->o->serial <= job->queue->serial ||
	    strcmp(job->o->ledger_id, job->s->delivery->ledger_id) != 0) {
		job->o = spool_free(job->o);
		return false;
	}
	job->queue->serial = job->o->serial;
	if (spool_has_alert(job->o, seq))
		return true;
	if (job->name < DELIVERY_CLASSES)
		job->queue->done_up_to = job->o->done_up_to;
	return false;
}

static int show_waiting(struct job *job, uint64_t seq)
{
	bool counted;
	int r;

	if (load_frozen(job, seq)) {
		print(job, "frozen, and goes as it is");
		return 0;
	}
	while ((r = job_draft(job, &counted)) > 0 && !spool_has_alert(job->o, seq) &&
	       job->o->done_up_to < seq) {
		job->queue->done_up_to = job->o->done_up_to;
		job->queue->serial++;
	}
	if (r > 0 && spool_has_alert(job->o, seq))
		print(job, "if it went now");
	else if (r >= 0)
		printf("\n%s: it is a repeat, which a summary tells of\n",
		       admin_destination(job->dest));
	return r;
}

/* The mail of exception number @at, gathered as if there were no other. */
static int show_exception(struct job *job, size_t at, uint64_t seq)
{
	struct delivery_destination *dest = job->dest;
	struct delivery_held x = dest->held[at], *list = dest->held;
	size_t n = dest->n_held;
	const char *how = "if it went now";
	bool counted;
	int r;

	if (x.state == DELIVERY_GIVEN_UP) {
		x.state = DELIVERY_DEFERRED;
		x.first = x.last = seq;
		how = "given up; if it were tried again";
	} else if (load_frozen(job, seq)) {
		print(job, "frozen, and goes as it is");
		return 0;
	}
	dest->held = &x;
	dest->n_held = 1;
	r = job_draft(job, &counted);
	if (r > 0)
		print(job, how);
	dest->held = list;
	dest->n_held = n;
	return r;
}

static int show_destination(struct sender *s, struct destination *d, const struct alert *a)
{
	struct delivery_destination *dest = sender_done(s, d);
	enum delivery_queue_name class = delivery_class(a->kind);
	AUTO_JOB struct job job = {.s = s, .d = d, .dest = dest, .name = class};
	int r = 0;

	job.queue = &dest->queues[job.name];
	if (delivery_state_of(dest, a->kind, a->seq) == DELIVERY_WAITING)
		return ((d->config->events >> a->kind) & 1) && !a->mailed
			       ? show_waiting(&job, a->seq)
			       : 0;
	job.name = DELIVERY_RETRY;
	job.queue = &dest->queues[job.name];
	for (size_t i = 0; i < dest->n_held && r >= 0; i++) {
		const struct delivery_held *x = &dest->held[i];

		if (x->class != class || a->seq < x->first || x->last < a->seq)
			continue;
		r = show_exception(&job, i, a->seq);
		job.o = spool_free(job.o);
	}
	return r;
}

/* What is shown of it needs none of its texts. -ENOENT. */
static int find(int dirfd, const char *id, struct alert *ret)
{
	struct ledger_reader *reader = NULL;
	struct error err;
	struct alert a;
	bool found = false;
	int r = ledger_reader_open(dirfd, 0, &reader, &err);

	if (r < 0)
		return r;
	while ((r = ledger_reader_next(reader, &a)) > 0) {
		if (r == LEDGER_E_REPLACED || !slice_eq_str(a.id, id))
			continue;
		*ret = (struct alert){.kind = a.kind, .seq = a.seq, .mailed = a.mailed};
		found = true;
	}
	(void)ledger_reader_free(reader);
	return r < 0 ? r : found ? 0 : -ENOENT;
}

int show_messages(int dirfd, struct config *config, const char *id)
{
	struct sender s = {.dirfd = -1};
	struct alert a = {0};
	int r;

	r = sender_open_shown(&s, dirfd, config);
	if (r == 0)
		r = find(dirfd, id, &a);
	s.mode = SENDER_FLUSH; /* all is due */
	s.run_usec = UINT64_MAX;
	for (size_t i = 0; i < s.n_destinations && r >= 0; i++)
		r = show_destination(&s, &s.destinations[i], &a);
	sender_close(&s);
	if (r >= 0 && fflush(stdout) != 0)
		r = -errno;
	if (r < 0)
		log_error("the mail of alert %s cannot be shown: %s", id, strerror(-r));
	return r < 0 ? 1 : 0;
}
