/* One queue of one destination, one step at a time: freeze a mail, send it, write down what came.
 */
#pragma once

#include "deliver/sender.h"

enum queue_step {
	QUEUE_IDLE = 0, /* nothing is due now */
	QUEUE_AGAIN,	/* something was done, more may be due */
};

enum queue_step queue_step(struct sender *s, struct destination *d, enum delivery_queue_name queue);

/* When it is due next; SCHEDULE_NEVER. */
uint64_t queue_due(const struct sender *s, const struct destination *d,
		   enum delivery_queue_name queue, uint64_t now_usec);
