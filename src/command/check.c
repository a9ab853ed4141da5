/* Is everything set up: check loads configuration and whitelists, test-mail sends a message. */
#include "command/check.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "command/deliver_process.h"
#include "command/session.h"
#include "command/whitelist_files.h"
#include "text/whitelist.h"

static void warn(const struct error *what, void *userdata)
{
	(void)userdata;
	log_error_struct(LOG_WARNING, what);
}

static const char *plural(size_t n)
{
	return n == 1 ? "" : "s";
}

static void print_destinations(const struct config *c)
{
	for (size_t i = 0; i < c->n_destinations; i++) {
		const struct config_destination *d = &c->destinations[i];

		for (size_t k = 0; k < d->to.n; k++)
			printf("%s%s", k > 0 ? ", " : i > 0 ? "; " : " (", d->to.items[k]);
		for (size_t k = 0; k < d->n_servers; k++)
			printf("%s%s", k > 0 ? ", " : " via ", d->servers[k].url);
	}
	printf("%s\n", c->n_destinations > 0 ? ")" : "");
}

int command_check(const struct options *options)
{
	struct session s;
	int r = session_init(&s, options, SESSION_REFUSE);

	if (r == STATUS_DONE) {
		size_t rules = whitelist_size(s.whitelist), n = s.config->n_destinations;

		whitelist_warnings(s.whitelist, clock_now(), warn, NULL);
		if (!options->quiet) {
			printf("OK: %zu rule%s, %zu destination%s", rules, plural(rules), n,
			       plural(n));
			print_destinations(s.config);
		}
	}
	session_done(&s);
	return r;
}

int command_test_mail(const struct options *options)
{
	return deliver_process_run(SENDER_TEST, options, NULL, NULL);
}
