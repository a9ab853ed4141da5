/* The reader's position: where reading resumes, and when that is stored. */
#pragma once

#include "command/recorder.h"
#include "source/source.h"
#include "store/position.h"

struct reader_position {
	const struct reader_state *state;
	struct recorder *recorder;
	struct position loaded;
	struct buffer saved;  /* without the time, so that it changes only with what was read */
	uint64_t time_usec;   /* everything logged before was read; 0: not known */
	uint64_t saved_count; /* recorder_count() when it was saved */
	uint64_t saved_usec;  /* clock_steady() */
	uint64_t retry_usec;  /* clock_steady(): it could not be stored; 0: it could */
};

/* Both must outlive the position. */
void reader_position_init(struct reader_position *p, const struct reader_state *state,
			  struct recorder *recorder);
void reader_position_done(struct reader_position *p);

/* The stored heartbeat, which lives until the next call; empty if it cannot be read. */
struct slice reader_position_heartbeat(struct reader_position *p);

/* Alerts up to this time were recorded. */
void reader_position_note(struct reader_position *p, uint64_t time_usec);

/*
 * Loads the stored position: *ret lives until the next call, and is NULL if there is none. If it is
 * damaged or was removed, that is recorded, and *ret is what the ledger or the files' times say
 * instead. Logs what is wrong and returns the exit status.
 */
int reader_position_load(struct reader_position *p, const struct position **ret);

/*
 * Stores the position of @source, with @until_usec as the time up to which everything was read (0:
 * as before, or the last alert's), and the heartbeat. Every alert up to it must be durable. -errno,
 * logged once.
 */
int reader_position_save(struct reader_position *p, struct source *source, uint64_t until_usec,
			 struct slice heartbeat);

/* Whether alerts were recorded since the position was saved. */
bool reader_position_lags(const struct reader_position *p);

/*
 * Whether it is time to save it: after alerts at once, else once a minute; some seconds after a
 * failure.
 */
bool reader_position_is_due(const struct reader_position *p, struct source *source);
