/*
 * Lines are short and begin with their subject, for phones. All text from a log passes
 * writer_shown(). What a forged or unreadable record claims is shown as the record itself, never as
 * a fact.
 */
#include "text/message/describe.h"

#include <stdio.h>

#include "base/cleanup.h"
#include "base/timetext.h"
#include "text/message/permit.h"

/* Bytes that are shown of a value. A title is one line in a mail client's list. */
#define TITLE_SHOWN   40
#define ADDRESS_SHOWN 64
#define FIELD_SHOWN   49152
#define MESSAGE_SHOWN 65536

uint64_t describe_events(const struct alert *a)
{
	bool counts = a->kind == ALERT_LOGIN || a->kind == ALERT_FORGED;

	return counts && a->count > 1 ? a->count : 1;
}

bool describe_is_summary(const struct alert *a)
{
	return a->kind == ALERT_LOGIN && a->count > 0 && a->from_usec > 0;
}

/* A syslog daemon joined equal messages, but the first of them has a line of its own. */
static bool is_repetition(const struct alert *a)
{
	return a->kind == ALERT_LOGIN && a->count > 1 && !describe_is_summary(a);
}

bool describe_is_known_login(const struct alert *a)
{
	return a->kind == ALERT_LOGIN && a->readable;
}

uint64_t describe_time(const struct alert *a)
{
	return a->time_usec ? a->time_usec : a->noted_usec;
}

uint64_t describe_delay(const struct alert *a, uint64_t now_usec)
{
	/* A summary is due at the end of its interval, not at the logins. */
	uint64_t since = describe_is_summary(a) ? a->noted_usec : describe_time(a);

	if (since == 0 || now_usec < since || now_usec - since < MESSAGE_DELAYED_USEC)
		return 0;
	return now_usec - since;
}

struct slice describe_host(const struct alert *a, const struct message_options *options)
{
	return a->host.n > 0 ? a->host : slice_of(options->host);
}

bool describe_shows_fields(const struct alert *a, const struct message_options *options)
{
	return describe_is_known_login(a) && !(a->ambiguous && options->style == MESSAGE_NO_LOGS);
}

/* "2026-11-23 05:05", or "05:05" on the day of @day_usec. */
static void write_minute(struct writer *w, uint64_t usec, uint64_t day_usec)
{
	char text[TIMETEXT_MAX];

	(void)timetext_local(usec, text);
	if (usec != day_usec && timetext_same_day(usec, day_usec))
		writer_format(w, "%.5s", text + 11);
	else
		writer_format(w, "%.16s", text);
}

static void write_interval(struct writer *w, const struct alert *a)
{
	if (a->from_usec > 0 && a->time_usec >= a->from_usec) {
		write_minute(w, a->from_usec, a->from_usec);
		writer_str(w, " to ");
		write_minute(w, a->time_usec, a->from_usec);
	} else if (a->time_usec > 0) {
		writer_str(w, "before ");
		write_minute(w, a->time_usec, a->time_usec);
	} else {
		writer_str(w, "at an unknown time");
	}
}

static void write_who(struct writer *w, const struct alert *a)
{
	writer_shown(w, a->user, TITLE_SHOWN);
	writer_around(w, " from ", a->addr, ADDRESS_SHOWN, "");
	if (a->ambiguous)
		writer_str(w, " (ambiguous)");
}

static void login_title(struct writer *w, const struct alert *a,
			const struct message_options *options)
{
	if (describe_is_summary(a) || is_repetition(a))
		writer_count(w, a->count, "further SSH login");
	else
		writer_str(w, "SSH login");
	if (!a->readable) {
		writer_str(w, " that could not be read");
	} else if (describe_shows_fields(a, options)) {
		writer_str(w, ": ");
		write_who(w, a);
	} else {
		writer_str(w, " (ambiguous)");
	}
}

static void instance_title(struct writer *w, const struct alert *a)
{
	struct slice what = a->reason.n > 0 ? a->reason : a->message;

	if (!slice_starts_with(what, "loginbell"))
		writer_str(w, "loginbell: ");
	if (what.n > 0)
		writer_shown(w, what, 3 * TITLE_SHOWN);
	else
		writer_str(w, "started or stopped");
}

void describe_title(struct writer *w, const struct alert *a, const struct message_options *options)
{
	switch (a->kind) {
	case ALERT_LOGIN:
		login_title(w, a, options);
		break;
	case ALERT_FORGED:
		writer_count(w, describe_events(a), "forged SSH login record");
		if (a->uid_known)
			writer_format(w, " by uid %llu", (unsigned long long)a->uid);
		break;
	case ALERT_GAP:
		writer_str(w, "log records were lost, ");
		write_interval(w, a);
		break;
	case ALERT_INSTANCE:
		instance_title(w, a);
		break;
	case ALERT_HEARTBEAT:
		writer_around(w, "still watching: ", a->reason, 3 * TITLE_SHOWN, "");
		break;
	case ALERT_KINDS:
		break;
	}
}

void describe_line(struct writer *w, const struct alert *a, const struct message_options *options,
		   enum describe_hosts hosts)
{
	char time[TIMETEXT_MAX] = "(time not known)";

	if (describe_time(a) > 0)
		(void)timetext_local(describe_time(a), time);
	writer_format(w, "%.19s ", time);
	if (hosts == DESCRIBE_SEVERAL_HOSTS)
		writer_around(w, "", describe_host(a, options), TITLE_SHOWN, ": ");
	if (describe_shows_fields(a, options)) {
		if (describe_is_summary(a) || is_repetition(a))
			writer_format(w, "%llu further: ", (unsigned long long)a->count);
		write_who(w, a);
		writer_around(w, " by ", a->method, TITLE_SHOWN, "");
		if (a->fingerprint.n > 0)
			writer_around(w, " ", a->fingerprint, ADDRESS_SHOWN, "");
	} else {
		describe_title(w, a, options);
	}
	writer_str(w, "\n");
}

static void write_field(struct writer *w, const char *name, struct slice value)
{
	if (value.n == 0)
		return;
	writer_str(w, name);
	writer_around(w, ": ", value, FIELD_SHOWN, "\n");
}

static void write_time(struct writer *w, const char *name, uint64_t usec)
{
	char local[TIMETEXT_MAX], utc[TIMETEXT_MAX];

	writer_format(w, "%s: ", name);
	if (usec == 0) {
		writer_str(w, "not known\n");
		return;
	}
	writer_str(w, timetext_local(usec, local));
	if (!timetext_local_is_utc(usec))
		writer_format(w, " (%s)", timetext_utc(usec, utc));
	writer_str(w, "\n");
}

static void write_times(struct writer *w, const struct alert *a,
			const struct message_options *options)
{
	uint64_t delay = describe_delay(a, options->now_usec);
	char late[TIMETEXT_MAX];

	if (describe_is_summary(a) || a->kind == ALERT_GAP || a->kind == ALERT_HEARTBEAT) {
		if (a->from_usec > 0)
			write_time(w, "since", a->from_usec);
		write_time(w, "until", a->time_usec);
	} else {
		write_time(w, "time", a->time_usec);
		if (a->time_usec == 0)
			write_time(w, "read", a->noted_usec);
	}
	if (delay == 0)
		return;
	write_time(w, "mailed", options->now_usec);
	writer_format(w, "delay: %s\n", timetext_duration(delay, late));
}

static void write_how(struct writer *w, const struct alert *a,
		      const struct message_options *options)
{
	write_field(w, "method", a->method);
	if (a->fingerprint.n > 0) {
		writer_str(w, "key: ");
		if (a->key_type.n > 0)
			writer_around(w, "", a->key_type, TITLE_SHOWN, " ");
		writer_around(w, "", a->fingerprint, FIELD_SHOWN, "\n");
	} else {
		write_field(w, "key", a->key_type);
	}
	if (options->style == MESSAGE_FULL)
		write_field(w, "certificate", a->cert_id);
	write_field(w, "certificate serial", a->cert_serial);
	write_field(w, "certificate authority", a->ca_fingerprint);
}

/* "source: journal, sshd[4711]" */
static void write_source(struct writer *w, const struct alert *a)
{
	writer_str(w, "source: ");
	if (a->source.n > 0)
		writer_shown(w, a->source, FIELD_SHOWN);
	else
		writer_str(w, "not known");
	if (a->program.n > 0) {
		writer_around(w, ", ", a->program, TITLE_SHOWN, "");
		if (a->pid_known)
			writer_format(w, "[%llu]", (unsigned long long)a->pid);
	}
	writer_str(w, "\n");
}

static void write_reason(struct writer *w, const struct alert *a)
{
	if (a->reason.n > 0 && a->kind != ALERT_HEARTBEAT) /* its title is the reason */
		writer_around(w, "why: ", a->reason, FIELD_SHOWN, ".\n");
}

static void write_log_line(struct writer *w, const struct alert *a,
			   const struct message_options *options)
{
	if (a->message.n == 0)
		return;
	writer_str(w, "\nThe log line:\n");
	if (options->style == MESSAGE_FULL)
		writer_shown(w, a->message, MESSAGE_SHOWN);
	else
		writer_str(w, "(left out, since the mail server refused the mail that had it)");
	writer_str(w, "\n");
}

/* Where to add a rule: the first whitelist that is one file, no glob; NULL: there is none. */
static const char *whitelist_file(const struct config *config)
{
	for (size_t i = 0; i < config->whitelist_files.n; i++)
		if (!strpbrk(config->whitelist_files.items[i], "*?["))
			return config->whitelist_files.items[i];
	return NULL;
}

static void write_permit(struct writer *w, const struct alert *a,
			 const struct message_options *options)
{
	const char *refusal = permit_refusal(a), *file = whitelist_file(options->config);

	if (!refusal && options->style == MESSAGE_NO_LOGS && a->cert_id.n > 0)
		refusal = "it would name the certificate, which is log text";
	if (refusal) {
		writer_format(w, "\nNo whitelist line is offered: %s.\n", refusal);
		return;
	}
	writer_str(w, "\nTo allow this");
	if (file)
		writer_around(w, ", add to ", slice_of(file), FIELD_SHOWN, "");
	writer_str(w, ":\n");
	permit_write(w, a, slice_of(options->host));
	writer_str(w, "\n");
}

void describe_full(struct writer *w, const struct alert *a, const struct message_options *options)
{
	bool claims_login = a->kind == ALERT_LOGIN || a->kind == ALERT_FORGED;

	describe_title(w, a, options);
	writer_str(w, "\n\n");
	if (describe_shows_fields(a, options)) {
		write_field(w, "user", a->user);
		write_field(w, "from", a->addr);
		if (a->port_known)
			writer_format(w, "port: %llu\n", (unsigned long long)a->port);
	}
	write_field(w, "host", describe_host(a, options));
	write_times(w, a, options);
	if (describe_is_known_login(a))
		write_how(w, a, options);
	if (is_repetition(a))
		writer_format(w, "logins: %llu, which the log joined in one line\n",
			      (unsigned long long)a->count);
	if (a->kind == ALERT_FORGED) {
		if (a->uid_known)
			writer_format(w, "uid: %llu\n", (unsigned long long)a->uid);
		if (options->style == MESSAGE_FULL)
			write_field(w, "command", a->comm);
	}
	if (a->kind == ALERT_GAP && a->count > 0)
		writer_format(w, "lost: %llu\n", (unsigned long long)a->count);
	write_reason(w, a);
	write_source(w, a);
	write_log_line(w, a, options);
	if (a->cut)
		writer_str(w, "(this line was cut)\n");
	if (claims_login)
		write_permit(w, a, options);
}
