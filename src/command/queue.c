/*
 * The queue of mails, as mailq(1), postcat(1) and postsuper(1) are for Postfix. It only shows, and
 * asks: what is asked for is done by the sender, which alone writes down what is done.
 */
#include "command/queue.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "command/deliver_process.h"
#include "command/queue_print.h"
#include "store/file.h"
#include "store/request.h"
#include "text/display.h"

#define LISTED	   10 /* of alerts that an ambiguous id may mean */
#define LISTED_MAX ((size_t)4 << 20)

/* The alert that an id, or its begin, means. */
struct search {
	struct slice id;
	char found[REQUEST_ID_MAX];
	size_t n;    /* how many that wait, or were given up, begin so */
	bool mailed; /* one does that is neither */
	struct buffer listed;
};

static int look(void *userdata, const struct alert *a, const struct queue_entry *entries, size_t n)
{
	struct search *s = userdata;
	int r = 0;

	(void)entries;
	if (!queue_has_id(a, s->id) || a->id.n != REQUEST_ID_MAX - 1)
		return 0;
	if (n == 0) {
		s->mailed = true;
		return 0;
	}
	memcpy(s->found, a->id.p, a->id.n);
	s->found[a->id.n] = '\0';
	if (s->n++ >= LISTED)
		return 0;
	r = buffer_printf(&s->listed, "\n  %s  %s ", s->found, alert_kind_names[a->kind]);
	if (r == 0)
		r = display_append(&s->listed, a->user);
	if (r == 0)
		r = buffer_append_str(&s->listed, " ");
	return r < 0 ? r : display_append(&s->listed, a->addr);
}

static int find(struct queue *q, const char *id, char ret[REQUEST_ID_MAX])
{
	struct search s = {.id = slice_of(id), .listed = BUFFER_INIT(LISTED_MAX)};
	int r, status = STATUS_FAILED;

	if (s.id.n == 0 || s.id.n >= REQUEST_ID_MAX || strspn(id, "0123456789abcdef") != s.id.n) {
		log_error("not an alert's id, as \"loginbell queue\" shows it: %s", id);
		return STATUS_WRONG;
	}
	r = queue_walk(q, NULL, look, &s);
	if (r < 0) {
		log_error("the ledger cannot be read: %s", strerror(-r));
	} else if (s.n > 1) {
		log_error("%s may be %zu alerts; give more of the id:", id, s.n);
		(void)fflush(stdout);
		(void)fprintf(stderr, "%.*s\n", (int)s.listed.len - 1, s.listed.data + 1);
	} else if (s.n == 0) {
		log_error("%s: %s", id,
			  s.mailed ? "this alert waits no more" : "the ledger has no such alert");
	} else {
		memcpy(ret, s.found, REQUEST_ID_MAX);
		status = STATUS_DONE;
	}
	buffer_done(&s.listed);
	return status;
}

/* Opens the state to write there. STATUS_FAILED: told. */
static int open_written(const struct queue *q, int *ret_dirfd)
{
	struct error err = {0};

	if (file_open_state(q->path.data, true, ret_dirfd, &err) == 0)
		return STATUS_DONE;
	log_error_struct(LOG_ERR, &err);
	return STATUS_FAILED;
}

static int run_sender(struct queue *q, const struct options *options, enum sender_mode mode)
{
	pid_t pid;
	int r = sender_start(mode, options, q->path.data, &pid);

	return r == STATUS_DONE ? sender_wait(pid) : r;
}

static int flush(struct queue *q, const struct options *options)
{
	AUTO_CLOSE int dirfd = -1;
	int r = open_written(q, &dirfd);

	return r == STATUS_DONE ? run_sender(q, options, SENDER_FLUSH) : r;
}

static int print_answer(int dirfd, const struct request *request, int status)
{
	AUTO_BUFFER struct buffer text = BUFFER_INIT(REQUEST_TEXT_MAX);
	AUTO_BUFFER struct buffer shown = BUFFER_INIT(8 * REQUEST_TEXT_MAX);
	bool done;
	int r;

	if (request_waits(dirfd, request)) {
		log_error(
			"alert %s: the sender has not taken up the request yet; it will when it "
			"can",
			request->id);
		return STATUS_FAILED;
	}
	r = request_read_answer(dirfd, request, &done, &text);
	if (r < 0) {
		log_error("alert %s: the sender's answer is missing; its log has it: %s",
			  request->id, strerror(-r));
		return STATUS_FAILED;
	}
	(void)display_append(&shown, buffer_slice(&text));
	if (!done) {
		log_error("alert %s: %.*s", request->id, (int)shown.len, buffer_slice(&shown).p);
		return STATUS_FAILED;
	}
	printf("alert %s: %.*s\n", request->id, (int)shown.len, buffer_slice(&shown).p);
	return status;
}

static int ask(struct queue *q, const struct options *options)
{
	struct request request = {.kind = options->drop ? REQUEST_DROP : REQUEST_RETRY};
	AUTO_CLOSE int dirfd = -1;
	int r = find(q, options->drop ? options->drop : options->retry, request.id);

	if (r == STATUS_DONE)
		r = open_written(q, &dirfd);
	if (r != STATUS_DONE)
		return r;
	r = queue_print_alert(q, request.id);
	if (r != STATUS_DONE)
		return r;
	printf("\n");
	r = request_make(dirfd, &request);
	if (r < 0) {
		log_error("%s: the request cannot be written: %s", q->path.data, strerror(-r));
		return STATUS_FAILED;
	}
	return print_answer(dirfd, &request, run_sender(q, options, SENDER_APPLY));
}

static int show(struct queue *q, const struct options *options, const char *id)
{
	char found[REQUEST_ID_MAX];
	int r = find(q, id, found);

	if (r != STATUS_DONE)
		return r;
	if (options->output == OUTPUT_JSON)
		return queue_print_list(q, options, slice_of(found));
	r = queue_print_alert(q, found);
	if (r == STATUS_DONE)
		r = sender_show(options, q->path.data, found);
	return r == STATUS_DONE && q->faults ? STATUS_FAILED : r;
}

int command_queue(const struct options *options)
{
	const char *id = options->arguments[0];
	struct queue q;
	int r;

	if (options->output == OUTPUT_EXPORT) {
		log_error("queue prints short or json");
		return STATUS_WRONG;
	}
	if ((options->flush + (options->retry || options->drop) + (id != NULL)) > 1 ||
	    (id && options->arguments[1])) {
		log_error("one of --flush, --retry=ID, --drop=ID and ID at a time");
		return STATUS_WRONG;
	}
	r = queue_open(&q, options);
	if (r == STATUS_DONE) {
		if (options->flush)
			r = flush(&q, options);
		else if (options->retry || options->drop)
			r = ask(&q, options);
		else if (id)
			r = show(&q, options, id);
		else
			r = queue_print_list(&q, options, SLICE_LITERAL(""));
	}
	queue_close(&q);
	return r;
}
