/* A message of one queue: how it is made from the ledger, and kept frozen until it is done with. */
#pragma once

#include "deliver/state.h"

struct job {
	struct sender *s;
	struct destination *d;
	enum delivery_queue_id queue_id;
	struct delivery_queue *queue; /* its durable part */
	struct queue_state *state;    /* and what is only in memory */
	char file[SPOOL_NAME_MAX];
	struct spool_message *o; /* owned, unless it is state->unsaved; NULL: none */
	bool of_other_ledger;	 /* its alerts' numbers mean nothing in this ledger */
};

/* No message yet. */
void job_init(struct job *job, struct sender *s, struct destination *d,
	      enum delivery_queue_id queue_id);
void job_done(struct job *job);
#define AUTO_JOB CLEANUP(job_done)

/* Loads the queue's frozen message. job->o stays NULL if there is none. */
void job_thaw(struct job *job);

/*
 * Makes a message of what is due, which is not frozen yet. *ret_counted as of select_new(). 1; 0 if
 * nothing is to be sent; -errno.
 */
int job_draft(struct job *job, bool *ret_counted);

/*
 * Makes the frozen message again from the ledger, or from the first half of its alerts, and freezes
 * it. 1; 0 if the ledger has none of them; -errno. Unless 1, it stays as it was.
 */
enum job_part { JOB_WHOLE, JOB_HALF };
int job_remake(struct job *job, enum message_style style, enum job_part part);

/* Adds the configured recipients to @o; with o->one_rcpt it has its one already. -ENOMEM. */
int job_add_rcpts(const struct job *job, struct spool_message *o);

/* Freezes job->o on disk; in memory if the disk is full, which is logged. */
void job_freeze(struct job *job);

/* job->o is done with: removes and frees it. */
void job_drop(struct job *job);

/* How many alerts a message reports. */
uint64_t job_alerts(const struct spool_message *o);
