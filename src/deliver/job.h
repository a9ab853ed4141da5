/* A mail that a queue works on: job.c makes it, queue.c sends it, outcome.c says what came of it.
 */
#pragma once

#include "deliver/queue.h"
#include "text/message/batch.h"

struct job {
	struct sender *s;
	struct destination *d;
	struct delivery_destination *dest;
	struct delivery_queue *queue;
	enum delivery_queue_name name;
	char file[SPOOL_NAME_MAX];
	struct spool_message *o; /* owned */
	bool of_other_ledger;	 /* of another ledger: its numbers mean nothing now */
};

void job_done(struct job *job);
#define AUTO_JOB CLEANUP(job_done)

/* Finds the queue's frozen mail, if any: job->o. */
void job_thaw(struct job *job);
/* Makes a mail of what is due, and freezes nothing. 1; 0 where there is nothing; -errno. */
int job_draft(struct job *job, bool *ret_counted);
/* Makes the frozen mail anew from the ledger. 1; 0 where the ledger lacks its alerts; -errno. */
int job_remake(struct job *job, enum message_style style, bool half);
/* The configured recipients, or the one whom @like is for. -ENOMEM. */
int job_add_rcpts(const struct job *job, struct spool_message *o, const struct spool_message *like);
/* Freezes job->o: from now on it is in outgoing/, or in memory where the disk is full. */
void job_freeze(struct job *job);
/* job->o is done with: removes it. Frees it. */
void job_drop(struct job *job);
/* How many alerts it tells of. */
uint64_t job_alerts(const struct spool_message *o);

/* At least one recipient has it. */
void outcome_done(struct job *job, const struct transport_result *result);
/* It stays for another try, or is given up. */
void outcome_deferred(struct job *job, const struct transport_result *result);
/* Its alerts become held, so that others overtake them; job->o is dropped. */
void outcome_held(struct job *job, enum delivery_state state,
		  const struct transport_result *result);
/* Refused, and of another ledger, so that it cannot be made anew: is kept aside; job->o is dropped.
 */
void outcome_of_other_ledger(struct job *job, const struct transport_result *result);
/* Nobody is to get it any more; job->o is dropped. */
void outcome_forgotten(struct job *job);
/* Its last alert was dropped by an administrator; so is job->o. */
void outcome_dropped(struct job *job);
