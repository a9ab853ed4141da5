/*
 * One alert is described in full. Several begin with a summary, for those who read only the first
 * screen. Templates are for logins; other alerts have the built-in text.
 */
#include "text/message/body.h"

#include <stdio.h>

#include "base/cleanup.h"
#include "base/timetext.h"
#include "text/display.h"
#include "text/message/describe.h"
#include "text/message/template.h"

#define SUBJECT_SHOWN 400  /* bytes of a template's subject */
#define HOST_SHOWN    40   /* of a host in a subject */
#define NAME_SHOWN    80   /* of a value in a digest's summary */
#define TOP_LISTED    10   /* users, addresses and hosts that a digest begins with */
#define LINE_SHOWN    1000 /* of a log line in a template, after the first alerts */

/*
 * Alerts are described in full, or by the template, while the text is shorter than this. Then even
 * with one more alert (describe.c), threefold growth by encoding and a list of a thousand lines it
 * stays below MESSAGE_MAX.
 */
#define FULL_TEXT_MAX 262144

/* "[web1] ", "[3 hosts] ". */
static void write_where(struct writer *w, const struct summary *s)
{
	writer_str(w, "[");
	if (s->hosts.n > 1)
		writer_count(w, s->hosts.n, "host");
	else if (s->hosts.n == 1)
		writer_shown(w, s->hosts.items[0].value, HOST_SHOWN);
	else
		writer_shown(w, slice_of(s->options->host), HOST_SHOWN);
	writer_str(w, "] ");
}

/* Writes "3 gaps", after *separator, unless @n is 0. */
static bool write_total(struct writer *w, uint64_t n, const char *singular, const char **separator)
{
	if (n == 0)
		return false;
	writer_str(w, *separator);
	writer_count(w, n, singular);
	*separator = ", ";
	return true;
}

/* "12 SSH logins, 3 users, 4 addresses, 1 gap in the log" */
static void write_totals(struct writer *w, const struct summary *s)
{
	const char *separator = "";

	if (write_total(w, s->of_kind[ALERT_LOGIN], "SSH login", &separator)) {
		(void)write_total(w, s->users.n, "user", &separator);
		if (s->addresses.n > 0)
			writer_format(w, ", %zu %s", s->addresses.n,
				      s->addresses.n == 1 ? "address" : "addresses");
		if (s->unreadable > 0)
			writer_format(w, ", %llu not readable", (unsigned long long)s->unreadable);
	}
	if (write_total(w, s->of_kind[ALERT_FORGED], "forged SSH login record", &separator)) {
		if (s->uids.n == 1) {
			uint64_t uid;

			memcpy(&uid, s->uids.items[0].value.p, sizeof(uid));
			writer_format(w, " by uid %llu", (unsigned long long)uid);
		} else if (s->uids.n > 1) {
			writer_str(w, " by ");
			writer_count(w, s->uids.n, "user");
		}
	}
	if (write_total(w, s->of_kind[ALERT_GAP], "gap", &separator))
		writer_str(w, " in the log");
	if (write_total(w, s->of_kind[ALERT_INSTANCE], "event", &separator))
		writer_str(w, " of loginbell itself");
	(void)write_total(w, s->of_kind[ALERT_HEARTBEAT], "heartbeat", &separator);
}

static void write_title(struct writer *w, const struct summary *s)
{
	if (s->options->test)
		writer_str(w, "loginbell: test message");
	else if (s->n == 1)
		describe_title(w, &s->alerts[0], s->options);
	else
		write_totals(w, s);
}

/* The source of a template's variables. */
struct expansion {
	const struct alert *alert;
	const struct message_options *options;
	uint64_t count;
	size_t shown; /* bytes of a value, about */
};

static int expand_template(struct slice template, const struct expansion *e, struct buffer *ret)
{
	const struct slice unknown = SLICE_LITERAL("unknown");
	const struct alert *a = e->alert;
	bool known = describe_shows_fields(a, e->options);
	bool with_log = e->options->style == MESSAGE_FULL;
	char time[TIMETEXT_MAX] = "unknown", port[24] = "", count[24];
	struct slice values[TEMPLATE_VARIABLES] = {
		[TEMPLATE_USER] = known ? a->user : unknown,
		[TEMPLATE_ADDR] = known ? a->addr : unknown,
		[TEMPLATE_METHOD] = known ? a->method : unknown,
		[TEMPLATE_HOST] = describe_host(a, e->options),
		[TEMPLATE_MESSAGE] = with_log ? a->message : SLICE_LITERAL("(log line left out)"),
		[TEMPLATE_EVENT] = slice_of(alert_kind_names[a->kind]),
	};
	AUTO_BUFFER struct buffer storage = BUFFER_INIT(MESSAGE_MAX);
	struct writer w = {&storage, 0};
	size_t ends[TEMPLATE_VARIABLES], begin = 0;

	if (describe_time(a) > 0)
		(void)timetext_local(describe_time(a), time);
	values[TEMPLATE_TIME] = slice_of(time);
	(void)snprintf(count, sizeof(count), "%llu", (unsigned long long)e->count);
	values[TEMPLATE_COUNT] = slice_of(count);
	if (known && a->port_known)
		(void)snprintf(port, sizeof(port), "%llu", (unsigned long long)a->port);
	values[TEMPLATE_PORT] = slice_of(port);
	if (known)
		values[TEMPLATE_KEY] = a->fingerprint;
	for (size_t i = 0; i < TEMPLATE_VARIABLES; i++) {
		writer_shown(&w, values[i], e->shown);
		ends[i] = storage.len;
	}
	if (w.error < 0)
		return w.error;
	for (size_t i = 0; i < TEMPLATE_VARIABLES; begin = ends[i++])
		values[i] = (struct slice){buffer_slice(&storage).p + begin, ends[i] - begin};
	return template_expand(template, values, ret);
}

static const struct alert *first_login(const struct summary *s)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->alerts[i].kind == ALERT_LOGIN)
			return &s->alerts[i];
	return NULL;
}

static void write_templated_subject(struct writer *w, const struct summary *s,
				    const struct alert *a)
{
	AUTO_BUFFER struct buffer text = BUFFER_INIT(MESSAGE_MAX);
	struct slice template = slice_of(s->options->destination->subject);
	uint64_t count = s->of_kind[ALERT_LOGIN];
	const struct expansion e = {a, s->options, count, SUBJECT_SHOWN};

	if (w->error == 0)
		w->error = expand_template(template, &e, &text);
	writer_shown(w, buffer_slice(&text), SUBJECT_SHOWN);
	if (count > 1 && !template_uses(template, TEMPLATE_COUNT))
		writer_format(w, " (and %llu more)", (unsigned long long)(count - 1));
}

void body_write_subject(struct writer *w, const struct summary *s)
{
	const struct alert *login = s->options->destination->subject ? first_login(s) : NULL;

	if (!login)
		write_where(w, s);
	if (s->delay > 0)
		writer_str(w, "[delayed] ");
	if (login)
		write_templated_subject(w, s, login);
	else
		write_title(w, s);
}

static void write_top(struct writer *w, const char *name, const struct tally *t)
{
	if (t->n == 0)
		return;
	writer_format(w, "\nby %s:\n", name);
	for (size_t i = 0; i < t->n && i < TOP_LISTED; i++) {
		writer_format(w, "%llu  ", (unsigned long long)t->items[i].count);
		writer_shown(w, t->items[i].value, NAME_SHOWN);
		writer_str(w, "\n");
	}
	if (t->n > TOP_LISTED)
		writer_format(w, "and %zu more\n", t->n - TOP_LISTED);
}

static void write_late(struct writer *w, const struct summary *s)
{
	char now[TIMETEXT_MAX], delay[TIMETEXT_MAX];

	if (s->delay > 0)
		writer_format(w, "mailed: %s\noldest: %s ago\n",
			      timetext_local(s->options->now_usec, now),
			      timetext_duration(s->delay, delay));
}

static void write_digest(struct writer *w, const struct summary *s)
{
	size_t i;

	write_title(w, s);
	writer_str(w, "\n");
	write_late(w, s);
	if (s->hosts.n > 1)
		write_top(w, "host", &s->hosts);
	write_top(w, "user", &s->users);
	write_top(w, "address", &s->addresses);
	for (i = 0; i < s->n && i < MESSAGE_FULL_ALERTS && w->to->len < FULL_TEXT_MAX; i++) {
		writer_format(w, "\n--- %zu of %zu ---\n", i + 1, s->n);
		describe_full(w, &s->alerts[i], s->options);
	}
	if (i == s->n)
		return;
	writer_format(w, "\n--- %zu to %zu, a line each ---\n", i + 1, s->n);
	for (; i < s->n; i++)
		describe_line(w, &s->alerts[i], s->options,
			      s->hosts.n > 1 ? DESCRIBE_SEVERAL_HOSTS : DESCRIBE_ONE_HOST);
}

/* Writes lines of an administrator, safe except for tabs, each ended with LF. */
static void write_lines(struct writer *w, struct slice text)
{
	while (text.n > 0) {
		struct slice line = slice_cut_line(&text);

		if (w->error == 0)
			w->error = display_append_tabbed(w->to, line);
		writer_str(w, "\n");
	}
}

static void write_templated(struct writer *w, const struct summary *s)
{
	struct slice template = s->options->body_template;
	bool apart = memchr(template.p, '\n', template.n - 1);

	for (size_t i = 0; i < s->n && w->error == 0; i++) {
		AUTO_BUFFER struct buffer text = BUFFER_INIT(MESSAGE_MAX);
		const struct alert *a = &s->alerts[i];
		const struct expansion e = {a, s->options, describe_events(a),
					    i < MESSAGE_FULL_ALERTS ? FULL_TEXT_MAX / 4
								    : LINE_SHOWN};

		if (a->kind != ALERT_LOGIN || w->to->len >= FULL_TEXT_MAX) {
			describe_line(w, a, s->options, DESCRIBE_SEVERAL_HOSTS);
			continue;
		}
		if (i > 0 && apart)
			writer_str(w, "\n");
		if (w->error == 0)
			w->error = expand_template(template, &e, &text);
		write_lines(w, buffer_slice(&text));
	}
}

static void write_test(struct writer *w, const struct summary *s)
{
	char time[TIMETEXT_MAX];

	writer_around(w, "This is a test message of loginbell on ", slice_of(s->options->host),
		      NAME_SHOWN, "");
	writer_format(w, ".\nWhoever reads it will read its alerts too.\n\ntime: %s\n",
		      timetext_local(s->options->now_usec, time));
}

void body_write(struct writer *w, const struct summary *s)
{
	if (s->options->note && *s->options->note) {
		write_lines(w, slice_of(s->options->note));
		writer_str(w, "\n");
	}
	if (s->options->test)
		write_test(w, s);
	else if (s->options->body_template.n > 0 && first_login(s))
		write_templated(w, s);
	else if (s->n == 1)
		describe_full(w, &s->alerts[0], s->options);
	else
		write_digest(w, s);
}
