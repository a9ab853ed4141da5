/* The line is on standard error, so that standard output can be redirected. */
#include "command/progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/notify.h"
#include "base/timetext.h"

#define UPDATE_USEC (USEC_PER_SEC / 5)
#define SHOW_USEC   USEC_PER_SEC /* shorter work shows no line */

void progress_update(struct progress *p, struct source *source, const char *name)
{
	uint64_t now = clock_steady();
	struct source_progress done;
	char share[32] = "", rate[48] = "";

	if (now - p->updated_usec < UPDATE_USEC)
		return;
	if (p->updated_usec == 0)
		p->begun_usec = now;
	p->updated_usec = now;
	(void)notify_send("WATCHDOG=1");
	if (now - p->begun_usec < SHOW_USEC || p->quiet || !isatty(STDERR_FILENO))
		return;
	source_progress(source, &done);
	if (done.total)
		(void)snprintf(share, sizeof(share), "%3" PRIu64 "%% of ",
			       (uint64_t)((double)done.done / (double)done.total * 100));
	if (done.records)
		(void)snprintf(rate, sizeof(rate), ", %" PRIu64 " records/s",
			       done.records * USEC_PER_SEC / (now - p->begun_usec));
	(void)fprintf(stderr, "\r%s%s%s, %" PRIu64 " logins", share, name, rate, p->logins);
	p->shown = true;
}

void progress_clear(struct progress *p)
{
	if (p->shown)
		(void)fputs("\r\033[K", stderr);
	p->shown = false;
}
