/* A faulty configuration never replaces the one in force, not even at a start. */
#include "deliver/configuration.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/timetext.h"
#include "store/config_file.h"

static void log_fault(const struct error *fault, void *userdata)
{
	(void)userdata;
	log_error_struct(LOG_ERR, fault);
}

/* 0 if the copy was loaded. */
static int recover(const char *state, const struct error *why, struct last_good *good,
		   struct config **ret)
{
	char since[TIMETEXT_MAX], fault[sizeof(good->fault)];
	struct error err = {0};
	int r = config_file_recover(state, STATE_DELIVER, why, good, ret, &err);

	if (r == 0) {
		log_error("the configuration in force since %s is used instead",
			  timetext_local(good->since_usec, since));
	} else if (r != LAST_GOOD_E_NONE) {
		error_format(&err, fault, sizeof(fault));
		log_error("the copy of the last good configuration cannot be used: %s", fault);
	}
	return r;
}

int configuration_load(const char *path, const char *state, enum configuration_fault on_fault,
		       struct last_good *good, struct config **ret)
{
	struct error err = {0};
	int r;

	last_good_init(good);
	r = config_file_load(path, good, ret, log_fault, NULL, &err);
	if (r < 0)
		log_error_struct(LOG_ERR, &err);
	if (r != 0 && r != -ENOMEM && on_fault == CONFIGURATION_LAST_GOOD &&
	    recover(state, &err, good, ret) == 0)
		return 0;
	return r > 0 ? -EINVAL : r;
}

void configuration_save(struct last_good *good, int dirfd)
{
	int r = last_good_save(dirfd, STATE_DELIVER, good, clock_now());

	if (r < 0)
		log_error("cannot copy the configuration in force: %s", strerror(-r));
	else if (good->too_large)
		log_warning(
			"the configuration is larger than 1 MiB and not copied: with a fault "
			"in it, the next start fails");
}
