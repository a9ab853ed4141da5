/*
 * The one way into the ledger: records of a source are judged, alerts appended and made durable,
 * and only then the position moves.
 */
#pragma once

#include "command/session.h"

struct intake;

/*
 * Opens the state for writing: the directory (made where missing), reader.lock, the ledger. Tells
 * what is wrong; gives the exit status. Nothing of the log has been read before.
 */
int intake_open(struct session *session, struct intake **ret);
struct intake *intake_free(struct intake *in);

/* The directory of the state, as a path and as a descriptor; they live as long as the intake. */
const char *intake_directory(const struct intake *in);

/*
 * The stored position: a text that lives as long as the intake, NULL where there is none. Where it
 * is damaged, or was removed, that is told, and what reading goes on from instead is given.
 */
int intake_position(struct intake *in, const char **ret);

enum intake_mode {
	INTAKE_FOLLOWING, /* positions that only skip noise are saved now and then */
	INTAKE_FINAL,	  /* everything that is held is written down */
};

/*
 * Takes all records that the session's source has now. 0; -errno: of the source, or of the state
 * directory; in both cases the position is before all that is not durable, and the source is to
 * be opened anew at intake_position(). Ends early, with the rest for the next time, when
 * the session's stop_usec is over, or, without one, when SIGTERM or SIGINT is blocked and pending.
 */
int intake_drain(struct intake *in, enum intake_mode mode);

/* Saves the source's position now, e.g. of the first start. -errno. */
int intake_save_position(struct intake *in);

/*
 * When, on clock_steady(), intake_drain() has something to do that no record tells of: a joined
 * alert of forged records is to be written. UINT64_MAX: nothing.
 */
uint64_t intake_due(const struct intake *in);

/* Writes an `instance` alert, where a destination wants it; @number is of a signal, or 0. -errno.
 */
int intake_started(struct intake *in);
int intake_stopped(struct intake *in, int number);

/* Tells, as a gap, of a crash that this process runs behind (instance_crash()). -errno. */
int intake_crashed(struct intake *in);

/* When the next heartbeat is due, on clock_steady(). UINT64_MAX: none is, now. */
uint64_t intake_heartbeat_due(const struct intake *in);

/*
 * Writes the heartbeat if it is due; for INTAKE_FINAL, if it would be before the next time, likely.
 * To be called when intake_drain() just went well. Where it cannot be, it is tried again later.
 */
void intake_heartbeat(struct intake *in, enum intake_mode mode);

struct intake_counts {
	uint64_t logins, allowed, alerts, forged;
};
struct intake_counts intake_counts(const struct intake *in);
