/* From alerts to a frozen mail: what the configuration and this host's name give to it. */
#pragma once

#include <stdint.h>

#include "base/hash.h"
#include "base/hostname.h"
#include "store/spool.h"
#include "text/config.h"
#include "text/message/batch.h"

/* From= or its default, and the envelope's sender. Each is appended. -ENOMEM. */
int compose_from(const struct config_destination *dest, struct hostname *h, struct buffer *ret);

/* Of all that the configuration gives to a mail of this destination. */
struct hash128 compose_fingerprint(const struct config *config,
				   const struct config_destination *dest);

/*
 * Fills o->mail, o->message_id and o->config from @batch (n ≥ 1). With o->one_rcpt the mail is to
 * that one alone. @note may be NULL.
 * -E2BIG: the mail would be too large; -ENOMEM.
 */
int compose_mail(struct spool_message *o, const struct batch *batch, const struct config *config,
		 const struct config_destination *dest, struct hostname *h, const char *note,
		 uint64_t now_usec);

/* The same for a test message, without alerts. */
int compose_test(struct spool_message *o, const struct config *config,
		 const struct config_destination *dest, struct hostname *h, uint64_t now_usec);
