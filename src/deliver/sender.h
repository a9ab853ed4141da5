/* The sender: reads the ledger, sends what is due, and notes what was sent. */
#pragma once

#include "deliver/state.h"

/*
 * Loads the state of @dirfd, the sender's part of s->path, whose lock the caller holds. @config is
 * then owned by @s, also after an error. -errno, logged.
 */
int sender_open(struct sender *s, int dirfd, struct config *config);
/*
 * The same for a look at the state, without a lock: nothing is written. -EBADMSG: a file is
 * damaged.
 */
int sender_open_readonly(struct sender *s, int dirfd, struct config *config);

/* Replaces the configuration, which @s then owns. -ENOMEM: the old one stays in force. */
int sender_reload(struct sender *s, struct config *config);

/*
 * Reads what came, does what administrators request, sends what is due by @mode, and saves what was
 * sent. *ret_due_usec is when more is due (CLOCK_REALTIME; SCHEDULE_NEVER: nothing waits). -errno
 * if the ledger cannot be read, logged.
 */
int sender_run(struct sender *s, enum sender_mode mode, uint64_t *ret_due_usec);

/* Whether alerts wait to be sent; repeats that wait for their summary do not count. */
bool sender_waits(const struct sender *s);

/* Appends one line for people: whether alerts wait, the last message, the last failure. */
int sender_status(const struct sender *s, struct buffer *ret);
