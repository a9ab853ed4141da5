/* Shows who logged in, when, from where, how, and the verdict. Changes nothing. */
#include "command/report.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "command/session_source.h"
#include "command/table.h"

#define UPDATE_ROWS 64 /* reading the clock for each row costs a fortieth of the time */

static int print_all(struct session *s, struct table *table)
{
	struct record record;
	struct judged judged;
	unsigned n = 0;
	int r;

	while ((r = source_next(s->source, &record)) > 0) {
		if (r == SOURCE_AGAIN || ++n % UPDATE_ROWS == 0)
			progress_update(&s->progress, s->source, s->source_name);
		if (r == SOURCE_AGAIN)
			continue;
		r = judge_record(s->judge, s->source, &record, clock_now(), &judged);
		if (r == 0 && judged.judgement != JUDGED_NOTHING) {
			s->progress.logins++;
			progress_clear(&s->progress); /* the row replaces the line */
			r = table_row(table, &judged);
		}
		if (r < 0)
			break;
	}
	progress_clear(&s->progress);
	return r;
}

static int report(struct session *s)
{
	const struct options *o = s->options;
	struct source_options so = {
		.since_usec = o->since_usec, .until_usec = o->until_usec, .nameless = true};
	struct table *table;
	int r = session_open_source(s, &so, NULL);

	if (r != STATUS_DONE)
		return r;
	table = table_new(o,
			  o->directory || s->config->directory ? TABLE_WITH_HOST : TABLE_NO_HOST);
	if (!table) {
		log_error("out of memory");
		return STATUS_FAILED;
	}
	r = print_all(s, table);
	(void)table_free(table);
	if (r < 0) {
		log_error("%s: %s", s->source_name, strerror(-r));
		return STATUS_FAILED;
	}
	if (s->progress.logins == 0 && o->output == OUTPUT_SHORT && !o->quiet)
		printf("No SSH login in %s.\n", s->source_name);
	return STATUS_DONE;
}

int command_report(const struct options *options)
{
	struct session s;
	int r = session_init(&s, options, SESSION_LAST_GOOD);

	if (r == STATUS_DONE)
		r = report(&s);
	session_done(&s);
	return r;
}
