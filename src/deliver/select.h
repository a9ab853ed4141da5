/* Which alerts of the ledger go into a message. */
#pragma once

#include "deliver/state.h"
#include "text/message/batch.h"

/*
 * New alerts after o->done_up_to of the class o->class, and summaries of repeats that are due:
 * fills @ret, and sets done_up_to, ranges and repeats of @o. Repeats within their window are
 * counted in "delivery" (*ret_counted: there were some). An empty batch: nothing is to be sent.
 * -errno.
 */
int select_new(struct sender *s, struct destination *d, struct spool_message *o, struct batch *ret,
	       bool *ret_counted);

/*
 * Held alerts that are due, all for the same recipient: fills @ret, and sets class, ranges and the
 * one recipient, if any, of @o. Alerts that the ledger does not have are released. -errno.
 */
int select_held(struct sender *s, struct destination *d, struct spool_message *o,
		struct batch *ret);

/* The alerts of a frozen message, fewer if the ledger lacks some. -errno. */
int select_again(const struct sender *s, const struct destination *d, const struct spool_message *o,
		 struct batch *ret);

/*
 * Finds the alert of this ID, the last one if the ID occurs twice. Of *ret only kind and seq are
 * set. 0; -ENOENT; -errno.
 */
int select_find(int dirfd, const char *id, struct alert *ret);
