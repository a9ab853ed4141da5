/* Reads configuration and whitelists and tells every fault; a sender or reader starts then. */
#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "command/commands.h"
#include "command/session.h"
#include "command/whitelist_files.h"
#include "text/whitelist.h"

static void warn(const struct error *what, void *userdata)
{
	(void)userdata;
	log_error_struct(LOG_WARNING, what);
}

int command_check(const struct options *options)
{
	struct session s;
	int r = session_init(&s, options);

	if (r == STATUS_DONE) {
		whitelist_warnings(s.whitelist, clock_now(), warn, NULL);
		if (!options->quiet)
			printf("configuration and whitelists are in order: %zu rules, "
			       "%zu destinations\n",
			       whitelist_size(s.whitelist), s.config->n_destinations);
	}
	session_done(&s);
	return r;
}
