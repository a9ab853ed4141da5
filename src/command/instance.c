/* The ledger is the only memory: if its last `instance` alert is a start, that run did not stop. */
#include "command/instance.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "config.h"
#include "store/ledger/reader.h"

#define NAME "loginbell " LOGINBELL_VERSION

static int look(void *userdata, const struct alert *a)
{
	bool *started = userdata;

	if (a->kind == ALERT_INSTANCE)
		*started = a->started;
	return 0;
}

/* Whether the previous run did not record its end; false if the ledger cannot be read. */
static bool was_killed(int dirfd)
{
	bool started = false;

	return ledger_each(dirfd, look, &started, NULL) == 0 && started;
}

static bool is_wanted(const struct config *config)
{
	unsigned events = 0;

	for (size_t i = 0; i < config->n_destinations; i++)
		events |= config->destinations[i].events;
	return events & (1U << ALERT_INSTANCE);
}

static int record(struct recorder *r, const struct config *config, bool started, const char *what)
{
	const struct alert a = {
		.kind = ALERT_INSTANCE, .started = started, .reason = slice_of(what)};

	return is_wanted(config) ? recorder_append_own(r, &a, "instance", clock_now()) : 0;
}

int instance_started(struct recorder *r, const struct config *config)
{
	return record(r, config, true,
		      was_killed(recorder_dirfd(r)) ? NAME
			      " was started; the previous run did not stop by itself: it was "
			      "killed, or the machine went down"
						    : NAME " was started");
}

int instance_stopped(struct recorder *r, const struct config *config, int signal)
{
	char what[128] = NAME " ended with its input";

	if (signal)
		(void)snprintf(what, sizeof(what), NAME " was stopped by signal %d (%s)", signal,
			       strsignal(signal));
	return record(r, config, false, what);
}

/*
 * The name of the signal that ended the service, or NULL. SIGKILL and the like are sent on purpose;
 * the watchdog's SIGABRT has the result "watchdog".
 */
static const char *crash(void)
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

int instance_crashed(struct recorder *r)
{
	const char *name = crash();

	if (!name)
		return 0;
	return recorder_damage(r, DAMAGE_HOURLY, 0,
			       "the reader crashed (SIG%s) and is started again at the stored "
			       "position; if it crashes there each time, no login is reported "
			       "until the cause is removed, for example by moving a damaged "
			       "journal file (journalctl --verify) away",
			       name);
}
