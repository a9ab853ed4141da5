/*
 * The table is printed as the rows come, so its columns have fixed widths; a value that is wider
 * pushes the row.
 */
#include "command/table.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "base/cleanup.h"
#include "command/row.h"
#include "text/display.h"
#include "text/export.h"

#define ROW_MAX	     ((size_t)4 << 20) /* also of text that is all to be escaped */
#define OUTPUT_BLOCK (256 << 10)       /* bytes written at once: a file then has large folios */

enum {
	WIDTH_TIME = 19,
	WIDTH_VERDICT = 7,
	WIDTH_HOST = 12,
	WIDTH_USER = 12,
	WIDTH_FROM = 16,
	WIDTH_METHOD = 10
};

struct table {
	enum output output;
	enum table_host host;
	bool quiet, heading_done, terminal, colour;
	size_t columns; /* of the terminal; 0: rows are not cut */
	struct buffer row;
};

static char block[OUTPUT_BLOCK]; /* stdout's: outlives the table */

struct table *table_new(const struct options *options, enum table_host host)
{
	struct table *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->output = options->output;
	t->host = host;
	t->quiet = options->quiet;
	t->row.max = ROW_MAX;
	t->terminal = isatty(STDOUT_FILENO);
	/* Who still writes to standard input does not wait for rows for so long. */
	if (!t->terminal && !options_standard_input(options))
		(void)setvbuf(stdout, block, _IOFBF, OUTPUT_BLOCK);
	t->colour = t->terminal && !getenv("NO_COLOR");
	t->columns = row_columns();
	return t;
}

struct table *table_free(struct table *t)
{
	if (t)
		buffer_done(&t->row);
	free(t);
	return NULL;
}

static int column(struct table *t, struct slice s, size_t width)
{
	return row_column(&t->row, s, width);
}

static int end_of_row(struct table *t, const struct judged *judged)
{
	const char *colour = "";

	if (t->colour && judged && judged->judgement == JUDGED_ALERT)
		colour = judged->alert.kind == ALERT_LOGIN ? "\033[1m" : "\033[31m";
	row_print(&t->row, t->columns, colour);
	return 0;
}

static int heading(struct table *t)
{
	int r = column(t, SLICE_LITERAL("TIME"), WIDTH_TIME);

	if (r == 0)
		r = column(t, SLICE_LITERAL("VERDICT"), WIDTH_VERDICT);
	if (r == 0 && t->host == TABLE_WITH_HOST)
		r = column(t, SLICE_LITERAL("HOST"), WIDTH_HOST);
	if (r == 0)
		r = column(t, SLICE_LITERAL("USER"), WIDTH_USER);
	if (r == 0)
		r = column(t, SLICE_LITERAL("FROM"), WIDTH_FROM);
	if (r == 0)
		r = column(t, SLICE_LITERAL("METHOD"), WIDTH_METHOD);
	if (r == 0)
		r = buffer_append_str(&t->row, "KEY, RULE OR REASON");
	return r < 0 ? r : end_of_row(t, NULL);
}

static struct slice verdict_word(const struct judged *j)
{
	switch (j->judgement) {
	case JUDGED_ALLOWED:
		return SLICE_LITERAL("allowed");
	case JUDGED_SKIPPED:
		return SLICE_LITERAL("left");
	case JUDGED_NOTHING:
	case JUDGED_ALERT:
		break;
	}
	return j->alert.kind == ALERT_FORGED ? SLICE_LITERAL("FORGED")
	       : j->alert.kind == ALERT_GAP  ? SLICE_LITERAL("GAP")
					     : SLICE_LITERAL("alert");
}

static int last_column(struct table *t, const struct judged *j)
{
	const struct alert *a = &j->alert;
	int r = 0;

	if (a->kind == ALERT_LOGIN && a->count > 1)
		r = buffer_printf(&t->row, "%" PRIu64 " times  ", a->count);
	if (r == 0 && a->key_type.n && a->fingerprint.n) {
		r = display_append(&t->row, a->key_type);
		if (r == 0)
			r = buffer_append_char(&t->row, ' ');
		if (r == 0)
			r = display_append(&t->row, a->fingerprint);
		if (r == 0)
			r = buffer_append_str(&t->row, "  ");
	}
	if (r == 0 && j->judgement == JUDGED_ALLOWED)
		r = buffer_printf(&t->row, "%s:%u", j->verdict.file, j->verdict.line);
	else if (r == 0 && j->judgement == JUDGED_SKIPPED)
		r = buffer_append_str(&t->row, "left out by Methods= or Pattern=");
	else if (r == 0 && (a->kind != ALERT_LOGIN || !a->readable || a->ambiguous))
		r = display_append(&t->row, a->reason);
	return r;
}

static int short_row(struct table *t, const struct judged *j)
{
	const struct alert *a = &j->alert;
	time_t sec = (time_t)(a->time_usec / 1000000);
	char when[32] = "-";
	struct tm tm;
	int r;

	if (sec > 0 && localtime_r(&sec, &tm))
		(void)strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S", &tm);
	r = column(t, slice_of(when), WIDTH_TIME);
	if (r == 0)
		r = column(t, verdict_word(j), WIDTH_VERDICT);
	if (r == 0 && t->host == TABLE_WITH_HOST)
		r = column(t, a->host, WIDTH_HOST);
	if (r == 0)
		r = column(t, a->user, WIDTH_USER);
	if (r == 0)
		r = column(t, a->addr, WIDTH_FROM);
	if (r == 0)
		r = column(t, a->method, WIDTH_METHOD);
	if (r == 0)
		r = last_column(t, j);
	return r < 0 ? r : end_of_row(t, j);
}

int table_row(struct table *t, const struct judged *j)
{
	struct export_verdict v = {.allowed = j->judgement != JUDGED_ALERT,
				   .file = j->verdict.allowed ? j->verdict.file : NULL,
				   .line = j->verdict.line};
	int r = 0;

	if (t->output == OUTPUT_SHORT) {
		buffer_clear(&t->row);
		if (!t->heading_done && !t->quiet)
			r = heading(t);
		t->heading_done = true;
		buffer_clear(&t->row);
		return r < 0 ? r : short_row(t, j);
	}
	buffer_clear(&t->row);
	r = t->output == OUTPUT_JSON ? export_json(&j->alert, &v, &t->row)
				     : export_journal(&j->alert, &v, &t->row);
	if (r == 0)
		(void)fwrite(t->row.data, 1, t->row.len, stdout);
	return r;
}
