/*
 * Order is the promise: append, sync, then save the position. On any failure the caller opens the
 * source anew at the saved position; what is then read twice the ledger knows by its id.
 *
 * While forged records are held (forgeries), the position stays before them; after a crash they are
 * read and counted again, and what the ledger has of them is known by its time.
 */
#include "command/intake.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/timetext.h"
#include "command/forgeries.h"
#include "command/handover.h"
#include "command/heartbeat.h"
#include "command/instance.h"
#include "command/recover.h"
#include "config.h"
#include "store/delivery.h"
#include "store/delivery_file.h"
#include "store/file.h"
#include "store/ledger/writer.h"
#include "store/position.h"
#include "store/reserve.h"

#define BATCH		   2048		       /* alerts between two syncs of a catch-up */
#define LOCK_TRIES	   100		       /* 20 ms each */
#define SAVE_EVERY_USEC	   (60 * USEC_PER_SEC) /* of a position that only skips noise */
#define ROTATE_ASK_USEC	   (60 * USEC_PER_SEC)
#define STATE_RETRY_USEC   (5 * USEC_PER_SEC)
#define RESERVE_EVERY_USEC (60 * USEC_PER_SEC)
#define HEARTBEAT_RETRY	   (60 * USEC_PER_SEC)
#define REASON_MAX	   512

struct intake {
	struct session *session;
	struct buffer directory;
	int dirfd, lock_fd;
	struct ledger_writer *ledger;
	bool ledger_new;	   /* made when this process began */
	struct buffer position;	   /* as it was stored when last loaded */
	struct buffer saved;	   /* without its until=: tells whether there is anything new */
	uint64_t save_retry_usec;  /* clock_steady(): it could not be stored; 0: it could */
	uint64_t saved_at_usec;	   /* clock_steady() */
	unsigned batch;		   /* alerts appended and not synced */
	uint64_t rotate_due_usec;  /* clock_steady(): when to ask again whether all is mailed */
	bool replaying;		   /* until the source was once read to its end */
	bool unsaved_alerts;	   /* the position is before alerts that are durable */
	int stuck;		   /* why the ledger takes nothing since the source was opened */
	uint64_t stuck_until_usec; /* clock_steady(): when it is opened again and all is tried */
	struct handover *handover;
	uint64_t reserve_due_usec; /* clock_steady(): when to try to keep a reserve */
	struct forgeries forgeries;
	struct intake_counts counts;
	/* What was counted up to the record before; and up to the stored position. */
	struct heartbeat heartbeat, saved_heartbeat;
};

struct intake *intake_free(struct intake *in)
{
	if (!in)
		return NULL;
	forgeries_done(&in->forgeries);
	(void)handover_free(in->handover);
	(void)ledger_writer_free(in->ledger);
	buffer_done(&in->directory);
	buffer_done(&in->position);
	buffer_done(&in->saved);
	if (in->lock_fd >= 0)
		(void)close(in->lock_fd);
	if (in->dirfd >= 0)
		(void)close(in->dirfd);
	free(in);
	return NULL;
}

const char *intake_directory(const struct intake *in)
{
	return in->directory.data;
}

/*
 * A process that was killed may leave a child that has not yet executed its program, and which
 * holds the lock until then.
 */
static int take_lock(struct intake *in)
{
	const struct timespec pause = {0, 20000000};
	pid_t holder = 0;
	int r;

	for (unsigned tries = 0;; tries++) {
		r = file_lock(in->dirfd, "reader.lock", &in->lock_fd, &holder);
		if (r != FILE_E_LOCKED || tries == LOCK_TRIES || kill(holder, 0) == 0 ||
		    errno != ESRCH)
			break;
		(void)nanosleep(&pause, NULL);
	}
	if (r == 0)
		return STATUS_DONE;
	if (r == FILE_E_LOCKED)
		log_error("%s: held by another loginbell watch or scan (process %d)",
			  in->directory.data, (int)holder);
	else
		log_error("%s/reader.lock: %s", in->directory.data, strerror(-r));
	return STATUS_FAILED;
}

static int append(struct intake *in, struct alert *a);
static int sync_alerts(struct intake *in);

/*
 * An alert about loginbell itself, durable at once: its kind, reason and interval are set. The same
 * one, by @what, is written again only if @again is another number.
 */
static int tell(struct intake *in, struct alert about, const char *what, uint64_t again)
{
	struct alert a = about;
	char name[128], id[33];
	struct hash128 h;
	int r;

	a.trusted = true;
	a.time_usec = a.noted_usec = clock_now();
	if (gethostname(name, sizeof(name)) < 0)
		name[0] = '\0';
	name[sizeof(name) - 1] = '\0';
	h = hash_fnv_add(hash_fnv_init(), name, strlen(name));
	h = hash_fnv_add(h, what, strlen(what));
	h = hash_fnv_add(h, &again, sizeof(again));
	(void)snprintf(id, sizeof(id), "%016" PRIx64 "%016" PRIx64, h.high, h.low);
	a.id = (struct slice){id, 32};
	a.host = slice_of(name);
	a.program = SLICE_LITERAL("loginbell");
	if (!a.source.p)
		a.source = SLICE_LITERAL("loginbell");
	a.pid_known = true;
	a.pid = (uint64_t)getpid();
	r = append(in, &a);
	return r < 0 ? r : sync_alerts(in);
}

#define LOST "what was in there and was not mailed before is lost"

/*
 * Damage of the state is logged and mailed, as a gap: who deletes or overwrites it may have wanted
 * to silence an alert. What stays as it is, is told once; the rest at most once an hour, however
 * often the program is started.
 */
enum damage { DAMAGE_ONCE, DAMAGE_HOURLY };

static int tell_damage(struct intake *in, enum damage how, uint64_t from_usec, const char *format,
		       ...) __attribute__((format(printf, 4, 5)));
static int tell_damage(struct intake *in, enum damage how, uint64_t from_usec, const char *format,
		       ...)
{
	uint64_t again = how == DAMAGE_HOURLY ? clock_now() / USEC_PER_HOUR : 0;
	char reason[REASON_MAX];
	va_list ap;

	va_start(ap, format);
	(void)vsnprintf(reason, sizeof(reason), format, ap);
	va_end(ap);
	log_crit("%s: %s", in->directory.data, reason);
	return tell(in,
		    (struct alert){
			    .kind = ALERT_GAP, .reason = slice_of(reason), .from_usec = from_usec},
		    reason, again);
}

static int open_ledger(struct intake *in)
{
	struct ledger_report report = {0};
	struct error err = {0};
	int r = 0;

	if (ledger_writer_open(in->dirfd, &in->ledger, &report, &err) < 0) {
		log_error_struct(LOG_ERR, &err);
		return STATUS_FAILED;
	}
	in->ledger_new = report.made_new;
	if (report.torn_bytes)
		log_warning("%s/ledger: an unfinished last alert (%" PRIu64
			    " bytes) was cut off; "
			    "it is read from the log again",
			    in->directory.data, report.torn_bytes);
	if (report.damaged_blocks)
		r = tell_damage(in, DAMAGE_ONCE, 0,
				"damaged alerts in the ledger: %" PRIu64 "; " LOST,
				report.damaged_blocks);
	if (r >= 0 && report.header_damaged)
		r = tell_damage(in, DAMAGE_HOURLY, 0,
				"the ledger's begin is damaged, and it is kept aside; " LOST);
	if (r >= 0 && report.made_new &&
	    faccessat(in->dirfd, POSITION_NAME, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		r = tell_damage(in, DAMAGE_HOURLY, 0, "the ledger was removed; " LOST);
	return r < 0 ? STATUS_FAILED : STATUS_DONE;
}

/* A day goes on over a restart. Where the position is damaged, that is told when it is wanted. */
static void load_heartbeat(struct intake *in)
{
	AUTO_BUFFER struct buffer kept = BUFFER_INIT(POSITION_KEPT_MAX);

	if (position_load(in->dirfd, &in->position, &kept, NULL) == 0)
		(void)heartbeat_read(buffer_slice(&kept), clock_now(), clock_steady(),
				     &in->heartbeat);
	in->saved_heartbeat = in->heartbeat;
}

int intake_open(struct session *session, struct intake **ret)
{
	struct intake *in = calloc(1, sizeof(*in));
	struct error err = {0};
	int r;

	if (!in) {
		log_error("out of memory");
		return STATUS_FAILED;
	}
	in->session = session;
	in->dirfd = in->lock_fd = -1;
	in->replaying = true;
	in->directory.max = 4096;
	in->position.max = in->saved.max = POSITION_MAX;
	forgeries_init(&in->forgeries);
	r = session->options->state_directory
		    ? buffer_append_str(&in->directory, session->options->state_directory)
		    : file_state_path(&in->directory);
	if (r < 0 || !buffer_cstr(&in->directory)) {
		log_error("the state directory's name: %s", strerror(r < 0 ? -r : ENOMEM));
		(void)intake_free(in);
		return STATUS_FAILED;
	}
	heartbeat_begin(&in->heartbeat, clock_now(), clock_steady());
	in->handover = handover_new();
	r = in->handover ? file_open_state(in->directory.data, true, &in->dirfd, &err) : -ENOMEM;
	if (r < 0) {
		if (!in->handover)
			error_set(&err, NULL, 0, 0, "out of memory");
		log_error_struct(LOG_ERR, &err);
		r = STATUS_FAILED;
	} else
		r = take_lock(in);
	if (r == STATUS_DONE)
		r = open_ledger(in);
	if (r != STATUS_DONE) {
		(void)intake_free(in);
		return r;
	}
	load_heartbeat(in);
	*ret = in;
	return STATUS_DONE;
}

/* The position is not to be had: what the ledger or the files' times say is told and taken. */
static int take_recovered(struct intake *in, const char *what, const char **ret)
{
	char since[TIMETEXT_MAX];
	uint64_t usec = 0;
	int r = recover_position(in->dirfd, in->ledger_new, &in->position, &usec);

	if (r > 0 && !buffer_cstr(&in->position))
		r = -ENOMEM;
	if (r < 0) {
		log_error("%s: %s; and the ledger cannot be read: %s", in->directory.data, what,
			  strerror(-r));
		return STATUS_FAILED;
	}
	if (r == 0)
		return tell_damage(in, DAMAGE_HOURLY, 0,
				   "%s; reading goes on at the end of the log, and logins before "
				   "now may not have been told",
				   what) < 0
			       ? STATUS_FAILED
			       : STATUS_DONE;
	(void)timetext_local(usec, since);
	if (tell_damage(in, DAMAGE_HOURLY, usec,
			"%s; the log is read again since %s, as far as it reaches back", what,
			since) < 0)
		return STATUS_FAILED;
	*ret = in->position.data;
	return STATUS_DONE;
}

int intake_position(struct intake *in, const char **ret)
{
	struct error err = {0};
	char what[sizeof(err.text)];
	int r = position_load(in->dirfd, &in->position, NULL, &err);

	*ret = NULL;
	if (r == POSITION_E_NONE) {
		if (in->saved.len > 0 &&
		    buffer_append_slice(&in->position, buffer_slice(&in->saved)) == 0) {
			/* Somebody removed it while this process runs: what it knows stands. */
			*ret = buffer_cstr(&in->position);
			return STATUS_DONE;
		}
		return in->ledger_new ? STATUS_DONE
				      : take_recovered(in, "the stored position was removed", ret);
	}
	if (r == POSITION_E_DAMAGED) {
		(void)snprintf(what, sizeof(what), "%s", err.text);
		return take_recovered(in, what, ret);
	}
	if (r < 0 || !buffer_cstr(&in->position)) {
		log_error("%s/position: %s", in->directory.data, strerror(r < 0 ? -r : ENOMEM));
		return STATUS_FAILED;
	}
	*ret = in->position.data;
	return STATUS_DONE;
}

struct handover *intake_handover(struct intake *in)
{
	return in->handover;
}

struct intake_counts intake_counts(const struct intake *in)
{
	return in->counts;
}

/* ---- appending ---- */

/* Whether there is room now: the reserve was given back. */
static bool make_room(struct intake *in, int error)
{
	if (!reserve_helps(error) || !reserve_release(in->dirfd))
		return false;
	log_crit("%s: %s; the reserve is used now, make room", in->directory.data,
		 strerror(-error));
	in->reserve_due_usec = clock_steady() + RESERVE_EVERY_USEC;
	return true;
}

static int append_or_hand_over(struct intake *in, struct alert *a)
{
	int r = in->stuck;

	a->mailed = handover_mailed(in->handover, a);
	if (r == 0)
		r = ledger_append(in->ledger, a);
	if (!in->stuck && make_room(in, r))
		r = ledger_append(in->ledger, a);
	if (r >= 0)
		return r;
	if (!in->stuck) {
		log_crit("%s/ledger: %s; alerts are mailed directly and tried again",
			 in->directory.data, strerror(-r));
		in->stuck_until_usec = clock_steady() + STATE_RETRY_USEC;
	}
	in->stuck = r;
	r = handover_add(in->handover, a);
	return r == 0 || r == -E2BIG ? LEDGER_E_KNOWN : r;
}

static int append(struct intake *in, struct alert *a)
{
	char who[200], where[80];
	int r = append_or_hand_over(in, a);

	if (r == LEDGER_E_KNOWN)
		return 0;
	if (r < 0)
		return r;
	in->batch++;
	in->unsaved_alerts = true;
	in->counts.alerts++;
	if (ledger_lost(in->ledger)) {
		r = tell_damage(in, DAMAGE_HOURLY, 0, "the ledger was cut off; " LOST);
		if (r < 0)
			return r;
	}
	if (log_max_level() >= LOG_INFO) {
		(void)snprintf(who, sizeof(who), "%.*s", (int)a->user.n,
			       a->user.p ? a->user.p : "");
		(void)snprintf(where, sizeof(where), "%.*s", (int)a->addr.n,
			       a->addr.p ? a->addr.p : "");
		log_info("alert %" PRIu64 ": %s%s%s%s%s", a->seq, alert_kind_name(a->kind),
			 who[0] ? " of " : "", who, where[0] ? " from " : "", where);
	}
	return 0;
}

/* Writes the joined alerts of forged records: all that are held, or those that are due. */
static int write_joined(struct intake *in, enum intake_mode mode)
{
	uint64_t now = clock_steady();
	struct alert a;
	int r;

	while ((r = forgeries_join(&in->forgeries, mode == INTAKE_FINAL, now, &a)) > 0) {
		r = append(in, &a);
		if (r < 0)
			break;
	}
	return r;
}

uint64_t intake_due(const struct intake *in)
{
	uint64_t due = forgeries_due(&in->forgeries);

	if (in->stuck && !handover_sender(in->handover) && in->stuck_until_usec < due)
		due = in->stuck_until_usec;
	return due;
}

static int take_forged(struct intake *in, struct alert *a)
{
	int r;

	in->counts.forged++;
	in->heartbeat.forged++;
	if (in->replaying && a->uid_known &&
	    a->time_usec <= ledger_forged_until(in->ledger, a->uid))
		return 0;
	r = forgeries_take(&in->forgeries, a);
	if (r <= 0)
		return r;
	r = append(in, a);
	if (r == 0)
		forgeries_told(&in->forgeries, a, clock_steady());
	return r;
}

static int take_record(struct intake *in, struct record *record)
{
	struct session *s = in->session;
	struct judged judged;
	uint64_t logins;
	int r;

	r = judge_record(s->judge, s->source, record, clock_now(), &judged);
	if (r < 0)
		return r;
	logins = judged.alert.count > 1 ? judged.alert.count : 1;
	switch (judged.judgement) {
	case JUDGED_NOTHING:
		return 0;
	case JUDGED_ALLOWED:
	case JUDGED_UNASKED:
		in->counts.logins += logins;
		in->counts.allowed += logins;
		in->heartbeat.logins += logins;
		in->heartbeat.allowed += logins;
		return 0;
	case JUDGED_ALERT:
		break;
	}
	if (judged.alert.kind == ALERT_FORGED)
		return take_forged(in, &judged.alert);
	if (judged.alert.kind == ALERT_LOGIN) {
		in->counts.logins += logins;
		in->heartbeat.logins += logins;
	} else
		in->heartbeat.gaps++;
	return append(in, &judged.alert);
}

/* ---- position ---- */

/* Makes the alerts durable; then the position may move. */
static int sync_alerts(struct intake *in)
{
	int r = ledger_sync(in->ledger);

	if (make_room(in, r))
		r = ledger_sync(in->ledger);
	if (r < 0) {
		log_crit("%s/ledger: %s; the position does not move", in->directory.data,
			 strerror(-r));
		return r;
	}
	in->batch = 0;
	return 0;
}

static int save(struct intake *in, uint64_t until_usec)
{
	AUTO_BUFFER struct buffer kept = BUFFER_INIT(POSITION_KEPT_MAX);
	struct slice position;
	int r = source_position(in->session->source, until_usec, &position);

	if (r < 0 || position.n == 0)
		return r;
	if (in->session->config->heartbeat)
		r = heartbeat_write(&in->heartbeat, clock_now(), clock_steady(), &kept);
	if (r == 0)
		r = position_save(in->dirfd, position, buffer_slice(&kept));
	if (make_room(in, r))
		r = position_save(in->dirfd, position, buffer_slice(&kept));
	if (r < 0) {
		if (!in->save_retry_usec)
			log_crit("%s/position: %s; after a restart some records are read again",
				 in->directory.data, strerror(-r));
		in->save_retry_usec = clock_steady() + STATE_RETRY_USEC;
		return r;
	}
	in->save_retry_usec = 0;
	in->saved_at_usec = clock_steady();
	in->unsaved_alerts = false;
	in->saved_heartbeat = in->heartbeat;
	r = source_position(in->session->source, 0, &position);
	buffer_clear(&in->saved);
	return r < 0 ? r : buffer_append_slice(&in->saved, position);
}

int intake_save_position(struct intake *in)
{
	return save(in, clock_now());
}

/* Whether the source has gone over anything since the position was saved. */
static bool moved(struct intake *in)
{
	struct slice position;

	return source_position(in->session->source, 0, &position) == 0 && position.n > 0 &&
	       !slice_eq(position, buffer_slice(&in->saved));
}

static int commit(struct intake *in, enum intake_mode mode, uint64_t until_usec)
{
	int r = sync_alerts(in);

	if (r < 0 || in->stuck || forgeries_due(&in->forgeries) != UINT64_MAX)
		return r;
	if (mode == INTAKE_FINAL)
		return save(in, until_usec);
	/* A position that cannot be stored keeps nobody from reading on. */
	if (clock_steady() >= in->save_retry_usec &&
	    (in->unsaved_alerts ||
	     (clock_steady() - in->saved_at_usec >= SAVE_EVERY_USEC && moved(in))))
		(void)save(in, until_usec);
	return 0;
}

/*
 * A ledger of which every destination has everything may begin anew. Failure is no harm: the old
 * one goes on.
 */
static void rotate_if_done(struct intake *in)
{
	struct delivery *d AUTO_DELIVERY = NULL;
	uint64_t now = clock_steady();
	int r;

	if (ledger_size(in->ledger) < LEDGER_ROTATE_MIN || in->unsaved_alerts ||
	    now < in->rotate_due_usec)
		return;
	in->rotate_due_usec = now + ROTATE_ASK_USEC;
	if (delivery_load(in->dirfd, &d, NULL) != 0 ||
	    !delivery_settled(d, ledger_last_seq(in->ledger)))
		return;
	r = ledger_rotate(in->ledger);
	if (r < 0)
		log_warning("%s/ledger: cannot be rotated: %s", in->directory.data, strerror(-r));
}

/* The source is opened anew before all that is held: it will be counted again from there. */
static int begin_again(struct intake *in, int r)
{
	forgeries_forget(&in->forgeries);
	in->heartbeat = in->saved_heartbeat;
	in->replaying = true;
	in->stuck = 0;
	return r;
}

static void keep_reserve(struct intake *in)
{
	uint64_t now = clock_steady();

	if (now < in->reserve_due_usec)
		return;
	in->reserve_due_usec = now + RESERVE_EVERY_USEC;
	(void)reserve_keep(in->dirfd);
}

static bool is_to_stop(const struct session *s)
{
	sigset_t pending;

	if (s->stop_usec > 0)
		return clock_steady() >= s->stop_usec;
	return sigpending(&pending) == 0 &&
	       (sigismember(&pending, SIGTERM) == 1 || sigismember(&pending, SIGINT) == 1);
}

int intake_drain(struct intake *in, enum intake_mode mode)
{
	struct source *source = in->session->source;
	uint64_t until = clock_now(); /* what is logged before now is found below */
	struct record record;
	bool stopped = false;
	int r;

	while (!stopped) {
		r = source_next(source, &record);
		if (r <= 0)
			break;
		if (r == SOURCE_AGAIN) {
			session_tick(in->session);
			stopped = is_to_stop(in->session);
		}
		r = r == SOURCE_AGAIN ? 0 : take_record(in, &record);
		if (r == 0 && in->batch >= BATCH) {
			r = commit(in, INTAKE_FOLLOWING, 0);
			stopped = is_to_stop(in->session);
		}
		if (r < 0)
			break;
	}
	if (r < 0)
		(void)sync_alerts(in);
	else
		r = write_joined(in, mode);
	if (r < 0)
		return begin_again(in, r);
	if (!stopped)
		in->replaying = false;
	r = commit(in, mode, stopped ? 0 : until);
	if (r == 0 && in->stuck) {
		handover_send(in->handover, in->session->options);
		/* What a sender has just now is known as mailed only when that ends. */
		if (mode == INTAKE_FOLLOWING &&
		    (clock_steady() < in->stuck_until_usec || handover_sender(in->handover)))
			return 0;
		r = in->stuck;
	}
	if (r < 0)
		return begin_again(in, r);
	keep_reserve(in);
	if (mode == INTAKE_FOLLOWING)
		rotate_if_done(in);
	return 0;
}

static bool wants_instance(const struct intake *in)
{
	const struct config *c = in->session->config;
	unsigned wanted = 0;

	for (size_t i = 0; i < c->n_destinations; i++)
		wanted |= c->destinations[i].events;
	return wanted & (1U << ALERT_INSTANCE);
}

static int tell_instance(struct intake *in, struct slice reason)
{
	return tell(in, (struct alert){.kind = ALERT_INSTANCE, .reason = reason}, "instance",
		    clock_now());
}

int intake_started(struct intake *in)
{
	AUTO_BUFFER struct buffer reason = BUFFER_INIT(REASON_MAX);
	int r;

	if (!wants_instance(in))
		return 0;
	r = instance_started(in->dirfd, &reason);
	return r < 0 ? r : tell_instance(in, buffer_slice(&reason));
}

int intake_stopped(struct intake *in, int number)
{
	AUTO_BUFFER struct buffer reason = BUFFER_INIT(REASON_MAX);
	int r;

	if (!wants_instance(in))
		return 0;
	r = instance_stopped(number, &reason);
	return r < 0 ? r : tell_instance(in, buffer_slice(&reason));
}

int intake_crashed(struct intake *in)
{
	const char *name = instance_crash();

	if (!name)
		return 0;
	return tell_damage(in, DAMAGE_HOURLY, 0,
			   "the reader crashed (SIG%s): it is started again, and goes on where it "
			   "was; if it crashes there each time, logins are told no more until what "
			   "it reads is mended, as a damaged journal file (journalctl --verify) is "
			   "by moving it away",
			   name);
}

/* ---- heartbeat ---- */

uint64_t intake_heartbeat_due(const struct intake *in)
{
	return in->session->config->heartbeat && in->session->source ? in->heartbeat.due_usec
								     : UINT64_MAX;
}

static int tell_heartbeat(struct intake *in, uint64_t now)
{
	AUTO_BUFFER struct buffer reason = BUFFER_INIT(REASON_MAX);
	uint64_t begin = in->heartbeat.begin_usec;
	int r = heartbeat_tell(&in->heartbeat, &reason);

	if (r < 0)
		return r;
	return tell(in,
		    (struct alert){.kind = ALERT_HEARTBEAT,
				   .reason = buffer_slice(&reason),
				   .source = slice_of(in->session->source_name),
				   .from_usec = begin < now ? begin : 0},
		    "heartbeat", begin);
}

void intake_heartbeat(struct intake *in, enum intake_mode mode)
{
	uint64_t now = clock_now(), steady = clock_steady(), due = intake_heartbeat_due(in);

	if (due == UINT64_MAX ||
	    (due > steady && !(mode == INTAKE_FINAL && heartbeat_is_near(&in->heartbeat, steady))))
		return;
	if (!session_source_is_there(in->session) || tell_heartbeat(in, now) < 0) {
		in->heartbeat.due_usec = steady + HEARTBEAT_RETRY;
		return;
	}
	heartbeat_begin(&in->heartbeat, now, steady);
	if (forgeries_due(&in->forgeries) == UINT64_MAX && !in->stuck)
		(void)intake_save_position(in);
}
