/* Which alerts of the ledger go into a mail. */
#pragma once

#include "deliver/sender.h"
#include "store/spool.h"
#include "text/message/batch.h"

/*
 * New alerts behind the mark of o->class, and summaries of repeats that are due: sets
 * o->done_up_to, ranges and repeats. Repeats within a window are counted in @dest (*ret_counted
 * says if any). An empty batch means that nothing is to be mailed. -errno.
 */
int select_new(struct sender *s, const struct destination *d, struct delivery_destination *dest,
	       struct spool_message *o, struct batch *ret, bool *ret_counted);

/* Those of an exception that is due, with others for the same recipient. Sets o->class, ranges and
 * rcpts. Those that the ledger has no more are dropped. -errno. */
int select_held(struct sender *s, const struct destination *d, struct delivery_destination *dest,
		struct spool_message *o, struct batch *ret);

/* Those of a mail that was frozen before; fewer where the ledger has them no more. -errno. */
int select_again(struct sender *s, struct delivery_destination *dest, const struct spool_message *o,
		 struct batch *ret);

/* Whether an exception is to be tried in this run. */
bool select_is_due(const struct sender *s, const struct delivery_held *x, uint64_t now_usec);
