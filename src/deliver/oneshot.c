/*
 * A full disk takes no ledger, no frozen mail and no mark. Then the reader hands alerts over on
 * standard input and keeps its position, so that they come again by the ledger, and with the same
 * Message-ID, since that is made of the alerts' ids.
 */
#include "deliver/oneshot.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/io.h"
#include "base/log.h"
#include "deliver/attempt.h"
#include "deliver/compose.h"
#include "deliver/sender.h"
#include "deliver/signals.h"
#include "text/message/batch.h"

#define INPUT_MAX (64U << 20)

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
	r = compose_test(o, config, dest, host, clock_now());
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

/* Splits the input at empty lines. */
static int read_alerts(struct slice text, struct batch *ret)
{
	AUTO_BUFFER struct buffer storage = BUFFER_INIT(INPUT_MAX);
	struct alert a;
	int r;

	while (text.n > 0) {
		const char *end = memmem(text.p, text.n, "\n\n", 2);
		struct slice block = {text.p, end ? (size_t)(end - text.p) + 1 : text.n};

		text = slice_from(text, end ? block.n + 1 : text.n);
		if (block.n == 0 || block.p[0] == '\n')
			continue;
		r = alert_read(block, &storage, &a);
		if (r == 0)
			r = batch_add(ret, &a);
		if (r < 0)
			return r;
	}
	return 0;
}

static int send_class(const struct config *config, const struct config_destination *dest,
		      struct hostname *host, const struct batch *all,
		      enum delivery_queue_name class)
{
	AUTO_SPOOL_MESSAGE struct spool_message *o = mail_to(dest);
	AUTO_BATCH struct batch batch = {0};
	struct transport_result result = {0};
	int r = 0;

	if (!o)
		return EX_TEMPFAIL;
	for (size_t i = 0; i < all->n && r >= 0; i++)
		if (delivery_class(all->alerts[i].kind) == class &&
		    ((dest->events >> all->alerts[i].kind) & 1))
			r = batch_add(&batch, &all->alerts[i]);
	if (r >= 0 && batch.n == 0)
		return 0;
	if (r >= 0)
		r = compose_mail(o, &batch, config, dest, host, NULL, clock_now());
	if (r < 0) {
		log_error("no mail can be made: %s", strerror(-r));
		return EX_TEMPFAIL;
	}
	r = send(o, dest, host, &result);
	if (r == 0)
		log_info("mail %s accepted: %s", o->message_id, result.text);
	return r;
}

int oneshot_stdin(const struct config *config)
{
	AUTO_BUFFER struct buffer text = BUFFER_INIT(INPUT_MAX);
	AUTO_BATCH struct batch batch = {0};
	struct hostname host;
	int r, status = 0;

	r = io_read_all(STDIN_FILENO, &text);
	if (r == 0)
		r = read_alerts(buffer_slice(&text), &batch);
	if (r < 0) {
		log_error("standard input: %s", strerror(-r));
		return 2;
	}
	hostname_init(&host);
	for (size_t i = 0; i < config->n_destinations; i++)
		for (int c = 0; c < DELIVERY_CLASSES; c++)
			if (send_class(config, &config->destinations[i], &host, &batch,
				       (enum delivery_queue_name)c) != 0)
				status = EX_TEMPFAIL;
	return status;
}
