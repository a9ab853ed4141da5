/* Copies of alerts of the ledger, for one message. */
#pragma once

#include <stddef.h>

#include "base/buffer.h"
#include "text/alert.h"

#define BATCH_BYTES_MAX (16U << 20) /* of one message's alerts: more than MESSAGE_MAX can show */

struct batch {
	struct alert *alerts;
	struct buffer *storage; /* what each of them points to */
	size_t n, cap, bytes;
};

void batch_done(struct batch *b);
#define AUTO_BATCH CLEANUP(batch_done)

/* Copies @a. 1; 0: the batch is full; -ENOMEM. */
int batch_add(struct batch *b, const struct alert *a);
/* Removes all after the first @n. */
void batch_truncate(struct batch *b, size_t n);
