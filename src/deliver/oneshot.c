/* The test message: sent at once, without any state. */
#include "deliver/oneshot.h"

#include <stdio.h>
#include <sysexits.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "deliver/attempt.h"
#include "deliver/content.h"
#include "deliver/sender.h"
#include "deliver/signals.h"

static bool alive(void *userdata)
{
	(void)userdata;
	return !signals_stop();
}

/* Sends a composed mail; logs what keeps it from anybody. */
static int send(struct spool_message *o, const struct config_destination *dest,
		struct hostname *host, struct transport_result *result)
{
	const struct attempt_hooks hooks = {.alive = alive};
	struct attempt *c = attempt_new(dest, host);
	enum attempt_outcome outcome;

	if (!c) {
		log_error("out of memory");
		return EX_TEMPFAIL;
	}
	outcome = attempt_send(c, o, &hooks, result);
	(void)attempt_free(c);
	if (outcome != ATTEMPT_DONE)
		log_error("%s: %s%s", dest->name[0] ? dest->name : "[Mail]", result->text,
			  o->in_doubt ? " (the server may have accepted it)" : "");
	/* Whom a server refused is logged already. */
	return spool_count(o, SPOOL_ACCEPTED) == o->n_rcpts ? 0 : EX_TEMPFAIL;
}

static struct spool_message *mail_to(const struct config_destination *dest)
{
	struct spool_message *o = spool_new();

	for (size_t i = 0; o && i < dest->to.n; i++)
		if (spool_add_rcpt(o, dest->to.items[i], SPOOL_OPEN) < 0)
			o = spool_free(o);
	if (!o)
		log_error("out of memory");
	return o;
}

static int test_one(const struct config *config, const struct config_destination *dest,
		    struct hostname *host)
{
	AUTO_SPOOL_MESSAGE struct spool_message *o = mail_to(dest);
	struct transport_result result = {0};
	int r;

	if (!o)
		return 1;
	r = content_compose(o, NULL, config, dest, host, NULL, clock_now());
	if (r < 0) {
		log_error("no mail can be made: %s", strerror(-r));
		return 1;
	}
	r = send(o, dest, host, &result);
	for (size_t i = 0; i < o->n_rcpts; i++)
		if (o->rcpts[i].state == SPOOL_ACCEPTED)
			(void)printf("%s: %s\n", o->rcpts[i].addr, result.text);
	return r == 0 ? 0 : 1;
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
