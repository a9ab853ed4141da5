/* Nothing is kept for this beside the ledger: an end that was told is the last thing it tells. */
#include "command/instance.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "config.h"
#include "store/ledger/reader.h"

#define NAME	"loginbell " LOGINBELL_VERSION
#define STARTED " was started"

/* Whether the last `instance` alert is that of a start. A ledger that cannot be read tells nothing.
 */
static bool is_without_end(int dirfd)
{
	struct ledger_reader *reader = NULL;
	bool started = false;
	struct alert a;
	int r;

	if (ledger_reader_open(dirfd, 0, &reader, NULL) < 0)
		return false;
	while ((r = ledger_reader_next(reader, &a)) > 0)
		if (r != LEDGER_E_REPLACED && a.kind == ALERT_INSTANCE)
			started = memmem(a.reason.p, a.reason.n, STARTED, strlen(STARTED)) != NULL;
	(void)ledger_reader_free(reader);
	return r == 0 && started;
}

int instance_started(int dirfd, struct buffer *ret)
{
	return buffer_printf(ret, NAME STARTED "%s",
			     is_without_end(dirfd) ? "; the run before did not come to its end: it "
						     "was killed, or the machine was"
						   : "");
}

int instance_stopped(int number, struct buffer *ret)
{
	return number ? buffer_printf(ret, NAME " was stopped by signal %d (%s)", number,
				      strsignal(number))
		      : buffer_append_str(ret, NAME " ended with its input");
}

/* SIGKILL and the like are somebody's will; SIGABRT of a watchdog is a slow machine's. */
const char *instance_crash(void)
{
	static const char *const crashes[] = {"SEGV", "BUS", "ILL", "FPE", "ABRT", "SYS"};
	const char *result = getenv("SERVICE_RESULT"), *status = getenv("EXIT_STATUS");

	if (!result || !status ||
	    (strcmp(result, "core-dump") != 0 && strcmp(result, "signal") != 0))
		return NULL;
	for (size_t i = 0; i < ARRAY_SIZE(crashes); i++)
		if (strcmp(status, crashes[i]) == 0)
			return crashes[i];
	return NULL;
}
