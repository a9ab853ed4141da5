/* The ledger is the only memory: if its last `instance` alert is a start, that run did not stop. */
#include "command/instance.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "config.h"
#include "store/ledger/reader.h"

#define NAME "loginbell " LOGINBELL_VERSION

/* Whether the previous run did not record its end; false if the ledger cannot be read. */
static bool was_killed(int dirfd)
{
	struct ledger_reader *reader = NULL;
	bool started = false;
	struct alert a;
	int r;

	if (ledger_reader_open(dirfd, 0, &reader, NULL) < 0)
		return false;
	while ((r = ledger_reader_next(reader, &a)) > 0)
		if (r != LEDGER_E_REPLACED && a.kind == ALERT_INSTANCE)
			started = a.started;
	(void)ledger_reader_free(reader);
	return r == 0 && started;
}

int instance_started(int dirfd, struct buffer *ret)
{
	return buffer_printf(ret, NAME " was started%s",
			     was_killed(dirfd) ? "; the previous run did not stop by itself: it "
						 "was killed, or the machine went down"
					       : "");
}

int instance_stopped(int signal, struct buffer *ret)
{
	return signal ? buffer_printf(ret, NAME " was stopped by signal %d (%s)", signal,
				      strsignal(signal))
		      : buffer_append_str(ret, NAME " ended with its input");
}

/* SIGKILL and the like are sent on purpose; the watchdog's SIGABRT has the result "watchdog". */
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
