/* One queue of one destination, one step at a time: freeze a message, send it, note the outcome. */
#pragma once

#include "deliver/state.h"

enum queue_step {
	QUEUE_IDLE = 0, /* nothing is due now */
	QUEUE_AGAIN,	/* something was done, more may be due */
};

enum queue_step queue_step(struct sender *s, struct destination *d,
			   enum delivery_queue_id queue_id);

/* When it is due next; SCHEDULE_NEVER. */
uint64_t queue_due(const struct sender *s, const struct destination *d,
		   enum delivery_queue_id queue_id, uint64_t now_usec);
