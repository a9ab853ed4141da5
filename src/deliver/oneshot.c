/*
 * A test message is sent without any state, and by the same way as all others, so that its result
 * says whether alerts would arrive.
 */
#include "deliver/oneshot.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "deliver/attempt.h"
#include "deliver/content.h"
#include "deliver/signals.h"
#include "deliver/state.h"

static bool alive(void *userdata)
{
	(void)userdata;
	return !signals_stop();
}

static int make(struct spool_message *o, const struct config *config,
		const struct config_destination *dest, struct hostname *host)
{
	int r = 0;

	for (size_t i = 0; i < dest->to.n && r == 0; i++)
		r = spool_add_rcpt(o, dest->to.items[i], SPOOL_OPEN);
	return r < 0 ? r : content_compose(o, NULL, config, dest, host, NULL, clock_now());
}

/* The exit status. */
static int test_one(const struct config *config, const struct config_destination *dest,
		    struct hostname *host)
{
	const struct attempt_hooks hooks = {.alive = alive};
	AUTO_SPOOL_MESSAGE struct spool_message *o = spool_new();
	struct attempt *attempt = attempt_new(dest, host);
	struct transport_result result;
	int r = o && attempt ? make(o, config, dest, host) : -ENOMEM;

	if (r < 0) {
		log_error("no message can be made: %s", strerror(-r));
		(void)attempt_free(attempt);
		return 1;
	}
	if (attempt_send(attempt, o, &hooks, &result) != ATTEMPT_DONE)
		log_error("%s: %s%s", destination_name(dest->name), result.text,
			  o->in_doubt ? " (the server may have accepted it)" : "");
	(void)attempt_free(attempt);
	for (size_t i = 0; i < o->n_rcpts; i++)
		if (o->rcpts[i].state == SPOOL_ACCEPTED)
			(void)printf("%s: %s\n", o->rcpts[i].addr, result.text);
	/* Recipients that a server refused are logged already. */
	return spool_count(o, SPOOL_ACCEPTED) == o->n_rcpts ? 0 : 1;
}

int oneshot_test(const struct config *config)
{
	struct hostname host;
	int status = 0;

	hostname_init(&host);
	for (size_t i = 0; i < config->n_destinations; i++)
		if (test_one(config, &config->destinations[i], &host) != 0)
			status = 1;
	return status;
}
