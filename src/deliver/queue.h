/* One lane of one destination, one step at a time: freeze a mail, send it, write down what came. */
#pragma once

#include "deliver/sender.h"

enum lane_step {
	LANE_IDLE = 0, /* nothing is due now */
	LANE_AGAIN,    /* something was done, more may be due */
};

enum lane_step lane_step(struct sender *s, struct target *t, enum delivery_queue_name lane);

/* When it is due next; SCHEDULE_NEVER. */
uint64_t lane_due(const struct sender *s, const struct target *t, enum delivery_queue_name lane,
		  uint64_t now_usec);
