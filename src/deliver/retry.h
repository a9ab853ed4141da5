/*
 * The retry queue: alerts that a server refused or deferred are held apart from the new ones, and
 * are sent again by themselves.
 */
#pragma once

#include "deliver/state.h"

/* Those that have been due for the longest time. NULL: none is due. */
const struct delivery_held *retry_first(const struct sender *s, const struct destination *d,
					uint64_t now_usec);

/* Whether @x is sent in the same message as @first. */
bool retry_joins(const struct sender *s, const struct destination *d, const struct delivery_held *x,
		 const struct delivery_held *first, uint64_t now_usec);

/* The wait after try number @tries, with its random part. */
uint64_t retry_wait_usec(uint64_t tries);

/*
 * Holds the alerts of @o for @rcpt (NULL: for all recipients), after @tries that took @waited_usec
 * altogether. Out of memory is logged.
 */
void retry_hold(struct destination *d, const struct spool_message *o, enum delivery_state state,
		const char *rcpt, uint64_t tries, uint64_t waited_usec);

/*
 * The alerts of @o, a message of the retry queue, are held no longer. *ret_tries and
 * *ret_waited_usec (may be NULL) are the least of what was noted of them.
 */
void retry_release(struct destination *d, const struct spool_message *o, uint64_t *ret_tries,
		   uint64_t *ret_waited_usec);
