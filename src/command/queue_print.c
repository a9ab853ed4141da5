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
	struct queue *q;
	struct slice id; /* only alerts whose id begins so */
	struct buffer row;
	size_t columns;
	bool heading_done;
	uint64_t waiting, given_up;
	uint64_t since_usec; /* when the first that waits was written down */
};

static void print_safe(struct slice s)
{
	struct buffer text AUTO_BUFFER = BUFFER_INIT(65536);

	if (display_append(&text, s) == 0 && text.len > 0)
		(void)fwrite(text.data, 1, text.len, stdout);
}

static void print_to(const struct queue_to *to)
{
	printf("[Mail%s", to->config->name[0] ? " \"" : "");
	print_safe(slice_of(to->config->name));
	printf("%s]", to->config->name[0] ? "\"" : "");
}

/* "2026-11-23 04:05:06", the begin of the long form. */
static struct slice short_time(uint64_t usec, char storage[TIMETEXT_MAX])
{
	struct slice s = slice_of(usec ? timetext_local(usec, storage) : "");

	s.n = s.n > WIDTH_TIME ? WIDTH_TIME : s.n;
	return s;
}

static const char *next_try(const struct queue_entry *e, uint64_t now_usec, char ret[TIME_SIZE])
{
	char wait[TIMETEXT_MAX];

	if (e->next_try_usec == 0)
		return "-";
	if (e->next_try_usec <= now_usec)
		return "now";
	(void)snprintf(ret, TIME_SIZE, "in %s",
		       timetext_duration(e->next_try_usec - now_usec, wait));
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

static int print_row(struct listing *l, const struct queue_entry *e)
{
	const struct alert *a = e->alert;
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
		{slice_of(delivery_state_text(e->state)), WIDTH_STATE},
		{{tries, (size_t)tries_n}, WIDTH_TRIES},
		{slice_of(next_try(e, l->q->now_usec, next)), WIDTH_NEXT},
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

/* The object of "report", and behind its keys those of the queue. */
static int print_json(struct listing *l, const struct queue_entry *e)
{
	const char *failure = e->to->done ? e->to->done->failure : "";
	struct buffer *row = &l->row;
	int r;

	buffer_clear(row);
	r = export_json(e->alert, NULL, row);
	if (r < 0)
		return r;
	row->len -= strlen("}\n");
	r = json_text(row, "id", e->alert->id);
	if (r == 0)
		r = json_text(row, "destination", slice_of(e->to->config->name));
	if (r == 0)
		r = json_text(row, "state", slice_of(delivery_state_text(e->state)));
	if (r == 0)
		r = json_time(row, "since", e->alert->noted_usec);
	if (r == 0)
		r = buffer_printf(row, ",\"tries\":%" PRIu64, e->tries);
	if (r == 0)
		r = json_time(row, "last_try", e->last_try_usec);
	if (r == 0)
		r = json_time(row, "next_try", e->next_try_usec);
	if (r == 0 && e->rcpt)
		r = json_text(row, "recipient", slice_of(e->rcpt));
	if (r == 0 && e->mail)
		r = json_text(row, "message_id", slice_of(e->mail));
	if (r == 0 && failure[0])
		r = json_text(row, "failure", slice_of(failure));
	if (r == 0)
		r = buffer_append_str(row, "}\n");
	if (r == 0)
		(void)fwrite(row->data, 1, row->len, stdout);
	return r;
}

static int list_one(void *userdata, const struct alert *a, const struct queue_entry *entries,
		    size_t n)
{
	struct listing *l = userdata;
	int r = 0;

	if (!queue_has_id(a, l->id))
		return 0;
	for (size_t i = 0; i < n && r == 0; i++) {
		if (entries[i].state == DELIVERY_GIVEN_UP)
			l->given_up++;
		else if (l->waiting++ == 0)
			l->since_usec = a->noted_usec;
		if (l->options->output == OUTPUT_JSON) {
			r = print_json(l, &entries[i]);
			continue;
		}
		if (!l->heading_done && !l->options->quiet)
			r = print_heading(l);
		l->heading_done = true;
		if (r == 0)
			r = print_row(l, &entries[i]);
	}
	return r;
}

/* What the destination's summary of repeats will tell of. */
static uint64_t repeats(const struct queue_to *to)
{
	uint64_t n = 0;

	for (size_t i = 0; to->done && i < to->done->n_repeats; i++)
		n += to->done->repeats[i].count;
	return n;
}

static void print_summary(const struct listing *l, const struct queue_to *to)
{
	char when[TIMETEXT_MAX];

	print_to(to);
	if (l->waiting == 0)
		printf("  nothing waits");
	else
		printf("  %" PRIu64 " wait%s, the first since %s", l->waiting,
		       l->waiting == 1 ? "s" : "", timetext_local(l->since_usec, when));
	if (l->given_up > 0)
		printf("; %" PRIu64 " given up", l->given_up);
	if (repeats(to) > 0)
		printf("; %" PRIu64 " repeats wait for their summary", repeats(to));
	printf("\n");
	if (to->done && to->done->failure[0] && l->waiting + l->given_up > 0) {
		printf("  last error: ");
		print_safe(slice_of(to->done->failure));
		printf("\n");
	}
}

int queue_print_list(struct queue *q, const struct options *o, struct slice id)
{
	struct listing l = {.options = o,
			    .q = q,
			    .id = id,
			    .row = BUFFER_INIT(ROW_MAX),
			    .columns = row_columns()};
	uint64_t waiting = 0;
	int r = 0;

	for (size_t i = 0; i < q->n && r == 0; i++) {
		l.waiting = l.given_up = 0;
		l.heading_done = false;
		r = queue_walk(q, &q->to[i], list_one, &l);
		waiting += l.waiting;
		if (r == 0 && o->output == OUTPUT_SHORT && !o->quiet)
			print_summary(&l, &q->to[i]);
	}
	buffer_done(&l.row);
	if (r < 0) {
		log_error("the ledger cannot be read: %s", strerror(-r));
		return STATUS_FAILED;
	}
	return q->faults ? STATUS_FAILED : waiting > 0 ? STATUS_TEMPFAIL : STATUS_DONE;
}

static void print_field(const char *name, struct slice value)
{
	if (value.n == 0)
		return;
	printf("%-12s ", name);
	print_safe(value);
	printf("\n");
}

static void print_entry(const struct queue *q, const struct queue_entry *e)
{
	char when[TIMETEXT_MAX], next[TIME_SIZE];

	printf("\n");
	print_to(e->to);
	printf("  %s", delivery_state_text(e->state));
	if (e->rcpt) {
		printf(", for ");
		print_safe(slice_of(e->rcpt));
	}
	printf("; %" PRIu64 " tr%s", e->tries, e->tries == 1 ? "y" : "ies");
	if (e->last_try_usec)
		printf(", the last %s", timetext_local(e->last_try_usec, when));
	if (e->next_try_usec)
		printf(", the next %s", next_try(e, q->now_usec, next));
	printf("\n");
	if (e->mail)
		print_field("  mail", slice_of(e->mail));
	if (e->to->done)
		print_field("  last error", slice_of(e->to->done->failure));
}

struct one {
	struct queue *q;
	const char *id;
};

static int print_one(void *userdata, const struct alert *a, const struct queue_entry *entries,
		     size_t n)
{
	const struct one *one = userdata;
	char text[TIMETEXT_MAX];

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
	for (size_t i = 0; i < n; i++)
		print_entry(one->q, &entries[i]);
	return 0;
}

int queue_print_alert(struct queue *q, const char *id)
{
	struct one one = {q, id};
	int r = queue_walk(q, NULL, print_one, &one);

	if (r < 0)
		log_error("the ledger cannot be read: %s", strerror(-r));
	return r < 0 ? STATUS_FAILED : STATUS_DONE;
}
