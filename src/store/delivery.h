/*
 * What the sender has done, which it alone writes to the file "delivery".
 *
 * Every destination has three queues. Two are one per class of message (logins with gaps and
 * instances; forged alerts), so that a flood of one class never delays the other; such a queue is
 * done up to a number if all alerts of its class up to there are sent, counted as repeats, or held.
 * The retry queue sends what is held: alerts that were refused or deferred, which others overtake.
 *
 * Times are microseconds (CLOCK_REALTIME).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/hash.h"
#include "store/ledger/format.h"
#include "text/alert.h"

#define DELIVERY_REPEATS_MAX 20000 /* windows of one destination; beyond that repeats are sent */

enum delivery_queue_id {
	DELIVERY_LOGIN = 0,
	DELIVERY_FORGED,
	DELIVERY_CLASSES, /* the queues before this one are also the classes of messages */
	DELIVERY_RETRY = DELIVERY_CLASSES,
	DELIVERY_QUEUES,
};

struct delivery_queue {
	/*
	 * All alerts of the class up to this one are sent, counted as repeats, held or dropped; 0
	 * for the retry queue.
	 */
	uint64_t done_up_to;
	uint64_t serial; /* of its last message that is done with */
	uint64_t last_mail_usec;
	uint64_t tries; /* of the current back-off; 0: none */
	uint64_t last_try_usec, next_try_usec;
};

enum delivery_state {
	DELIVERY_DONE = 0, /* sent, not for this destination, or counted as a repeat */
	DELIVERY_WAITING,
	DELIVERY_DEFERRED, /* held, and tried again with the usual back-off */
	DELIVERY_REFUSED,  /* held, and tried again hourly */
	DELIVERY_GIVEN_UP,
	DELIVERY_STATES,
};

/* Alerts of one class that others overtake. */
struct delivery_held {
	enum delivery_state state; /* DEFERRED, REFUSED or GIVEN_UP */
	enum delivery_queue_id class;
	uint64_t first, last;
	uint64_t tries;
	uint64_t waited_usec; /* the sum of the waits between tries */
	uint64_t last_try_usec, next_try_usec;
	char *rcpt; /* owned; the one recipient that lacks them; NULL: all */
};

/* A login that was sent, and how often the same was recorded since. */
struct delivery_repeat {
	struct hash128 key;
	uint64_t start_usec; /* of its window */
	uint64_t count;	     /* since then, not reported yet */
	uint64_t first_seq;  /* of the first that was counted; 0 while count is 0 */
	uint64_t last_seq;   /* the greatest that was counted */
};

/* An alert that an administrator dropped before its queue reached it. */
struct delivery_dropped {
	enum delivery_queue_id class;
	uint64_t seq;
};

struct delivery_destination {
	char *name; /* owned; "" is [Mail] */
	struct delivery_queue queues[DELIVERY_QUEUES];
	struct delivery_held *held; /* in no order */
	size_t n_held;
	struct delivery_repeat *repeats; /* in order of key */
	size_t n_repeats, cap_repeats;
	struct delivery_dropped *dropped; /* in no order */
	size_t n_dropped;
	uint64_t sequence;   /* X-Loginbell-Sequence of the last message; 0: none yet */
	uint64_t unreported; /* alerts given up that no message has reported yet */
	char reply[256];     /* the server's to the last accepted message */
	char mailed[128];    /* its Message-ID */
	char failure[512];   /* why the last try failed; "" after one that did not */
};

struct delivery {
	char ledger_id[LEDGER_ID_MAX]; /* "": not known yet */
	struct delivery_destination *destinations;
	size_t n_destinations;
};

/* NULL when out of memory; free accepts NULL. */
struct delivery *delivery_new(void);
struct delivery *delivery_free(struct delivery *d);

#define AUTO_DELIVERY CLEANUP(delivery_auto_free)
static inline void delivery_auto_free(struct delivery **d)
{
	(void)delivery_free(*d);
}

/* The words of files, "queue" and logs for them. */
extern const char *const delivery_queues[DELIVERY_QUEUES];
extern const char *const delivery_states[DELIVERY_STATES];
/* The class of alerts of this kind. */
enum delivery_queue_id delivery_class(enum alert_kind kind);

/* NULL: there is none of this name. It lives until the next add or remove. */
struct delivery_destination *delivery_find(const struct delivery *d, const char *name);
/* Adds one, all zero. NULL when out of memory. */
struct delivery_destination *delivery_add(struct delivery *d, const char *name);
void delivery_remove(struct delivery *d, struct delivery_destination *dest);

/*
 * Holds alerts; e->rcpt is copied. Those that continue others of the same state, class and
 * recipient are joined to them, with the shorter wait of both. -ENOMEM.
 */
int delivery_hold(struct delivery_destination *dest, const struct delivery_held *e);

/*
 * Alerts @first to @last of this class are held no longer for this recipient (NULL: those held for
 * all), given-up ones too. -ENOMEM.
 */
int delivery_release(struct delivery_destination *dest, enum delivery_queue_id class,
		     const char *rcpt, uint64_t first, uint64_t last);

/*
 * The alert is done with, unsent: it is held no longer, and if its queue has not reached it, that
 * is remembered until then. -ENOMEM.
 */
int delivery_drop(struct delivery_destination *dest, enum delivery_queue_id class, uint64_t seq);
bool delivery_is_dropped(const struct delivery_destination *dest, enum delivery_queue_id class,
			 uint64_t seq);
/* Forgets those that their queues have passed. */
void delivery_drop_expire(struct delivery_destination *dest);

/*
 * Makes one given-up alert due at once; it then has the whole of GiveUpAfter= again. Returns the
 * number of entries that were given up; -ENOMEM.
 */
int delivery_revive(struct delivery_destination *dest, enum delivery_queue_id class, uint64_t seq,
		    uint64_t now_usec);

/* The worst state of one alert over the recipients. Does not look at Events=; view_state() does. */
enum delivery_state delivery_state_of(const struct delivery_destination *dest, enum alert_kind kind,
				      uint64_t seq);

/*
 * Notes which ledger the numbers are of. True if they were of another one: nothing of this one was
 * sent, and all progress is forgotten. "" is no id and changes nothing.
 */
bool delivery_set_ledger(struct delivery *d, const char *id);

/* What makes a login the same as another: host, user, address, method, key. */
struct hash128 delivery_repeat_key(const struct alert *a);
/* NULL: there is none. It lives until the next repeat_add or repeat_expire. */
struct delivery_repeat *delivery_repeat_find(const struct delivery_destination *dest,
					     struct hash128 key);
/* The one of this key, made if there is none. NULL: out of memory, or at the maximum. */
struct delivery_repeat *delivery_repeat_add(struct delivery_destination *dest, struct hash128 key);
/* Forgets windows that began before @start_usec and have counted nothing. */
void delivery_repeat_expire(struct delivery_destination *dest, uint64_t start_usec);
