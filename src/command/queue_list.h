/* What waits, or was given up, for whom: from the files of the state alone, without a lock. */
#pragma once

#include "command/options.h"
#include "store/delivery.h"
#include "store/spool.h"

struct queue_to {
	const struct config_destination *config;
	const struct delivery_destination *done; /* NULL: the sender has written nothing yet */
	struct delivery_destination begin;	 /* what a new destination will begin with */
	struct spool_message *frozen[DELIVERY_QUEUES]; /* NULL: none */
};

struct queue {
	struct config *config;
	struct buffer path;	   /* of the state directory */
	int dirfd, deliver_dirfd;  /* of the reader and the sender; -1: missing */
	struct delivery *delivery; /* NULL: as above */
	struct queue_to *to;
	size_t n;
	uint64_t now_usec;
	bool faults; /* parts of the state are damaged, which was told */
};

/* One alert for one destination, or for the one recipient of it that lacks the alert. */
struct queue_entry {
	const struct alert *alert;
	const struct queue_to *to;
	enum delivery_state state; /* WAITING to GIVEN_UP */
	const char *rcpt;	   /* NULL: all */
	const char *mail;	   /* the frozen mail's Message-ID; NULL: none is frozen */
	uint64_t tries;
	uint64_t last_try_usec, next_try_usec; /* 0: none; none is planned */
};

/* The exit status; faults are told. queue_close() is due in any case. */
int queue_open(struct queue *q, const struct options *options);
void queue_close(struct queue *q);

/*
 * Calls @each for every alert of the ledger, with what waits of it for @to (NULL: for all), in
 * @n entries (0: it does not wait), until that gives something else than 0, which is given. -errno.
 */
typedef int (*queue_each)(void *userdata, const struct alert *alert,
			  const struct queue_entry *entries, size_t n);
int queue_walk(struct queue *q, const struct queue_to *to, queue_each each, void *userdata);

/* Whether the alert's id begins so. */
static inline bool queue_has_id(const struct alert *a, struct slice begin)
{
	return a->id.n >= begin.n && memcmp(a->id.p, begin.p, begin.n) == 0;
}
