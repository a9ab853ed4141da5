/*
 * One alert is described in full; several begin with a summary, for who only reads the first
 * screen. Templates speak of logins; whatever else there is to tell is told in our own words.
 */
#include "text/message/body.h"

#include "base/cleanup.h"
#include "base/timetext.h"
#include "text/display.h"
#include "text/message/describe.h"
#include "text/message/template.h"

#define SUBJECT_SHOWN 400  /* bytes of a template's subject */
#define HOST_SHOWN    40   /* of a host in a subject */
#define NAME_SHOWN    80   /* of a value in a digest's summary */
#define TOP_LISTED    10   /* users, addresses and hosts that a digest begins with */
#define LINE_SHOWN    1000 /* of a log line in a template, behind the first alerts */

/*
 * Alerts are described in full, or by the template, while the text is shorter. With what one may
 * take (describe.c), with threefold growth by encoding, and with a thousand lines of a list,
 * MESSAGE_MAX is not reached.
 */
#define FULL_TEXT_MAX 262144

/* "[web1] ", "[3 hosts] ". */
static void write_where(struct writer *w, const struct mail *m)
{
	write_str(w, "[");
	if (m->hosts.n > 1)
		write_count(w, m->hosts.n, "host");
	else if (m->hosts.n == 1)
		write_shown(w, m->hosts.items[0].value, HOST_SHOWN);
	else
		write_shown(w, slice_of(m->options->host), HOST_SHOWN);
	write_str(w, "] ");
}

/* "12 SSH logins, 3 users, 4 addresses, 1 gap in the log" */
static void write_totals(struct writer *w, const struct mail *m)
{
	const char *separator = "";

	if (m->of_kind[ALERT_LOGIN] > 0) {
		write_count(w, m->of_kind[ALERT_LOGIN], "SSH login");
		if (m->users.n > 0) {
			write_str(w, ", ");
			write_count(w, m->users.n, "user");
		}
		if (m->addresses.n > 0)
			write_format(w, ", %zu %s", m->addresses.n,
				     m->addresses.n == 1 ? "address" : "addresses");
		if (m->unreadable > 0)
			write_format(w, ", %llu not readable", (unsigned long long)m->unreadable);
		separator = ", ";
	}
	if (m->of_kind[ALERT_FORGED] > 0) {
		write_str(w, separator);
		write_count(w, m->of_kind[ALERT_FORGED], "forged SSH login record");
		if (m->uids.n == 1) {
			uint64_t uid;

			memcpy(&uid, m->uids.items[0].value.p, sizeof(uid));
			write_format(w, " by uid %llu", (unsigned long long)uid);
		} else if (m->uids.n > 1) {
			write_str(w, " by ");
			write_count(w, m->uids.n, "user");
		}
		separator = ", ";
	}
	if (m->of_kind[ALERT_GAP] > 0) {
		write_str(w, separator);
		write_count(w, m->of_kind[ALERT_GAP], "gap");
		write_str(w, " in the log");
		separator = ", ";
	}
	if (m->of_kind[ALERT_INSTANCE] > 0) {
		write_str(w, separator);
		write_count(w, m->of_kind[ALERT_INSTANCE], "event");
		write_str(w, " of loginbell itself");
		separator = ", ";
	}
	if (m->of_kind[ALERT_HEARTBEAT] > 0) {
		write_str(w, separator);
		write_count(w, m->of_kind[ALERT_HEARTBEAT], "heartbeat");
	}
}

static void write_title(struct writer *w, const struct mail *m)
{
	if (m->options->test)
		write_str(w, "loginbell: test message");
	else if (m->n == 1)
		describe_title(w, &m->alerts[0], m->options);
	else
		write_totals(w, m);
}

/* What a template's variables take their values from. */
struct expansion {
	const struct alert *alert;
	const struct message_options *options;
	uint64_t count;
	size_t shown; /* about so many bytes of a value, at most */
};

static void write_variable(struct writer *w, enum template_variable variable,
			   const struct expansion *e)
{
	const struct slice unknown = SLICE_LITERAL("unknown");
	const struct alert *a = e->alert;
	bool known = describe_shows_fields(a, e->options);
	char time[TIMETEXT_MAX] = "unknown";

	switch (variable) {
	case TEMPLATE_USER:
		write_shown(w, known ? a->user : unknown, e->shown);
		break;
	case TEMPLATE_ADDR:
		write_shown(w, known ? a->addr : unknown, e->shown);
		break;
	case TEMPLATE_PORT:
		if (known && a->port_known)
			write_format(w, "%u", (unsigned)a->port);
		break;
	case TEMPLATE_METHOD:
		write_shown(w, known ? a->method : unknown, e->shown);
		break;
	case TEMPLATE_HOST:
		write_shown(w, describe_host(a, e->options), e->shown);
		break;
	case TEMPLATE_TIME:
		if (describe_time(a) > 0)
			(void)timetext_local(describe_time(a), time);
		write_str(w, time);
		break;
	case TEMPLATE_KEY:
		if (known)
			write_shown(w, a->fingerprint, e->shown);
		break;
	case TEMPLATE_MESSAGE:
		if (e->options->style == MESSAGE_FULL)
			write_shown(w, a->message, e->shown);
		else
			write_str(w, "(log line left out)");
		break;
	case TEMPLATE_COUNT:
		write_format(w, "%llu", (unsigned long long)e->count);
		break;
	case TEMPLATE_EVENT:
		write_str(w, alert_kind_name(a->kind));
		break;
	case TEMPLATE_VARIABLES:
		break;
	}
}

static int expand_template(const char *template, const struct expansion *e, struct buffer *ret)
{
	AUTO_BUFFER struct buffer storage = BUFFER_INIT(MESSAGE_MAX);
	struct writer w = {&storage, 0};
	struct slice values[TEMPLATE_VARIABLES];
	size_t ends[TEMPLATE_VARIABLES], begin = 0;

	for (size_t i = 0; i < TEMPLATE_VARIABLES; i++) {
		write_variable(&w, (enum template_variable)i, e);
		ends[i] = storage.len;
	}
	if (w.error < 0)
		return w.error;
	for (size_t i = 0; i < TEMPLATE_VARIABLES; begin = ends[i++])
		values[i] = (struct slice){buffer_slice(&storage).p + begin, ends[i] - begin};
	return template_expand(slice_of(template), values, ret);
}

static const struct alert *first_login(const struct mail *m)
{
	for (size_t i = 0; i < m->n; i++)
		if (m->alerts[i].kind == ALERT_LOGIN)
			return &m->alerts[i];
	return NULL;
}

static void write_templated_subject(struct writer *w, const struct mail *m, const struct alert *a)
{
	AUTO_BUFFER struct buffer text = BUFFER_INIT(MESSAGE_MAX);
	const char *template = m->options->subject_template;
	uint64_t count = m->of_kind[ALERT_LOGIN];
	const struct expansion e = {a, m->options, count, SUBJECT_SHOWN};

	if (w->error == 0)
		w->error = expand_template(template, &e, &text);
	write_shown(w, buffer_slice(&text), SUBJECT_SHOWN);
	if (count > 1 && !strstr(template, "${count}"))
		write_format(w, " (and %llu more)", (unsigned long long)(count - 1));
}

void mail_write_subject(struct writer *w, const struct mail *m)
{
	const struct alert *login = m->options->subject_template ? first_login(m) : NULL;

	if (!login)
		write_where(w, m);
	if (m->delay > 0)
		write_str(w, "[delayed] ");
	if (login)
		write_templated_subject(w, m, login);
	else
		write_title(w, m);
}

static void write_top(struct writer *w, const char *name, const struct tally *t)
{
	if (t->n == 0)
		return;
	write_format(w, "\nby %s:\n", name);
	for (size_t i = 0; i < t->n && i < TOP_LISTED; i++) {
		write_format(w, "%llu  ", (unsigned long long)t->items[i].count);
		write_shown(w, t->items[i].value, NAME_SHOWN);
		write_str(w, "\n");
	}
	if (t->n > TOP_LISTED)
		write_format(w, "and %zu more\n", t->n - TOP_LISTED);
}

static void write_late(struct writer *w, const struct mail *m)
{
	char now[TIMETEXT_MAX], delay[TIMETEXT_MAX];

	if (m->delay > 0)
		write_format(w, "mailed: %s\noldest: %s ago\n",
			     timetext_local(m->options->now_usec, now),
			     timetext_duration(m->delay, delay));
}

static void write_digest(struct writer *w, const struct mail *m)
{
	size_t i;

	write_title(w, m);
	write_str(w, "\n");
	write_late(w, m);
	if (m->hosts.n > 1)
		write_top(w, "host", &m->hosts);
	write_top(w, "user", &m->users);
	write_top(w, "address", &m->addresses);
	for (i = 0; i < m->n && i < MESSAGE_FULL_ALERTS && w->to->len < FULL_TEXT_MAX; i++) {
		write_format(w, "\n--- %zu of %zu ---\n", i + 1, m->n);
		describe_full(w, &m->alerts[i], m->options);
	}
	if (i == m->n)
		return;
	write_format(w, "\n--- %zu to %zu, a line each ---\n", i + 1, m->n);
	for (; i < m->n; i++)
		describe_line(w, &m->alerts[i], m->options,
			      m->hosts.n > 1 ? DESCRIBE_SEVERAL_HOSTS : DESCRIBE_ONE_HOST);
}

/* Writes lines that an administrator wrote, made safe but for their tabs, each ended with LF. */
static void write_lines(struct writer *w, struct slice text)
{
	while (text.n > 0) {
		size_t n = 0;
		struct slice part;

		while (n < text.n && text.p[n] != '\n' && text.p[n] != '\t')
			n++;
		part = (struct slice){text.p, n};
		if (n > 0 && n < text.n && text.p[n] == '\n' && text.p[n - 1] == '\r')
			part.n--;
		if (w->error == 0)
			w->error = display_append(w->to, part);
		write_str(w, n < text.n && text.p[n] == '\t' ? "\t" : "\n");
		text = slice_from(text, n < text.n ? n + 1 : n);
	}
}

static void write_templated(struct writer *w, const struct mail *m)
{
	const char *template = m->options->body_template;
	const char *newline = strchr(template, '\n');
	bool apart = newline && newline[1];

	for (size_t i = 0; i < m->n && w->error == 0; i++) {
		AUTO_BUFFER struct buffer text = BUFFER_INIT(MESSAGE_MAX);
		const struct alert *a = &m->alerts[i];
		const struct expansion e = {a, m->options, describe_events(a),
					    i < MESSAGE_FULL_ALERTS ? FULL_TEXT_MAX / 4
								    : LINE_SHOWN};

		if (a->kind != ALERT_LOGIN || w->to->len >= FULL_TEXT_MAX) {
			describe_line(w, a, m->options, DESCRIBE_SEVERAL_HOSTS);
			continue;
		}
		if (i > 0 && apart)
			write_str(w, "\n");
		if (w->error == 0)
			w->error = expand_template(template, &e, &text);
		write_lines(w, buffer_slice(&text));
	}
}

static void write_test(struct writer *w, const struct mail *m)
{
	char time[TIMETEXT_MAX];

	write_str(w, "This is a test message of loginbell on ");
	write_shown(w, slice_of(m->options->host), NAME_SHOWN);
	write_format(w, ".\nWhoever reads it will read its alerts too.\n\ntime: %s\n",
		     timetext_local(m->options->now_usec, time));
}

void mail_write_body(struct writer *w, const struct mail *m)
{
	if (m->options->note && *m->options->note) {
		write_lines(w, slice_of(m->options->note));
		write_str(w, "\n");
	}
	if (m->options->test)
		write_test(w, m);
	else if (m->options->body_template && first_login(m))
		write_templated(w, m);
	else if (m->n == 1)
		describe_full(w, &m->alerts[0], m->options);
	else
		write_digest(w, m);
}
