/*
 * Shows for each line, from the command line or standard input, how it is read and which rule
 * decides. A line is a message alone, or has a syslog header.
 */
#include "command/explain.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "command/session.h"
#include "command/table.h"
#include "text/display.h"
#include "text/syslog_line.h"

#define LINE_MAX_SHOWN ((size_t)1 << 18) /* bytes; escaped, up to four times as many */

struct explain {
	struct session session;
	struct table *table; /* for -o json and export; NULL: text for people */
	struct buffer shown;
};

#define AMBIGUOUS "ambiguous: an address could be read at another place too; no rule may allow it"
#define CUT	  "so long that sshd cut it: its end is not trusted"

static void print_field(struct explain *e, const char *label, struct slice value)
{
	if (!value.p)
		return;
	buffer_clear(&e->shown);
	if (display_append(&e->shown, value) == 0)
		printf("  %-12s %.*s\n", label, (int)e->shown.len,
		       e->shown.len ? e->shown.data : "");
}

static void print_number(const char *label, bool known, uint64_t n)
{
	if (known)
		printf("  %-12s %" PRIu64 "\n", label, n);
}

static void print_login(struct explain *e, const struct alert *a)
{
	print_field(e, "host", a->host);
	print_field(e, "program", a->program);
	print_field(e, "user", a->user);
	print_field(e, "from", a->addr);
	print_number("port", a->port_known, a->port);
	print_field(e, "method", a->method);
	print_field(e, "key", a->key_type);
	print_field(e, "fingerprint", a->fingerprint);
	print_field(e, "certificate", a->cert_id);
	print_field(e, "serial", a->cert_serial);
	print_field(e, "CA", a->ca_fingerprint);
	print_number("times", a->count > 1, a->count);
	print_field(e, "note", slice_of(a->ambiguous ? AMBIGUOUS : NULL));
	print_field(e, "note", slice_of(a->cut ? CUT : NULL));
}

static void print_verdict(struct explain *e, const struct judged *j)
{
	switch (j->judgement) {
	case JUDGED_NOTHING:
		printf("  %-12s no successful login\n", "read as");
		break;
	case JUDGED_ALLOWED:
		printf("  %-12s allowed by %s:%u\n", "verdict", j->verdict.file, j->verdict.line);
		break;
	case JUDGED_SKIPPED:
		printf("  %-12s no alert: left out by Methods= or Pattern=\n", "verdict");
		break;
	case JUDGED_ALERT:
		buffer_clear(&e->shown);
		if (display_append(&e->shown, j->alert.reason) == 0)
			printf("  %-12s alert: %.*s\n", "verdict", (int)e->shown.len,
			       e->shown.len ? e->shown.data : "");
		break;
	}
}

static int explain_line(struct explain *e, struct slice line)
{
	const struct config *c = e->session.config;
	struct record record = {.message = line,
				.trusted = true,
				.identity = line,
				.source = SLICE_LITERAL("explain")};
	struct syslog_clock clock = {.now_usec = clock_now()};
	struct syslog_line parsed;
	struct judged judged = {.judgement = JUDGED_NOTHING};
	int r = 0, k;

	k = syslog_line_read(line, (const char *const *)c->programs.items, &clock, &parsed);
	if (k == 0) {
		record.message = parsed.header.message;
		record.host = parsed.header.host;
		record.program = parsed.header.program;
		record.realtime_usec = parsed.header.realtime_usec;
		record.count = parsed.repeated;
		r = judge_details(e->session.judge, &record, clock_now(), &judged);
	}
	if (r < 0)
		return r;
	if (e->table)
		return judged.judgement == JUDGED_NOTHING ? 0 : table_row(e->table, &judged);
	buffer_clear(&e->shown);
	r = display_append(&e->shown, line);
	if (r < 0)
		return r;
	printf("%.*s\n", (int)e->shown.len, e->shown.len ? e->shown.data : "");
	if (k == SYSLOG_LINE_E_PROGRAM)
		printf("  %-12s not of sshd or Dropbear (Programs=)\n", "read as");
	else {
		if (judged.judgement != JUDGED_NOTHING)
			print_login(e, &judged.alert);
		print_verdict(e, &judged);
	}
	return 0;
}

static int explain_input(struct explain *e)
{
	AUTO_FREE char *line = NULL;
	size_t size = 0;
	ssize_t n;
	int r = 0;

	while (r == 0 && (n = getline(&line, &size, stdin)) >= 0) {
		if (n > 0 && line[n - 1] == '\n')
			n--;
		r = explain_line(e, (struct slice){line, (size_t)n});
	}
	return r < 0 ? r : ferror(stdin) ? -EIO : 0;
}

int command_explain(const struct options *options)
{
	struct explain e = {.shown = BUFFER_INIT(4 * LINE_MAX_SHOWN)};
	int r = session_init(&e.session, options, SESSION_LAST_GOOD), k = 0;

	if (r == STATUS_DONE && options->output != OUTPUT_SHORT) {
		e.table = table_new(options, TABLE_NO_HOST);
		k = e.table ? 0 : -ENOMEM;
	}
	if (r == STATUS_DONE && k == 0) {
		if (options->arguments[0])
			for (char **a = options->arguments; *a && k == 0; a++)
				k = explain_line(&e, slice_of(*a));
		else
			k = explain_input(&e);
	}
	if (k < 0) {
		log_error("explain: %s", strerror(-k));
		r = STATUS_FAILED;
	}
	(void)table_free(e.table);
	buffer_done(&e.shown);
	session_done(&e.session);
	return r;
}
