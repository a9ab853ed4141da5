/*
 * The one way into the ledger: the records of a source are judged, alerts are appended and made
 * durable, and only then the position moves.
 */
#pragma once

#include "command/recorder.h"
#include "command/session.h"
#include "store/position.h"

struct intake;

/*
 * Opens the state for writing (reader_state.h) and the ledger, before anything of the log is read.
 * @session must outlive the intake. Logs what is wrong and returns the exit status.
 */
int intake_open(struct session *session, struct intake **ret);
struct intake *intake_free(struct intake *in);

/* The state directory's path; it lives as long as the intake. */
const char *intake_directory(const struct intake *in);

/* What else may be recorded with; it lives as long as the intake. */
struct recorder *intake_recorder(struct intake *in);

/* As reader_position_load(). */
int intake_position(struct intake *in, const struct position **ret);

enum intake_mode {
	INTAKE_FOLLOWING, /* positions that only skip noise are saved now and then */
	INTAKE_FINAL,	  /* everything that is held is written down */
};

/*
 * Reads all records that the session's source has now. 0; -errno of the source or the state: the
 * position is then before everything that is not durable, and the source must be opened again at
 * intake_position(). Ends early, with the rest for the next call, when the session's stop_usec is
 * over, or, without one, when SIGTERM or SIGINT is blocked and pending.
 */
int intake_drain(struct intake *in, enum intake_mode mode);

/* Saves the source's position now, for example that of the first start. -errno. */
int intake_save_position(struct intake *in);

/*
 * When, on clock_steady(), intake_drain() has something to do without a new record: a joined alert
 * of forged records is due. UINT64_MAX: never.
 */
uint64_t intake_due(const struct intake *in);

/* When the next heartbeat is due, on clock_steady(). UINT64_MAX: there is none. */
uint64_t intake_heartbeat_due(const struct intake *in);

/*
 * Records the heartbeat if it is due; with INTAKE_FINAL also if it would be due before the next
 * run. To be called after a successful intake_drain(). A failure is tried again later.
 */
void intake_heartbeat(struct intake *in, enum intake_mode mode);

/* Since this process began. */
struct intake_counts {
	uint64_t logins, alerts;
};
struct intake_counts intake_counts(const struct intake *in);
