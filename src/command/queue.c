/*
 * The queue of messages, as mailq(1), postcat(1) and postsuper(1) are for Postfix. This only shows
 * it, and writes requests: the sender does what is requested, since it alone writes "delivery".
 */
#include "command/queue.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "command/deliver_process.h"
#include "command/queue_print.h"
#include "store/request.h"
#include "store/state.h"
#include "text/display.h"

#define LISTED	   10 /* of alerts whose ids begin alike */
#define LISTED_MAX ((size_t)4 << 20)

/* The alert that an id, or its beginning, means. */
struct search {
	const struct state_view *state;
	struct slice id;
	char found[REQUEST_ID_MAX];
	size_t n;  /* how many that wait, or were given up, begin so */
	bool sent; /* one begins so that does neither */
	struct buffer listed;
};

static bool is_queued(const struct state_view *state, const struct alert *a)
{
	struct view_entry e;

	for (size_t i = 0; i < state->view.n; i++)
		for (size_t at = 0;
		     view_next(&state->view.destinations[i], a, state->now_usec, &at, &e);)
			if (e.why != VIEW_REPEAT)
				return true;
	return false;
}

static int look(void *userdata, const struct alert *a)
{
	struct search *s = userdata;
	int r = 0;

	if (!queue_has_id(a, s->id) || a->id.n != REQUEST_ID_MAX - 1)
		return 0;
	if (!is_queued(s->state, a)) {
		s->sent = true;
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

static int find(struct state_view *state, const char *id, char ret[REQUEST_ID_MAX])
{
	struct search s = {.state = state, .id = slice_of(id), .listed = BUFFER_INIT(LISTED_MAX)};
	int r, status = STATUS_FAILED;

	if (s.id.n == 0 || s.id.n >= REQUEST_ID_MAX || strspn(id, "0123456789abcdef") != s.id.n) {
		log_error("not an alert's id, as \"loginbell queue\" shows it: %s", id);
		return STATUS_WRONG;
	}
	r = queue_walk(state, look, &s);
	if (r < 0) {
		log_error("the ledger cannot be read: %s", strerror(-r));
	} else if (s.n > 1) {
		log_error("%s is the beginning of %zu alerts' ids:", id, s.n);
		(void)fflush(stdout);
		(void)fprintf(stderr, "%.*s\n", (int)s.listed.len - 1, s.listed.data + 1);
	} else if (s.n == 0) {
		log_error("%s: %s", id,
			  s.sent ? "this alert does not wait" : "the ledger has no such alert");
	} else {
		memcpy(ret, s.found, REQUEST_ID_MAX);
		status = STATUS_DONE;
	}
	buffer_done(&s.listed);
	return status;
}

/* Opens the sender's part to write to it. */
static int open_written(const struct state_view *s, int *ret_dirfd)
{
	struct error err = {0};

	if (state_open(s->path.data, STATE_DELIVER, STATE_WRITE, ret_dirfd, &err) == 0)
		return STATUS_DONE;
	log_error_struct(LOG_ERR, &err);
	return STATUS_FAILED;
}

static int flush(struct state_view *s, const struct options *options)
{
	AUTO_CLOSE int dirfd = -1;
	int r = open_written(s, &dirfd);

	return r == STATUS_DONE ? deliver_process_run(SENDER_FLUSH, options, s->path.data, NULL)
				: r;
}

static int print_answer(int dirfd, const struct request *request, int status)
{
	AUTO_BUFFER struct buffer text = BUFFER_INIT(REQUEST_TEXT_MAX);
	AUTO_BUFFER struct buffer shown = BUFFER_INIT(8 * REQUEST_TEXT_MAX);
	bool done;
	int r;

	if (request_waits(dirfd, request)) {
		log_error("alert %s: the sender has not done it yet; it will when it runs next",
			  request->id);
		return STATUS_FAILED;
	}
	r = request_read_answer(dirfd, request, &done, &text);
	if (r < 0) {
		log_error("alert %s: the sender's answer is missing; see its log: %s", request->id,
			  strerror(-r));
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

static int ask(struct state_view *s, const struct options *options)
{
	struct request request = {.kind = options->drop ? REQUEST_DROP : REQUEST_RETRY};
	AUTO_CLOSE int dirfd = -1;
	int r = find(s, options->drop ? options->drop : options->retry, request.id);

	if (r == STATUS_DONE)
		r = open_written(s, &dirfd);
	if (r != STATUS_DONE)
		return r;
	r = queue_print_alert(s, request.id);
	if (r != STATUS_DONE)
		return r;
	printf("\n");
	r = request_make(dirfd, &request);
	if (r < 0) {
		log_error("%s: the request cannot be written: %s", s->path.data, strerror(-r));
		return STATUS_FAILED;
	}
	return print_answer(dirfd, &request,
			    deliver_process_run(SENDER_APPLY, options, s->path.data, NULL));
}

static int show(struct state_view *s, const struct options *options, const char *id)
{
	char found[REQUEST_ID_MAX];
	int r = find(s, id, found);

	if (r != STATUS_DONE)
		return r;
	if (options->output == OUTPUT_JSON)
		return queue_print_list(s, options, slice_of(found));
	r = queue_print_alert(s, found);
	if (r == STATUS_DONE)
		r = deliver_process_show(options, s->path.data, found);
	return r == STATUS_DONE && s->view.faulty ? STATUS_FAILED : r;
}

/* Without "delivery" or a ledger, nobody knows what waits. */
static int open_queue(const struct options *options, struct state_view *s)
{
	int r = state_view_open(options, s);

	if (r != STATUS_DONE || s->view.damaged)
		return r != STATUS_DONE ? r : STATUS_FAILED;
	if (s->dirfd >= 0 && faccessat(s->dirfd, LEDGER_NAME, F_OK, 0) == 0)
		return STATUS_DONE;
	log_error("%s/%s/" LEDGER_NAME ": %s", s->path.data, state_part_name(STATE_READER),
		  strerror(s->dirfd >= 0 ? errno : ENOENT));
	return STATUS_FAILED;
}

int command_queue(const struct options *options)
{
	const char *id = options->arguments[0];
	struct state_view s;
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
	r = open_queue(options, &s);
	if (r == STATUS_DONE) {
		if (options->flush)
			r = flush(&s, options);
		else if (options->retry || options->drop)
			r = ask(&s, options);
		else if (id)
			r = show(&s, options, id);
		else
			r = queue_print_list(&s, options, SLICE_LITERAL(""));
	}
	state_view_close(&s);
	return r;
}
