/*
 * One attempt to send a frozen message: which server, which recipients together, and what became of
 * it.
 */
#pragma once

#include "base/hostname.h"
#include "deliver/transport.h"
#include "store/spool.h"
#include "text/config.h"

struct attempt;

enum attempt_outcome {
	ATTEMPT_DONE = 0, /* at least one recipient has it; of the others the state is known */
	ATTEMPT_DEFERRED,
	ATTEMPT_REFUSED, /* the message itself; no recipient has it */
	ATTEMPT_NOBODY,	 /* each recipient was refused or deferred by itself */
};

struct attempt_hooks {
	/* Before the first byte is sent: makes "in doubt" durable. 0 or -errno. */
	int (*before_data)(void *userdata);
	bool (*alive)(void *userdata);
	void *userdata;
};

/*
 * Its connections are kept until attempt_free(). The arguments must outlive it. NULL: out of
 * memory.
 */
struct attempt *attempt_new(const struct config_destination *dest, struct hostname *host);
struct attempt *attempt_free(struct attempt *a);

/*
 * Tries the servers in order, once. Servers and the envelope's sender are those of the
 * configuration. Sets o->in_doubt and the states of o->rcpts. *ret is the last result; if done,
 * that of the server that accepted the message.
 */
enum attempt_outcome attempt_send(struct attempt *a, struct spool_message *o,
				  const struct attempt_hooks *hooks, struct transport_result *ret);
