/*
 * Carries a frozen mail to a destination's servers: which server, which recipients together, and
 * what is known of it afterwards.
 */
#pragma once

#include "deliver/compose.h"
#include "deliver/transport.h"
#include "store/spool.h"
#include "text/config.h"

struct carrier;

enum carrier_outcome {
	CARRIER_DONE = 0, /* at least one recipient has it, and of the others it is known why not */
	CARRIER_DEFERRED,
	CARRIER_REFUSED, /* the mail itself; nobody has it */
	CARRIER_NOBODY,	 /* all recipients were refused or deferred, each by itself */
};

struct carrier_hooks {
	/* Before the first byte goes out: makes "in doubt" durable. 0 or -errno. */
	int (*before_data)(void *userdata);
	bool (*alive)(void *userdata);
	void *userdata;
};

/* Its connections live as long as it does. The arguments must outlive it. NULL: out of memory. */
struct carrier *carrier_new(const struct config_destination *dest, struct hostname *host);
struct carrier *carrier_free(struct carrier *c);

/*
 * Tries once, all servers in order. Sets the states of o->rcpts, and o->in_doubt; *ret is what a
 * server said last: when done, of those who took it.
 */
enum carrier_outcome carrier_send(struct carrier *c, struct spool_message *o,
				  const struct carrier_hooks *hooks, struct transport_result *ret);
