/*
 * Carries a frozen mail to a destination's servers: which server, which recipients together, and
 * what is known of it afterwards.
 */
#pragma once

#include "base/hostname.h"
#include "deliver/transport.h"
#include "store/spool.h"
#include "text/config.h"

struct attempt;

enum attempt_outcome {
	ATTEMPT_DONE = 0, /* at least one recipient has it, and of the others it is known why not */
	ATTEMPT_DEFERRED,
	ATTEMPT_REFUSED, /* the mail itself; nobody has it */
	ATTEMPT_NOBODY,	 /* all recipients were refused or deferred, each by itself */
};

struct attempt_hooks {
	/* Before the first byte goes out: makes "in doubt" durable. 0 or -errno. */
	int (*before_data)(void *userdata);
	bool (*alive)(void *userdata);
	void *userdata;
};

/* Its connections live as long as it does. The arguments must outlive it. NULL: out of memory. */
struct attempt *attempt_new(const struct config_destination *dest, struct hostname *host);
struct attempt *attempt_free(struct attempt *a);

/*
 * Tries once, all servers in order. Sets the states of o->rcpts, and o->in_doubt; *ret is what a
 * server said last: when done, of those who took it.
 */
enum attempt_outcome attempt_send(struct attempt *a, struct spool_message *o,
				  const struct attempt_hooks *hooks, struct transport_result *ret);
