/*
 * What became of an attempt to send a message: noted in "delivery", and saved. After each of these
 * but outcome_deferred() the message is done with, and job->o is NULL.
 */
#pragma once

#include "deliver/attempt.h"
#include "deliver/job.h"

/* At least one recipient has it. */
void outcome_done(struct job *job, const struct transport_result *result);
/* It stays frozen for another try; after GiveUpAfter= it is given up, and job->o is NULL. */
void outcome_deferred(struct job *job, const struct transport_result *result);
/* Its alerts go into the retry queue, so that others overtake them. */
void outcome_held(struct job *job, enum delivery_state state,
		  const struct transport_result *result);
/* It was refused and is of another ledger, so that it cannot be made again: its file is kept. */
void outcome_of_other_ledger(struct job *job, const struct transport_result *result);
/* None of its recipients is configured. Its alerts, if they wait, go into another message. */
void outcome_forgotten(struct job *job);
/* An administrator dropped its last alert. */
void outcome_dropped(struct job *job);
