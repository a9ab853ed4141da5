/*
 * The sender: the configuration's destinations, what was done for each, and the ledger's alerts.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "deliver/attempt.h"
#include "deliver/compose.h"
#include "store/delivery.h"
#include "store/ledger/reader.h"
#include "store/spool.h"
#include "text/config.h"

enum sender_mode {
	SENDER_FOLLOW, /* what is due */
	SENDER_ONCE,   /* what waits; not what was refused, nor repeats within their window */
	SENDER_FLUSH,  /* the same, and what was refused */
	SENDER_APPLY,  /* nothing: only what administrators ask for is done */
};

/* A destination while the sender runs. */
struct destination {
	const struct config_destination *config;
	uint64_t newest[DELIVERY_CLASSES]; /* the greatest number of an alert for it */
	bool fresh[DELIVERY_CLASSES];	   /* one came since the last try */
	bool frozen[DELIVERY_QUEUES];	   /* a mail stands in outgoing/, or in unsaved[] */
	bool own_fault[DELIVERY_QUEUES];   /* the last deferral was that of the mail itself */
	struct spool_message *unsaved[DELIVERY_QUEUES]; /* one that the full disk did not take */
	unsigned refused_in_a_row; /* single alerts, with nothing accepted between */
	struct attempt *attempt;   /* of this run */
};

struct sender {
	int dirfd;
	struct config *config; /* owned */
	struct delivery *delivery;
	struct ledger_reader *tail;
	uint64_t last_seq;     /* of the ledger, as far as read */
	uint64_t selected_seq; /* the same, of mails that were made: these read further */
	uint64_t damaged;      /* blocks, as far as told */
	uint64_t restart_seq;  /* after a damaged "delivery": where the current ledger begins */
	struct destination *destinations;
	size_t n_destinations;
	struct hostname host;
	enum sender_mode mode;
	uint64_t run_usec;	       /* when the run began */
	bool retried;		       /* an alert that was given up is to be tried again */
	bool changed;		       /* what was done is not saved yet */
	bool (*alive)(void *userdata); /* false: end what is being sent; NULL */
	void *userdata;
};

/*
 * Opens what was done before in the state directory @dirfd, whose sender.lock the caller holds.
 * @config is taken over. -errno, logged.
 */
int sender_open(struct sender *s, int dirfd, struct config *config);
/*
 * The same for a look at it, without a lock: nothing is written, or logged as repaired. A damaged
 * file is an error: -EBADMSG.
 */
int sender_open_shown(struct sender *s, int dirfd, struct config *config);
void sender_close(struct sender *s);

/* Goes on with another configuration, which is taken over. -ENOMEM: the old one stays. */
int sender_reload(struct sender *s, struct config *config);

/*
 * Reads what came, sends what is due by @mode, and writes down what was done. *ret_due_usec is
 * when more is due (CLOCK_REALTIME; SCHEDULE_NEVER: nothing is). -errno where the ledger cannot
 * be read, logged.
 */
int sender_run(struct sender *s, enum sender_mode mode, uint64_t *ret_due_usec);

/* Whether alerts wait to be mailed; repeats that wait for their summary do not count. */
bool sender_waits(const struct sender *s);

/* One line for people: what waits, what was mailed last, what failed. Appends. */
int sender_status(const struct sender *s, struct buffer *ret);

/* For queue.c. */
struct delivery_destination *sender_done(const struct sender *s, const struct destination *d);
/* Saves what was done. A failure is logged; it is tried again with the next. */
void sender_save(struct sender *s);
