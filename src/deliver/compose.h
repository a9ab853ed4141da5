/* From alerts to a frozen mail: what the configuration and this host's name give to it. */
#pragma once

#include <stdint.h>

#include "base/hash.h"
#include "store/spool.h"
#include "text/config.h"
#include "text/message/batch.h"

#define COMPOSE_NAME_MAX 256

struct compose_host {
	char host[COMPOSE_NAME_MAX];
	char fqdn[COMPOSE_NAME_MAX]; /* "": not looked up yet */
};

/* Takes gethostname(2); the full name is looked up when first needed. */
void compose_host_init(struct compose_host *h);
/* The name with its domain, where DNS knows one within 3 s; else the host name. */
const char *compose_fqdn(struct compose_host *h);

/* From= or its default, and the envelope's sender. Each is appended. -ENOMEM. */
int compose_from(const struct config_destination *dest, struct compose_host *h, struct buffer *ret);

/* Of all that the configuration gives to a mail of this destination. */
struct hash128 compose_fingerprint(const struct config *config,
				   const struct config_destination *dest);

/*
 * Fills o->mail, o->message_id and o->config from @batch (n ≥ 1). With o->one_rcpt the mail is to
 * that one alone. @note may be NULL.
 * -E2BIG: the mail would be too large; -ENOMEM.
 */
int compose_mail(struct outgoing *o, const struct batch *batch, const struct config *config,
		 const struct config_destination *dest, struct compose_host *h, const char *note,
		 uint64_t now_usec);

/* The same for a test message, without alerts. */
int compose_test(struct outgoing *o, const struct config *config,
		 const struct config_destination *dest, struct compose_host *h, uint64_t now_usec);
