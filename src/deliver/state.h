/*
 * What the sender knows while it runs: the configuration, what was sent for each destination, and
 * how far the ledger was read. Below all modules that work with it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/hostname.h"
#include "deliver/attempt.h"
#include "store/delivery.h"
#include "store/ledger/reader.h"
#include "store/spool.h"
#include "store/view.h"
#include "text/config.h"

enum sender_mode {
	SENDER_FOLLOW, /* what is due */
	SENDER_ONCE,   /* what waits, but not refused alerts or repeats within their window */
	SENDER_FLUSH,  /* the same, and refused alerts */
	SENDER_APPLY,  /* nothing; only administrators' requests are done */
};

/* A queue, as far as it is not in the file "delivery". */
struct queue_state {
	uint64_t newest;	       /* the greatest number of an alert for it */
	bool fresh;		       /* one came since the last try */
	bool frozen;		       /* a message is frozen on disk, or in @unsaved */
	bool own_fault;		       /* the last deferral was due to the message itself */
	struct spool_message *unsaved; /* owned; one that the full disk did not hold */
};

struct destination {
	const struct config_destination *config;
	struct delivery_destination *progress; /* of sender.delivery: what was sent, and is held */
	struct queue_state queues[DELIVERY_QUEUES];
	unsigned refused_in_a_row; /* single alerts, without an accepted message between */
	struct attempt *attempt;   /* of this run; NULL: nothing was sent yet */
};

/* How far the ledger was read. */
struct tail {
	struct ledger_reader *reader; /* NULL: it is read from its beginning */
	uint64_t last_seq;
	uint64_t selected_seq; /* as far as messages were made; their readers are later */
	uint64_t damaged;      /* blocks that were logged */
};

struct sender_run {
	enum sender_mode mode;
	uint64_t begin_usec;
	bool retried; /* a request: alerts that were given up are tried again */
};

struct sender {
	const char *path;      /* of the state directory; not owned */
	int dirfd;	       /* of the sender's part; not owned */
	int ledger_dirfd;      /* of the reader's part; -1: missing */
	struct config *config; /* owned */
	struct delivery *delivery;
	bool changed; /* it is not saved yet */
	struct destination *destinations;
	size_t n_destinations;
	uint64_t restart_seq; /* after a damaged "delivery": the first alert of the file "ledger" */
	struct hostname host;
	struct tail tail;
	struct sender_run run;
	bool (*alive)(void *userdata); /* false: end what is being sent; NULL */
	void *userdata;
};

/*
 * Replaces the configuration, which it then owns. Destinations and recipients that it does not name
 * are forgotten; a new destination gets what no other one was sent yet. A message that only memory
 * holds is made again from the ledger. -ENOMEM: the old configuration stays in force.
 */
int state_configure(struct sender *s, struct config *config);
/* The same for a look at the state: nothing on disk changes, nothing is forgotten. */
int state_configure_readonly(struct sender *s, struct config *config);
void state_close(struct sender *s);

/* Opens the reader's part of the state directory, again if it is open. -errno, logged. */
int state_open_ledger(struct sender *s);

/* Saves the file "delivery". A failure is logged; s->changed stays set. */
void state_save(struct sender *s);
/*
 * A class of which nothing waits is done up to the end of the ledger, so that other programs can
 * see that from "delivery" alone.
 */
void state_advance_idle(struct sender *s);

/* "[Mail]" or a destination's name: for logs and headers. */
static inline const char *destination_name(const char *name)
{
	return name[0] ? name : "[Mail]";
}

/* One queue, as the present run sees it. */
struct view_queue state_queue(const struct sender *s, const struct destination *d,
			      enum delivery_queue_id queue_id);
