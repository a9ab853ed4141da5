/* One row is one alert for one destination, or for the one recipient that lacks it. */
#include "command/queue_print.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/timetext.h"
#include "command/row.h"
#include "text/display.h"
#include "text/export.h"

#define ROW_MAX	  ((size_t)8 << 20)
#define ID_SHOWN  12
#define TIME_SIZE (TIMETEXT_MAX + 8)

enum {
	WIDTH_ID = ID_SHOWN,
	WIDTH_TIME = 19,
	WIDTH_KIND = 6,
	WIDTH_USER = 12,
	WIDTH_FROM = 16,
	WIDTH_STATE = 8,
	WIDTH_TRIES = 5,
	WIDTH_NEXT = 12
};

struct listing {
	const struct options *options;
	const struct state_view *state;
	const struct view_destination *to;
	struct slice id; /* only alerts whose id begins so */
	struct buffer row;
	size_t columns;
	bool heading_done;
	struct view_sum sum;
};

int queue_walk(struct state_view *s, ledger_alert each, void *userdata)
{
	uint64_t damaged = 0;
	int r = ledger_each(s->dirfd, each, userdata, &damaged);

	if (r < 0 || damaged == 0 || s->view.faulty)
		return r;
	log_error(LEDGER_NAME ": %" PRIu64 " damaged alerts are not shown", damaged);
	s->view.faulty = true;
	return 0;
}

/* "2026-11-23 04:05:06", the begin of the long form. */
static struct slice short_time(uint64_t usec, char storage[TIMETEXT_MAX])
{
	struct slice s = slice_of(usec ? timetext_local(usec, storage) : "");

	s.n = s.n > WIDTH_TIME ? WIDTH_TIME : s.n;
	return s;
}

/* Only what failed has a next try; new alerts go out with the next message. */
static bool has_next_try(const struct view_entry *e)
{
	return e->why != VIEW_NEW && e->until_usec != SCHEDULE_NEVER;
}

static const char *next_try(const struct view_entry *e, uint64_t now_usec, char ret[TIME_SIZE])
{
	char wait[TIMETEXT_MAX];

	if (!has_next_try(e))
		return "-";
	if (e->until_usec <= now_usec)
		return "now";
	(void)snprintf(ret, TIME_SIZE, "in %s", timetext_duration(e->until_usec - now_usec, wait));
	return ret;
}

static int print_heading(struct listing *l)
{
	static const struct {
		const char *name;
		size_t width;
	} columns[] = {
		{"ID", WIDTH_ID},	{"SINCE", WIDTH_TIME},	  {"KIND", WIDTH_KIND},
		{"USER", WIDTH_USER},	{"FROM", WIDTH_FROM},	  {"STATE", WIDTH_STATE},
		{"TRIES", WIDTH_TRIES}, {"NEXT TRY", WIDTH_NEXT}, {"RECIPIENT OR REASON", 0}};
	int r = 0;

	buffer_clear(&l->row);
	for (size_t i = 0; i < ARRAY_SIZE(columns) && r == 0; i++)
		r = row_column(&l->row, slice_of(columns[i].name), columns[i].width);
	if (r == 0)
		row_print(&l->row, l->columns, "");
	return r;
}

static int print_row(struct listing *l, const struct alert *a, const struct view_entry *e)
{
	char when[TIMETEXT_MAX], next[TIME_SIZE], tries[24];
	int tries_n = snprintf(tries, sizeof(tries), "%" PRIu64, e->tries);
	const struct {
		struct slice text;
		size_t width;
	} columns[] = {
		{{a->id.p, a->id.n > ID_SHOWN ? ID_SHOWN : a->id.n}, WIDTH_ID},
		{short_time(a->noted_usec, when), WIDTH_TIME},
		{slice_of(alert_kind_names[a->kind]), WIDTH_KIND},
		{a->user, WIDTH_USER},
		{a->addr, WIDTH_FROM},
		{slice_of(delivery_states[e->state]), WIDTH_STATE},
		{{tries, (size_t)tries_n}, WIDTH_TRIES},
		{slice_of(next_try(e, l->state->now_usec, next)), WIDTH_NEXT},
	};
	int r = 0;

	buffer_clear(&l->row);
	for (size_t i = 0; i < ARRAY_SIZE(columns) && r == 0; i++)
		r = row_column(&l->row, columns[i].text, columns[i].width);
	if (r == 0 && e->rcpt)
		r = display_append(&l->row, slice_of(e->rcpt));
	else if (r == 0 && (a->kind != ALERT_LOGIN || !a->readable))
		r = display_append(&l->row, a->reason);
	if (r == 0)
		row_print(&l->row, l->columns, "");
	return r;
}

static int json_text(struct buffer *row, const char *key, struct slice text)
{
	int r = buffer_printf(row, ",\"%s\":", key);

	if (r == 0)
		r = buffer_reserve(row, DISPLAY_JSON_MAX(text.n));
	if (r == 0)
		row->len = (size_t)(display_put_json(row->data + row->len, text) - row->data);
	return r;
}

static int json_time(struct buffer *row, const char *key, uint64_t usec)
{
	char text[TIMETEXT_MAX];

	return usec ? json_text(row, key, slice_of(timetext_rfc3339(usec, text))) : 0;
}

/* The object of "report", and after its keys those of the queue. */
static int print_json(struct listing *l, const struct alert *a, const struct view_entry *e)
{
	const char *failure = l->to->done->failure;
	struct buffer *row = &l->row;
	int r;

	buffer_clear(row);
	r = export_json(a, NULL, row);
	if (r < 0)
		return r;
	row->len -= strlen("}\n");
	r = json_text(row, "id", a->id);
	if (r == 0)
		r = json_text(row, "destination", slice_of(l->to->to->name));
	if (r == 0)
		r = json_text(row, "state", slice_of(delivery_states[e->state]));
	if (r == 0)
		r = json_time(row, "since", e->since_usec);
	if (r == 0)
		r = buffer_printf(row, ",\"tries\":%" PRIu64, e->tries);
	if (r == 0)
		r = json_time(row, "last_try", e->last_try_usec);
	if (r == 0)
		r = json_time(row, "next_try", has_next_try(e) ? e->until_usec : 0);
	if (r == 0 && e->rcpt)
		r = json_text(row, "recipient", slice_of(e->rcpt));
	if (r == 0 && e->message_id)
		r = json_text(row, "message_id", slice_of(e->message_id));
	if (r == 0 && failure[0])
		r = json_text(row, "failure", slice_of(failure));
	if (r == 0)
		r = buffer_append_str(row, "}\n");
	if (r == 0)
		(void)fwrite(row->data, 1, row->len, stdout);
	return r;
}

static int list_one(void *userdata, const struct alert *a)
{
	struct listing *l = userdata;
	struct view_entry e;
	size_t at = 0;
	int r = 0;

	if (!queue_has_id(a, l->id))
		return 0;
	view_add(&l->sum, l->to, a, l->state->now_usec);
	while (r == 0 && view_next(l->to, a, l->state->now_usec, &at, &e)) {
		if (e.why == VIEW_REPEAT)
			continue;
		if (l->options->output == OUTPUT_JSON) {
			r = print_json(l, a, &e);
			continue;
		}
		if (!l->heading_done && !l->options->quiet)
			r = print_heading(l);
		l->heading_done = true;
		if (r == 0)
			r = print_row(l, a, &e);
	}
	return r;
}

static void print_sum(const struct listing *l)
{
	const struct view_sum *sum = &l->sum;
	char when[TIMETEXT_MAX];

	row_print_destination(l->to->to->name);
	if (sum->waiting == 0)
		printf("  nothing waits");
	else
		printf("  %" PRIu64 " wait%s, the first since %s", sum->waiting,
		       sum->waiting == 1 ? "s" : "", timetext_local(sum->since_usec, when));
	if (sum->given_up > 0)
		printf("; %" PRIu64 " given up", sum->given_up);
	if (view_repeats(l->to) > 0)
		printf("; %" PRIu64 " repeats wait for their summary", view_repeats(l->to));
	if (l->to->earlier > 0)
		printf("; messages of an earlier ledger wait");
	printf("\n");
	if (l->to->done->failure[0] && sum->waiting + sum->given_up > 0) {
		printf("  last error: ");
		row_print_safe(slice_of(l->to->done->failure));
		printf("\n");
	}
}

int queue_print_list(struct state_view *s, const struct options *o, struct slice id)
{
	struct listing l = {.options = o,
			    .state = s,
			    .id = id,
			    .row = BUFFER_INIT(ROW_MAX),
			    .columns = row_columns()};
	bool waits = false;
	int r = 0;

	for (size_t i = 0; i < s->view.n && r == 0; i++) {
		l.to = &s->view.destinations[i];
		l.sum = (struct view_sum){0};
		l.heading_done = false;
		r = queue_walk(s, list_one, &l);
		waits |= l.sum.waiting > 0 || l.to->earlier > 0;
		if (r == 0 && o->output == OUTPUT_SHORT && !o->quiet)
			print_sum(&l);
	}
	buffer_done(&l.row);
	if (r < 0)
		log_error("the ledger cannot be read: %s", strerror(-r));
	if (r < 0 || s->view.faulty)
		return STATUS_FAILED;
	return waits ? STATUS_TEMPFAIL : STATUS_DONE;
}

static void print_field(const char *name, struct slice value)
{
	if (value.n == 0)
		return;
	printf("%-12s ", name);
	row_print_safe(value);
	printf("\n");
}

static void print_entry(const struct state_view *s, const struct view_destination *to,
			const struct view_entry *e)
{
	char when[TIMETEXT_MAX], next[TIME_SIZE];

	printf("\n");
	row_print_destination(to->to->name);
	printf("  %s", delivery_states[e->state]);
	if (e->rcpt) {
		printf(", for ");
		row_print_safe(slice_of(e->rcpt));
	}
	printf("; %" PRIu64 " tr%s", e->tries, e->tries == 1 ? "y" : "ies");
	if (e->last_try_usec)
		printf(", the last %s", timetext_local(e->last_try_usec, when));
	if (has_next_try(e))
		printf(", the next %s", next_try(e, s->now_usec, next));
	printf("\n");
	if (e->message_id)
		print_field("  mail", slice_of(e->message_id));
	print_field("  last error", slice_of(to->done->failure));
}

struct one {
	const struct state_view *state;
	const char *id;
};

static int print_one(void *userdata, const struct alert *a)
{
	const struct one *one = userdata;
	char text[TIMETEXT_MAX];
	struct view_entry e;

	if (!slice_eq_str(a->id, one->id))
		return 0;
	print_field("id", a->id);
	(void)snprintf(text, sizeof(text), "%" PRIu64, a->seq);
	print_field("number", slice_of(text));
	print_field("kind", slice_of(alert_kind_names[a->kind]));
	print_field("time", slice_of(a->time_usec ? timetext_local(a->time_usec, text) : ""));
	print_field("since", slice_of(a->noted_usec ? timetext_local(a->noted_usec, text) : ""));
	print_field("host", a->host);
	print_field("user", a->user);
	print_field("from", a->addr);
	print_field("method", a->method);
	print_field("key", a->fingerprint);
	print_field("certificate", a->cert_id);
	print_field("reason", a->reason);
	print_field("message", a->message);
	print_field("source", a->source);
	for (size_t i = 0; i < one->state->view.n; i++) {
		const struct view_destination *to = &one->state->view.destinations[i];

		for (size_t at = 0; view_next(to, a, one->state->now_usec, &at, &e);)
			if (e.why != VIEW_REPEAT)
				print_entry(one->state, to, &e);
	}
	return 0;
}

int queue_print_alert(struct state_view *s, const char *id)
{
	struct one one = {s, id};
	int r = queue_walk(s, print_one, &one);

	if (r < 0)
		log_error("the ledger cannot be read: %s", strerror(-r));
	return r < 0 ? STATUS_FAILED : STATUS_DONE;
}
