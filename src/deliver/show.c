/*
 * The state is changed in memory alone. For a waiting alert messages are made one after the other,
 * as the sender would, until one reports the alert; held alerts are sent as if there were no
 * others.
 */
#include "deliver/show.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "deliver/job.h"
#include "deliver/select.h"
#include "deliver/sender.h"
#include "text/display.h"
#include "text/message/mime.h"

#define NOW    "would be sent now"
#define FROZEN "already tried; will be sent again unchanged"

/* Not in part, which could pass for the whole. */
static void print_message(const struct spool_message *o)
{
	AUTO_BUFFER struct buffer text = BUFFER_INIT(4 * MESSAGE_MAX);

	if (mime_append_readable(&text, buffer_slice(&o->mail)) == 0)
		(void)fwrite(text.data, 1, text.len, stdout);
	else
		log_error("message %s cannot be shown: out of memory", o->message_id);
}

static void print(const struct job *job, const char *how)
{
	AUTO_BUFFER struct buffer line = BUFFER_INIT(1 << 20);
	bool first = true;

	printf("\n%s: the message to ", how);
	for (size_t i = 0; i < job->o->n_rcpts; i++) {
		if (job->o->rcpts[i].state == SPOOL_ACCEPTED)
			continue;
		buffer_clear(&line);
		(void)display_append(&line, slice_of(job->o->rcpts[i].addr));
		printf("%s%.*s", first ? "" : ", ", (int)line.len, buffer_slice(&line).p);
		first = false;
	}
	printf(" (%s):\n\n", destination_name(job->d->progress->name));
	print_message(job->o);
}

/* Whether the queue's frozen message reports the alert. Another one is skipped as if it were sent.
 */
static bool load_frozen(struct job *job, uint64_t seq)
{
	struct error err;
	int r;

	r = spool_load(job->s->dirfd, job->file, &job->o, &err);
	if (r == SPOOL_E_DAMAGED)
		log_error_struct(LOG_ERR, &err);
	if (r != 0)
		return false;
	if (job->o->queue != job->queue_id || job->o->serial <= job->queue->serial ||
	    strcmp(job->o->ledger_id, job->s->delivery->ledger_id) != 0) {
		job->o = spool_free(job->o);
		return false;
	}
	job->queue->serial = job->o->serial;
	if (spool_has_alert(job->o, seq))
		return true;
	if (job->queue_id < DELIVERY_CLASSES)
		job->queue->done_up_to = job->o->done_up_to;
	return false;
}

static int show_waiting(struct job *job, uint64_t seq)
{
	bool counted;
	int r;

	if (load_frozen(job, seq)) {
		print(job, FROZEN);
		return 0;
	}
	while ((r = job_draft(job, &counted)) > 0 && !spool_has_alert(job->o, seq) &&
	       job->o->done_up_to < seq) {
		job->queue->done_up_to = job->o->done_up_to;
		job->queue->serial++;
	}
	if (r > 0 && spool_has_alert(job->o, seq))
		print(job, NOW);
	else if (r >= 0)
		printf("\n%s: it is a repeat; a summary will report it\n",
		       destination_name(job->d->progress->name));
	return r;
}

/* The message of held alerts number @at, made as if there were no others. */
static int show_held(struct job *job, size_t at, uint64_t seq)
{
	struct delivery_destination *dest = job->d->progress;
	struct delivery_held x = dest->held[at], *list = dest->held;
	size_t n = dest->n_held;
	const char *how = NOW;
	bool counted;
	int r;

	if (x.state == DELIVERY_GIVEN_UP) {
		x.state = DELIVERY_DEFERRED;
		x.first = x.last = seq;
		how = "given up; if it were tried again";
	} else if (load_frozen(job, seq)) {
		print(job, FROZEN);
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
	enum delivery_queue_id class = delivery_class(a->kind);
	int r = 0;

	if (view_state(d->config, d->progress, a) == DELIVERY_WAITING) {
		AUTO_JOB struct job job;

		job_init(&job, s, d, class);
		return show_waiting(&job, a->seq);
	}
	for (size_t i = 0; i < d->progress->n_held && r >= 0; i++) {
		const struct delivery_held *x = &d->progress->held[i];
		AUTO_JOB struct job job;

		job_init(&job, s, d, DELIVERY_RETRY);
		if (x->class == class && x->first <= a->seq && a->seq <= x->last)
			r = show_held(&job, i, a->seq);
	}
	return r;
}

/* The exit status. */
static int end(int r)
{
	if (r >= 0 && fflush(stdout) != 0)
		r = -errno;
	if (r < 0)
		log_error("messages cannot be shown: %s", strerror(-r));
	return r < 0 ? 1 : 0;
}

int show_messages(const char *path, int dirfd, struct config *config, const char *id)
{
	struct sender s = {.path = path, .dirfd = -1, .ledger_dirfd = -1};
	struct alert a = {0};
	int r;

	r = sender_open_readonly(&s, dirfd, config);
	if (r == 0)
		r = select_find(s.ledger_dirfd, id, &a);
	s.run.mode = SENDER_FLUSH; /* everything is due */
	s.run.begin_usec = UINT64_MAX;
	for (size_t i = 0; i < s.n_destinations && r >= 0; i++)
		r = show_destination(&s, &s.destinations[i], &a);
	state_close(&s);
	return end(r);
}

/* Prints what one queue would send, message by message, as if each were accepted. */
static int print_queue(struct job *job)
{
	bool counted;
	int r;

	while ((r = job_draft(job, &counted)) > 0) {
		print_message(job->o);
		(void)fputs("\n", stdout);
		job->queue->done_up_to = job->o->done_up_to;
		job->queue->serial++;
		job->o = spool_free(job->o);
	}
	return r;
}

int show_all(const char *path, int dirfd, struct config *config)
{
	struct sender s = {.path = path, .dirfd = -1, .ledger_dirfd = -1};
	int r = sender_open_readonly(&s, dirfd, config);

	/* A pager that is left ends it at once; the reader has the same status then. */
	(void)signal(SIGPIPE, SIG_DFL);
	s.run.mode = SENDER_ONCE;
	s.run.begin_usec = UINT64_MAX;
	for (size_t i = 0; i < s.n_destinations && r >= 0; i++)
		for (int class = 0; class < DELIVERY_CLASSES && r >= 0; class ++) {
			AUTO_JOB struct job job;

			job_init(&job, &s, &s.destinations[i], (enum delivery_queue_id) class);
			r = print_queue(&job);
		}
	state_close(&s);
	return end(r);
}
