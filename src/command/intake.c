/*
 * Order is the promise: append, sync, then save the position. After any failure the caller opens
 * the source again at the stored position; the ledger recognises by its ID what is read twice.
 *
 * While forged records are held (forgeries.h), the position stays before them. After a crash they
 * are read and counted again, and those that the ledger has are recognised by their time.
 */
#include "command/intake.h"

#include <signal.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/timetext.h"
#include "command/forgeries.h"
#include "command/heartbeat.h"
#include "command/reader_position.h"
#include "command/session_source.h"

#define BATCH		     2048 /* alerts between two syncs of a catch-up */
#define HEARTBEAT_RETRY_USEC (60 * USEC_PER_SEC)
#define REASON_MAX	     512

struct intake {
	struct session *session;
	struct reader_state state;
	struct recorder *recorder;
	struct reader_position position;
	bool replaying; /* until the source was once read to its end */
	struct forgeries forgeries;
	uint64_t logins;			     /* since this process began */
	struct heartbeat heartbeat, saved_heartbeat; /* saved: up to the stored position */
};

struct intake *intake_free(struct intake *in)
{
	if (!in)
		return NULL;
	forgeries_done(&in->forgeries);
	reader_position_done(&in->position);
	(void)recorder_free(in->recorder);
	reader_state_done(&in->state);
	free(in);
	return NULL;
}

const char *intake_directory(const struct intake *in)
{
	return in->state.path.data;
}

/* The day of a heartbeat continues over a restart. */
static void load_heartbeat(struct intake *in)
{
	heartbeat_begin(&in->heartbeat, clock_now(), clock_steady());
	(void)heartbeat_read(reader_position_heartbeat(&in->position), clock_now(), clock_steady(),
			     &in->heartbeat);
	in->saved_heartbeat = in->heartbeat;
}

int intake_open(struct session *session, struct intake **ret)
{
	struct intake *in = calloc(1, sizeof(*in));
	int r;

	if (!in) {
		log_error("out of memory");
		return STATUS_FAILED;
	}
	in->session = session;
	in->replaying = true;
	forgeries_init(&in->forgeries);
	r = reader_state_open(&in->state, session->options->state_directory);
	if (r == STATUS_DONE)
		r = recorder_open(&in->state, &in->recorder);
	if (r != STATUS_DONE) {
		(void)intake_free(in);
		return r;
	}
	reader_position_init(&in->position, &in->state, in->recorder);
	load_heartbeat(in);
	*ret = in;
	return STATUS_DONE;
}

struct recorder *intake_recorder(struct intake *in)
{
	return in->recorder;
}

int intake_position(struct intake *in, const struct position **ret)
{
	return reader_position_load(&in->position, ret);
}

struct intake_counts intake_counts(const struct intake *in)
{
	return (struct intake_counts){.logins = in->logins, .alerts = recorder_count(in->recorder)};
}

uint64_t intake_due(const struct intake *in)
{
	return forgeries_due(&in->forgeries);
}

/* ---- records ---- */

/* Records the joined alerts of forged records: all that are held, or those that are due. */
static int record_joined(struct intake *in, enum intake_mode mode)
{
	uint64_t now = clock_steady();
	struct alert a;
	int r;

	while ((r = forgeries_join(&in->forgeries, mode == INTAKE_FINAL, now, &a)) > 0) {
		r = recorder_append(in->recorder, &a);
		if (r < 0)
			break;
	}
	return r;
}

static int record_forged(struct intake *in, struct alert *a)
{
	int r;

	in->heartbeat.forged++;
	if (in->replaying && a->uid_known &&
	    a->time_usec <= recorder_forged_until(in->recorder, a->uid))
		return 0;
	r = forgeries_add(&in->forgeries, a);
	if (r <= 0)
		return r;
	r = recorder_append(in->recorder, a);
	if (r == 0)
		forgeries_reported(&in->forgeries, a, clock_steady());
	return r;
}

static int judge_and_record(struct intake *in, struct record *next)
{
	struct session *s = in->session;
	struct judged judged;
	uint64_t logins;
	bool allowed;
	int r;

	r = judge_record(s->judge, s->source, next, clock_now(), &judged);
	if (r < 0 || judged.judgement == JUDGED_NOTHING)
		return r;
	allowed = judged.judgement != JUDGED_ALERT;
	if (!allowed)
		reader_position_note(&in->position, judged.alert.time_usec);
	if (!allowed && judged.alert.kind == ALERT_FORGED)
		return record_forged(in, &judged.alert);
	if (allowed || judged.alert.kind == ALERT_LOGIN) {
		logins = judged.alert.count > 1 ? judged.alert.count : 1;
		in->logins += logins;
		in->heartbeat.logins += logins;
		in->heartbeat.allowed += allowed ? logins : 0;
	} else {
		in->heartbeat.gaps++;
	}
	return allowed ? 0 : recorder_append(in->recorder, &judged.alert);
}

/* ---- position ---- */

static int save(struct intake *in, uint64_t until_usec)
{
	AUTO_BUFFER struct buffer heartbeat = BUFFER_INIT(POSITION_HEARTBEAT_MAX);
	int r = 0;

	if (in->session->config->heartbeat)
		r = heartbeat_write(&in->heartbeat, clock_now(), clock_steady(), &heartbeat);
	if (r == 0)
		r = reader_position_save(&in->position, in->session->source, until_usec,
					 buffer_slice(&heartbeat));
	if (r == 0)
		in->saved_heartbeat = in->heartbeat;
	return r;
}

int intake_save_position(struct intake *in)
{
	return save(in, clock_now());
}

static int commit(struct intake *in, enum intake_mode mode, uint64_t until_usec)
{
	int r = recorder_sync(in->recorder);

	if (r < 0)
		return r;
	recorder_complete(in->recorder);
	if (forgeries_due(&in->forgeries) != UINT64_MAX)
		return 0;
	if (mode == INTAKE_FINAL)
		return save(in, until_usec);
	if (reader_position_is_due(&in->position, in->session->source))
		(void)save(in, until_usec);
	return 0;
}

/* The source will be opened again before everything that is held, which is then counted again. */
static int begin_again(struct intake *in, int r)
{
	forgeries_forget(&in->forgeries);
	in->heartbeat = in->saved_heartbeat;
	in->replaying = true;
	return r;
}

static bool must_stop(const struct session *s)
{
	sigset_t pending;

	if (s->stop_usec > 0)
		return clock_steady() >= s->stop_usec;
	return sigpending(&pending) == 0 &&
	       (sigismember(&pending, SIGTERM) == 1 || sigismember(&pending, SIGINT) == 1);
}

/* Reads until there is nothing more, which is 0, or it is time to stop. -errno. */
static int read_records(struct intake *in, bool *ret_stopped)
{
	struct record next;
	int r = 0;

	while (!*ret_stopped && (r = source_next(in->session->source, &next)) > 0) {
		if (r == SOURCE_AGAIN) {
			progress_update(&in->session->progress, in->session->source,
					in->session->source_name);
			*ret_stopped = must_stop(in->session);
			continue;
		}
		r = judge_and_record(in, &next);
		if (r == 0 && recorder_unsynced(in->recorder) >= BATCH) {
			r = commit(in, INTAKE_FOLLOWING, 0);
			*ret_stopped = must_stop(in->session);
		}
		if (r < 0)
			return r;
	}
	return *ret_stopped ? 0 : r;
}

int intake_drain(struct intake *in, enum intake_mode mode)
{
	uint64_t until = clock_now(); /* everything logged before now is read below */
	bool stopped = false;
	int r = read_records(in, &stopped);

	if (r < 0)
		(void)recorder_sync(in->recorder);
	else
		r = record_joined(in, mode);
	if (r < 0)
		return begin_again(in, r);
	if (!stopped)
		in->replaying = false;
	r = commit(in, mode, stopped ? 0 : until);
	if (r < 0)
		return begin_again(in, r);
	recorder_keep_reserve(in->recorder);
	if (mode == INTAKE_FOLLOWING && !reader_position_lags(&in->position))
		recorder_rotate(in->recorder, in->session->config);
	return 0;
}

/* ---- heartbeat ---- */

uint64_t intake_heartbeat_due(const struct intake *in)
{
	return in->session->config->heartbeat && in->session->source ? in->heartbeat.due_usec
								     : UINT64_MAX;
}

static int record_heartbeat(struct intake *in, uint64_t now)
{
	AUTO_BUFFER struct buffer reason = BUFFER_INIT(REASON_MAX);
	uint64_t begin = in->heartbeat.begin_usec;
	struct alert a = {.kind = ALERT_HEARTBEAT,
			  .source = slice_of(in->session->source_name),
			  .from_usec = begin < now ? begin : 0};
	int r = heartbeat_describe(&in->heartbeat, &reason);

	if (r < 0)
		return r;
	a.reason = buffer_slice(&reason);
	return recorder_append_own(in->recorder, &a, "heartbeat", begin);
}

void intake_heartbeat(struct intake *in, enum intake_mode mode)
{
	uint64_t now = clock_now(), steady = clock_steady(), due = intake_heartbeat_due(in);

	if (due == UINT64_MAX ||
	    (due > steady && !(mode == INTAKE_FINAL && heartbeat_is_near(&in->heartbeat, steady))))
		return;
	if (!session_source_exists(in->session) || record_heartbeat(in, now) < 0) {
		in->heartbeat.due_usec = steady + HEARTBEAT_RETRY_USEC;
		return;
	}
	heartbeat_begin(&in->heartbeat, now, steady);
	if (forgeries_due(&in->forgeries) == UINT64_MAX)
		(void)save(in, clock_now());
}
