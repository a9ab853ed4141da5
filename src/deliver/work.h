/* A mail that a lane works on; shared by lane.c, which makes and sends it, and settle.c. */
#pragma once

#include "deliver/batch.h"
#include "deliver/lane.h"

struct work {
	struct sender *s;
	struct target *t;
	struct delivery_destination *dest;
	struct delivery_lane *lane;
	enum delivery_lane_name name;
	char file[OUTGOING_NAME_MAX];
	struct outgoing *o; /* owned */
	bool foreign;	    /* of another ledger: its numbers mean nothing now */
};

/* Freezes w->o: from now on it is in outgoing/, or in memory where the disk is full. */
void work_freeze(struct work *w);
/* w->o is done with: removes it. Frees it. */
void work_drop(struct work *w);
/* How many alerts it tells of. */
uint64_t work_alerts(const struct outgoing *o);

/* At least one recipient has it. */
void settle_done(struct work *w, const struct transport_result *result);
/* It stays for another try, or is given up. */
void settle_deferred(struct work *w, const struct transport_result *result);
/* Its alerts become exceptions, so that others overtake them; w->o is dropped. */
void settle_aside(struct work *w, enum delivery_state state, const struct transport_result *result);
/* Refused, and of another ledger, so that it cannot be made anew: is kept aside; w->o is dropped.
 */
void settle_foreign(struct work *w, const struct transport_result *result);
/* Nobody is to get it any more; w->o is dropped. */
void settle_forgotten(struct work *w);
