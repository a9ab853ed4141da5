/*
 * Follows the log until a signal. One poll(2) over a fixed array of slots; every object keeps its
 * own deadline, the loop waits for the earliest. When the source or the state directory fails, the
 * source is opened again at the stored position after a pause: nothing is skipped, and what is read
 * twice the ledger knows.
 */
#include "command/watch.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/notify.h"
#include "base/timetext.h"
#include "command/instance.h"
#include "command/intake.h"
#include "command/session_source.h"
#include "command/supervise.h"
#include "command/whitelist_files.h"

#define RETRY_MIN_USEC	 USEC_PER_SEC
#define RETRY_MAX_USEC	 USEC_PER_MIN
#define SAVE_QUIET_USEC	 USEC_PER_HOUR /* a quiet host's position moves as often, with the time */
#define STOP_LOOK_USEC	 (USEC_PER_SEC / 2)
#define STOP_READ_USEC	 (3 * USEC_PER_SEC) /* of a long catch-up; service managers wait not long */
#define STATUS_FAULT_MAX 200		    /* bytes of it that are reported */

enum { SLOT_SOURCE, SLOT_SIGNALS, SLOT_RULES, SLOTS };

struct watch {
	struct session session;
	struct intake *intake;
	struct pollfd slots[SLOTS];
	bool stop;
	bool failed;	 /* the process has to be started again */
	int stop_signal; /* 0: standard input ended */

	uint64_t reopen_usec, reopen_pause; /* 0: the source is open */
	uint64_t watchdog_usec;		    /* interval; 0: none */
	uint64_t watchdog_due, save_due;

	bool reported; /* the service manager has these counts */
	struct intake_counts reported_counts;

	int ready_fd; /* gets a byte once it watches; -1: none */
};

static int block_signals(void)
{
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGHUP);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return -errno;
	(void)signal(SIGPIPE, SIG_IGN);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* Reports only what changed. */
static void report_status(struct watch *w)
{
	struct intake_counts c = intake_counts(w->intake);
	struct slice fault = judge_fault(w->session.judge);

	if (w->reported && c.logins == w->reported_counts.logins &&
	    c.alerts == w->reported_counts.alerts)
		return;
	w->reported = true;
	w->reported_counts = c;
	(void)notify_send(
		"STATUS=%s %.150s: %" PRIu64 " logins, %" PRIu64 " alerts since the start%s%.*s",
		w->session.source ? "Watching" : "Cannot read", w->session.source_name, c.logins,
		c.alerts, fault.n ? "; the old rules stay in force, the new are faulty: " : "",
		(int)(fault.n < STATUS_FAULT_MAX ? fault.n : STATUS_FAULT_MAX), fault.p);
}

/* ---- the source ---- */

static int open_source(struct watch *w)
{
	struct source_options so = {.follow = true, .from_end = true};
	const struct position *position;
	int r = intake_position(w->intake, &position);

	if (r == STATUS_DONE)
		r = session_open_source(&w->session, &so, position);
	if (r != STATUS_DONE)
		return r;
	if (!position && intake_save_position(w->intake) < 0) {
		w->session.source = source_free(w->session.source);
		return STATUS_FAILED;
	}
	return STATUS_DONE;
}

static void close_source(struct watch *w, int error)
{
	log_error("%s: %s; reading resumes at the stored position in %" PRIu64 " s",
		  w->session.source_name, strerror(-error), w->reopen_pause / USEC_PER_SEC);
	w->session.source = source_free(w->session.source);
	w->reopen_usec = clock_steady() + w->reopen_pause;
	if (w->reopen_pause < RETRY_MAX_USEC)
		w->reopen_pause *= 2;
}

static void drain(struct watch *w, enum intake_mode mode)
{
	int r;

	if (!w->session.source)
		return;
	r = intake_drain(w->intake, mode);
	if (r < 0) {
		close_source(w, r);
		return;
	}
	w->reopen_pause = RETRY_MIN_USEC;
	report_status(w);
}

static void try_reopen(struct watch *w)
{
	if (w->session.source || clock_steady() < w->reopen_usec)
		return;
	if (open_source(w) == STATUS_DONE) {
		log_notice("reading %s again", w->session.source_name);
		drain(w, INTAKE_FOLLOWING); /* nothing else reports what came meanwhile */
		return;
	}
	w->reopen_usec = clock_steady() + w->reopen_pause;
	if (w->reopen_pause < RETRY_MAX_USEC)
		w->reopen_pause *= 2;
}

/* ---- the loop ---- */

static void report_rules(struct watch *w)
{
	session_save_rules(&w->session, recorder_dirfd(intake_recorder(w->intake)));
	w->reported = false;
	report_status(w);
}

/* Watched before they are read: a change while they are read is seen. */
static void follow_rules(struct watch *w)
{
	if (w->slots[SLOT_RULES].fd >= 0)
		(void)close(w->slots[SLOT_RULES].fd);
	w->slots[SLOT_RULES].fd = whitelist_files_watch(w->session.options, w->session.config);
	if (!w->session.reload_due)
		session_reload_rules(&w->session);
	report_rules(w);
}

static void reload(struct watch *w)
{
	(void)notify_send("RELOADING=1\nMONOTONIC_USEC=%" PRIu64, clock_usec(CLOCK_MONOTONIC));
	drain(w, INTAKE_FINAL);
	if (session_reload(&w->session) == STATUS_DONE) {
		if (w->session.source) {
			w->session.source = source_free(w->session.source);
			w->reopen_usec = 0;
			try_reopen(w);
		}
	}
	follow_rules(w);
	(void)notify_send("READY=1");
}

static void read_signals(struct watch *w)
{
	struct signalfd_siginfo info;

	while (read(w->slots[SLOT_SIGNALS].fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		switch ((int)info.ssi_signo) {
		case SIGHUP:
			reload(w);
			break;
		default:
			w->stop = true;
			w->stop_signal = (int)info.ssi_signo;
			w->session.stop_usec = clock_steady() + STOP_READ_USEC;
		}
	}
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* When, on clock_steady(), something is due whatever poll(2) sees. UINT64_MAX: nothing. */
static uint64_t next_due(struct watch *w)
{
	uint64_t due = earlier(intake_due(w->intake), w->save_due);

	due = earlier(due, intake_heartbeat_due(w->intake));
	if (!w->session.source)
		due = earlier(due, w->reopen_usec);
	if (w->watchdog_usec)
		due = earlier(due, w->watchdog_due);
	return due;
}

static void do_due(struct watch *w)
{
	uint64_t now = clock_steady();

	if (w->watchdog_usec && now >= w->watchdog_due) {
		(void)notify_send("WATCHDOG=1");
		w->watchdog_due = now + w->watchdog_usec;
	}
	if (now >= w->save_due) {
		if (w->session.source && intake_due(w->intake) == UINT64_MAX)
			(void)intake_save_position(w->intake);
		w->save_due = now + SAVE_QUIET_USEC;
	}
	try_reopen(w);
	if (w->session.source)
		intake_heartbeat(w->intake, INTAKE_FOLLOWING);
}

/* Waits until something is to be done. -errno. */
static int wait_for_work(struct watch *w)
{
	uint64_t timeout = UINT64_MAX, due = next_due(w), now = clock_steady();
	struct timespec ts, *limit = NULL;
	struct pollfd *source = &w->slots[SLOT_SOURCE];

	source->fd = -1;
	if (w->session.source) {
		source->fd = source_wait_fd(w->session.source, &source->events, &timeout);
		if (source->fd == -ENODATA) {
			log_notice("%s has ended", w->session.source_name);
			w->stop = true;
			return 0;
		}
		if (source->fd < 0) {
			close_source(w, source->fd);
			return 0;
		}
	}
	if (due != UINT64_MAX)
		timeout = earlier(timeout, due > now ? due - now : 0);
	if (timeout != UINT64_MAX) {
		ts.tv_sec = (time_t)(timeout / USEC_PER_SEC);
		ts.tv_nsec = (long)(timeout % USEC_PER_SEC) * 1000;
		limit = &ts;
	}
	for (size_t i = 0; i < SLOTS; i++)
		w->slots[i].revents = 0;
	if (ppoll(w->slots, SLOTS, limit, NULL) < 0)
		return errno == EINTR ? 0 : -errno;
	return 0;
}

static int loop(struct watch *w)
{
	int r;

	while (!w->stop) {
		r = wait_for_work(w);
		if (r < 0) {
			log_error("poll: %s", strerror(-r));
			return STATUS_FAILED;
		}
		if (w->slots[SLOT_SIGNALS].revents)
			read_signals(w);
		if (w->slots[SLOT_RULES].fd >= 0 && w->slots[SLOT_RULES].revents &&
		    whitelist_files_changed(w->slots[SLOT_RULES].fd, w->session.options,
					    w->session.config)) {
			if (w->session.reload_due)
				reload(w);
			else
				follow_rules(w);
		}
		if (w->session.source) {
			/* Drained before, since process() drops files that were deleted. */
			drain(w, INTAKE_FOLLOWING);
			r = w->session.source ? source_process(w->session.source) : 0;
			if (r == -ESTALE) {
				log_error(
					"/etc/machine-id has changed, and with it the journal's "
					"directory; loginbell ends, to be started again");
				w->stop = w->failed = true;
			} else if (r < 0)
				close_source(w, r);
			else
				drain(w, INTAKE_FOLLOWING);
		}
		do_due(w);
	}
	return w->failed ? STATUS_FAILED : STATUS_DONE;
}

/*
 * Somebody connected just now, so the source wants to look often: the record of that login may be
 * on its way, as on a loaded machine.
 */
static void look_on(struct watch *w)
{
	uint64_t until = clock_steady() + STOP_LOOK_USEC, timeout = UINT64_MAX;
	struct pollfd *slot = &w->slots[SLOT_SOURCE];

	while (w->session.source && clock_steady() < until) {
		slot->fd = source_wait_fd(w->session.source, &slot->events, &timeout);
		if (slot->fd < 0 || timeout > STOP_LOOK_USEC)
			break;
		(void)poll(slot, 1, (int)(timeout / 1000) + 1);
		drain(w, INTAKE_FOLLOWING);
		if (w->session.source)
			(void)source_process(w->session.source);
	}
}

/*
 * What is in the log when the signal comes is still recorded, as far as there is time, and mailed
 * by the sender.
 */
static void finish(struct watch *w)
{
	(void)notify_send("STOPPING=1");
	if (w->session.source) {
		(void)source_process(w->session.source);
		look_on(w);
		drain(w, INTAKE_FINAL);
	}
	(void)instance_stopped(intake_recorder(w->intake), w->session.config, w->stop_signal);
}

static int watch(struct watch *w)
{
	uint64_t now = clock_steady();
	int r;

	r = intake_open(&w->session, &w->intake);
	if (r == STATUS_DONE)
		r = open_source(w);
	if (r != STATUS_DONE)
		return r;
	w->reopen_pause = RETRY_MIN_USEC;
	w->watchdog_usec = notify_watchdog_usec();
	w->watchdog_due = now + w->watchdog_usec;
	w->save_due = now + SAVE_QUIET_USEC;
	follow_rules(w);
	if (instance_started(intake_recorder(w->intake), w->session.config) < 0)
		return STATUS_FAILED;
	drain(w, INTAKE_FOLLOWING);
	log_notice("watching %s; state in %s", w->session.source_name, intake_directory(w->intake));
	(void)notify_send("READY=1");
	if (w->ready_fd >= 0)
		(void)!write(w->ready_fd, "", 1);
	r = loop(w);
	finish(w);
	return r;
}

static int read_log(const struct options *options, int ready_fd)
{
	struct watch w = {
		.ready_fd = ready_fd,
		.slots = {{.fd = -1}, {.fd = -1, .events = POLLIN}, {.fd = -1, .events = POLLIN}}};
	int r;

	w.slots[SLOT_SIGNALS].fd = block_signals();
	if (w.slots[SLOT_SIGNALS].fd < 0) {
		log_error("signals: %s", strerror(-w.slots[SLOT_SIGNALS].fd));
		return STATUS_FAILED;
	}
	r = session_init(&w.session, options, SESSION_LAST_GOOD);
	if (r == STATUS_DONE)
		r = watch(&w);
	(void)intake_free(w.intake);
	session_done(&w.session);
	for (size_t i = SLOT_SIGNALS; i < SLOTS; i++)
		if (w.slots[i].fd >= 0)
			(void)close(w.slots[i].fd);
	return r == STATUS_LOCKED ? STATUS_FAILED : r;
}

int command_watch(const struct options *options)
{
	if (options->no_deliver && geteuid() != 0)
		return read_log(options, -1);
	return supervise(options, read_log);
}
