/* A mail that a lane works on: work.c makes it, lane.c sends it, settle.c says what came of it. */
#pragma once

#include "deliver/queue.h"
#include "text/message/batch.h"

struct work {
	struct sender *s;
	struct target *t;
	struct delivery_destination *dest;
	struct delivery_queue *lane;
	enum delivery_queue_name name;
	char file[SPOOL_NAME_MAX];
	struct spool_message *o; /* owned */
	bool foreign;		 /* of another ledger: its numbers mean nothing now */
};

void work_done(struct work *w);
#define AUTO_WORK CLEANUP(work_done)

/* Finds the lane's frozen mail, if any: w->o. */
void work_thaw(struct work *w);
/* Makes a mail of what is due, and freezes nothing. 1; 0 where there is nothing; -errno. */
int work_draft(struct work *w, bool *ret_counted);
/* Makes the frozen mail anew from the ledger. 1; 0 where the ledger lacks its alerts; -errno. */
int work_remake(struct work *w, enum message_style style, bool half);
/* The configured recipients, or the one whom @like is for. -ENOMEM. */
int work_add_rcpts(const struct work *w, struct spool_message *o, const struct spool_message *like);
/* Freezes w->o: from now on it is in outgoing/, or in memory where the disk is full. */
void work_freeze(struct work *w);
/* w->o is done with: removes it. Frees it. */
void work_drop(struct work *w);
/* How many alerts it tells of. */
uint64_t work_alerts(const struct spool_message *o);

/* At least one recipient has it. */
void settle_done(struct work *w, const struct transport_result *result);
/* It stays for another try, or is given up. */
void settle_deferred(struct work *w, const struct transport_result *result);
/* Its alerts become held, so that others overtake them; w->o is dropped. */
void settle_aside(struct work *w, enum delivery_state state, const struct transport_result *result);
/* Refused, and of another ledger, so that it cannot be made anew: is kept aside; w->o is dropped.
 */
void settle_foreign(struct work *w, const struct transport_result *result);
/* Nobody is to get it any more; w->o is dropped. */
void settle_forgotten(struct work *w);
/* Its last alert was dropped by an administrator; so is w->o. */
void settle_dropped(struct work *w);
