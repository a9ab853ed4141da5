/*
 * Rows are printed as they come, so columns have fixed widths; a wider value moves the rest of its
 * row.
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

#define ROW_MAX	     ((size_t)4 << 20) /* bytes, also if every byte is escaped */
#define OUTPUT_BLOCK (256 << 10)       /* bytes written at once: a file then has large folios */

enum { TIME, VERDICT, HOST, USER, FROM, METHOD, COLUMNS };

static const struct {
	const char *heading;
	size_t width;
} columns[COLUMNS] = {
	[TIME] = {"TIME", 19}, [VERDICT] = {"VERDICT", 7}, [HOST] = {"HOST", 12},
	[USER] = {"USER", 12}, [FROM] = {"FROM", 16},	   [METHOD] = {"METHOD", 10},
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
	/* Somebody may be typing into standard input and waits for each row. */
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

/* Begins a row with all columns but the last. */
static int begin_row(struct table *t, const struct slice values[COLUMNS])
{
	int r = 0;

	buffer_clear(&t->row);
	for (size_t i = 0; i < COLUMNS && r == 0; i++)
		if (i != HOST || t->host == TABLE_WITH_HOST)
			r = row_column(&t->row, values[i], columns[i].width);
	return r;
}

static void print_row(const struct table *t, const struct judged *judged)
{
	const char *colour = "";

	if (t->colour && judged && judged->judgement == JUDGED_ALERT)
		colour = judged->alert.kind == ALERT_LOGIN ? "\033[1m" : "\033[31m";
	row_print(&t->row, t->columns, colour);
}

static int heading(struct table *t)
{
	struct slice values[COLUMNS];
	int r;

	for (size_t i = 0; i < COLUMNS; i++)
		values[i] = slice_of(columns[i].heading);
	r = begin_row(t, values);
	if (r == 0)
		r = buffer_append_str(&t->row, "KEY, RULE OR REASON");
	if (r == 0)
		print_row(t, NULL);
	return r;
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
	struct slice values[COLUMNS] = {[VERDICT] = verdict_word(j),
					[HOST] = a->host,
					[USER] = a->user,
					[FROM] = a->addr,
					[METHOD] = a->method};
	struct tm tm;
	int r;

	if (sec > 0 && localtime_r(&sec, &tm))
		(void)strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S", &tm);
	values[TIME] = slice_of(when);
	r = begin_row(t, values);
	if (r == 0)
		r = last_column(t, j);
	if (r == 0)
		print_row(t, j);
	return r;
}

int table_row(struct table *t, const struct judged *j)
{
	struct export_verdict v = {.allowed = j->judgement != JUDGED_ALERT,
				   .file = j->verdict.allowed ? j->verdict.file : NULL,
				   .line = j->verdict.line};
	int r = 0;

	if (t->output == OUTPUT_SHORT) {
		if (!t->heading_done && !t->quiet)
			r = heading(t);
		t->heading_done = true;
		return r < 0 ? r : short_row(t, j);
	}
	buffer_clear(&t->row);
	r = t->output == OUTPUT_JSON ? export_json(&j->alert, &v, &t->row)
				     : export_journal(&j->alert, &v, &t->row);
	if (r == 0)
		(void)fwrite(t->row.data, 1, t->row.len, stdout);
	return r;
}
