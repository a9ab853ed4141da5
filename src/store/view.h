/*
 * The one answer to what waits to be sent: for which destination and recipient, since when, why,
 * and until when. Commands ask it with a view that view_load() makes from the files of the state;
 * the sender, which has them in memory, asks about its own queues.
 *
 * Nothing here writes, and the time is passed in.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "store/delivery.h"
#include "store/schedule.h"
#include "store/spool.h"
#include "text/config.h"

/* Whether the destination is to get this alert at all. */
bool view_wants(const struct config_destination *to, const struct alert *a);

/* Whether @addr is a configured recipient; what is held for another one is not sent. */
bool view_has_rcpt(const struct config_destination *to, const char *addr);

/* ---- queues ---- */

/* What a run of the sender sends. */
enum view_run {
	VIEW_WHEN_DUE, /* what is due */
	VIEW_ONCE,     /* what waits, but neither refused alerts nor repeats within their window */
	VIEW_FLUSH,    /* the same, and refused alerts */
};

/* One queue of a destination, as far as the ledger was read. */
struct view_queue {
	const struct config *config;
	const struct delivery_destination *progress;
	enum delivery_queue_id queue_id;
	uint64_t newest;     /* of a class: the greatest number of an alert that may wait */
	bool fresh;	     /* one of them came after the last try */
	bool frozen;	     /* a message of it is frozen */
	enum view_run run;   /* of the present run */
	uint64_t begin_usec; /* when that began; what was tried since is left to the next one */
};

/* Whether anything in it is still to be sent; repeats that wait for a summary do not count. */
bool view_queue_waits(const struct view_queue *q);

/* When it is due next, at most @now_usec if it is; SCHEDULE_NEVER. */
uint64_t view_queue_due(const struct view_queue *q, uint64_t now_usec);

/* Whether these held alerts are to be sent in the run of @q, their queue. */
bool view_held_is_due(const struct view_queue *q, const struct delivery_held *x, uint64_t now_usec);

/* ---- alerts ---- */

enum view_why {
	VIEW_NEW,      /* not tried: it waits for Interval= or the next run */
	VIEW_BEHIND,   /* not tried: it waits until the server accepts earlier messages */
	VIEW_FROZEN,   /* tried: its message will be sent again unchanged */
	VIEW_DEFERRED, /* the server deferred it, and others overtake it */
	VIEW_REFUSED,  /* the server refused it; it is tried hourly */
	VIEW_GIVEN_UP, /* it is kept in the ledger, and not tried again */
	VIEW_REPEAT,   /* it is counted, and reported by the next summary of repeats */
};

/* A destination as the files of the state show it. */
struct view_destination {
	const struct config *config;
	const struct config_destination *to;
	const struct delivery_destination *progress;
	struct delivery_destination begin; /* of one that the sender does not know yet */
	struct spool_message *frozen[DELIVERY_QUEUES]; /* owned; NULL: none */
	size_t earlier; /* frozen messages with alerts of an earlier ledger: they wait too */
};

/* One alert for one destination, or for the one recipient of it that lacks the alert. */
struct view_entry {
	enum view_why why;
	enum delivery_state state; /* DELIVERY_DONE: VIEW_REPEAT */
	const char *rcpt;	   /* NULL: all recipients */
	const char *message_id;	   /* of the frozen message that reports it; NULL: none */
	const char *reason;	   /* the last failure, if it was tried; else "" */
	uint64_t since_usec;	   /* when it was recorded */
	uint64_t tries;
	uint64_t last_try_usec; /* 0: none */
	uint64_t until_usec;	/* when it is due; SCHEDULE_NEVER */
};

/*
 * Where an alert waits, or was given up: the next entry after *at, which begins with 0. False: no
 * more. The entry lives as long as @v.
 */
bool view_next(const struct view_destination *v, const struct alert *a, uint64_t now_usec,
	       size_t *at, struct view_entry *ret);

/* The worst state over the recipients. A waiting alert that Events= leaves out is done. */
enum delivery_state view_state(const struct config_destination *to,
			       const struct delivery_destination *progress, const struct alert *a);

static inline bool view_is_waiting(const struct view_entry *e)
{
	return e->why != VIEW_GIVEN_UP && e->why != VIEW_REPEAT;
}

/* What of the ledger waits for a destination, alert by alert. */
struct view_sum {
	uint64_t waiting, given_up; /* an alert may be both, for two recipients */
	uint64_t since_usec;	    /* when the first that waits was recorded */
};

void view_add(struct view_sum *sum, const struct view_destination *v, const struct alert *a,
	      uint64_t now_usec);

/* Repeats that wait for their summary. */
uint64_t view_repeats(const struct view_destination *v);

/* When the destination is tried next after a failure; 0: nothing failed. */
uint64_t view_retry_usec(const struct view_destination *v);

/*
 * Whether no destination needs any alert of the ledger @id, which ends at @last_seq, so that it may
 * be rotated: nothing waits and no repeat waits for its summary. Alerts given up do not count.
 */
bool view_settled(const struct config *config, const struct delivery *d, const char *id,
		  uint64_t last_seq);

/* ---- the files of the state ---- */

/*
 * What a destination begins with that the sender does not know: it gets what no other one was sent
 * yet, and nothing before @first_seq.
 */
void view_begin(const struct delivery *d, uint64_t first_seq, struct delivery_destination *ret);

struct view {
	struct delivery *delivery; /* owned; empty if the sender has sent nothing of this ledger */
	struct view_destination *destinations; /* of the configuration, in its order */
	size_t n;
	bool damaged; /* "delivery" is: the sender will send the whole ledger again */
	bool faulty;  /* some part cannot be read */
};

typedef void (*view_fault)(const struct error *fault, void *userdata);

/*
 * Reads the state without a lock: "delivery", then the ledger's id, then the spool. A part that is
 * damaged is passed to @fault, and is missing in *ret. @config must outlive the view. 0; -errno,
 * also passed to @fault, but for -ENOMEM. view_done() in any case.
 */
int view_load(int ledger_dirfd, int delivery_dirfd, const struct config *config, view_fault fault,
	      void *userdata, struct view *ret);
void view_done(struct view *v);
