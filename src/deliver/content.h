/* A frozen message's bytes, with what the configuration and this host's names add to them. */
#pragma once

#include <stdint.h>

#include "base/hash.h"
#include "base/hostname.h"
#include "store/spool.h"
#include "text/config.h"
#include "text/message/batch.h"

/* The compose_fingerprint() of a destination, with the text of its BodyFile= as it is now. */
struct hash128 content_settings(const struct config *config, const struct config_destination *dest);

/*
 * Sets o->mail, o->message_id and o->config from @batch (n >= 1; NULL: a test message). With
 * o->one_rcpt the message is to that recipient alone. @note may be NULL. A BodyFile= that cannot be
 * read is logged, and the built-in text is used. -E2BIG: the message would be too large; -ENOMEM.
 */
int content_compose(struct spool_message *o, const struct batch *batch, const struct config *config,
		    const struct config_destination *dest, struct hostname *h, const char *note,
		    uint64_t now_usec);
