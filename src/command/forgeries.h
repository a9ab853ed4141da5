/*
 * Forged records cost an attacker nothing, so they are joined: the first of a user is reported at
 * once; those that follow are counted and reported together when their window ends. Windows grow
 * to an hour while the flood lasts. Users beyond the first sixteen at a time, who may be as many as
 * there are IDs, share one alert that names them. Times are of a clock that is never set, in
 * microseconds.
 */
#pragma once

#include "base/buffer.h"
#include "text/alert.h"

#define FORGERIES_USERS 16 /* with a slot of their own */
#define FORGERIES_NAMED 16 /* of the other users, in one alert */

struct forgery {
	bool used;
	bool uid_known;
	uint64_t uid;
	uint64_t window_usec, ends_usec;
	uint64_t held;	     /* records that the waiting alert reports */
	uint64_t last_usec;  /* time of the last of them */
	struct buffer block; /* the first of them, as alert_write() makes it */
};

struct forgeries {
	struct forgery of[FORGERIES_USERS + 1]; /* the last one is shared by the other users */
	uint64_t others[FORGERIES_NAMED];	/* who wrote what it holds */
	size_t n_others;
	bool more_others;
	struct buffer storage, reason;
};

void forgeries_init(struct forgeries *f);
void forgeries_done(struct forgeries *f);

/*
 * Adds a forged alert: 1 if it is to be reported now, and forgeries_reported() is due once that was
 * done; 0 if it is held. -ENOMEM, -E2BIG.
 */
int forgeries_add(struct forgeries *f, struct alert *a);
void forgeries_reported(struct forgeries *f, const struct alert *a, uint64_t now_usec);

/*
 * The next joined alert whose window ended (@all: any that is held): 1 and *ret, which lives until
 * the next call and is no longer held; 0 if there is none. -ENOMEM.
 */
int forgeries_join(struct forgeries *f, bool all, uint64_t now_usec, struct alert *ret);

/* When the first window ends in which something is held; UINT64_MAX if nothing is. */
uint64_t forgeries_due(const struct forgeries *f);

/* Forgets what is held: it will be read and added again. */
void forgeries_forget(struct forgeries *f);
