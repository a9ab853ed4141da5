/*
 * One poll(2) over three descriptors: inotify, a timer for what is due later, and the signals'
 * pipe. inotify watches the sender's part of the state (a request), the reader's (a new ledger),
 * the ledger (new alerts), and the directory above (a reader's part that is made or put back). The
 * timer runs by the wall clock, as the stored times do, and expires when that is set. While nothing
 * waits it is not armed: no wake-up.
 */
#include "deliver/loop.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/timerfd.h>
#include <sysexits.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/inotify.h"
#include "base/log.h"
#include "base/notify.h"
#include "base/timetext.h"
#include "deliver/configuration.h"
#include "deliver/sender.h"
#include "deliver/signals.h"
#include "deliver/tail.h"
#include "store/request.h"
#include "store/schedule.h"
#include "store/state.h"
#include "text/config_parser.h"

#define LEDGER	    "ledger"
#define RETRY_USEC  (5 * USEC_PER_SEC) /* after the ledger could not be read */
#define RETRY_SHORT 20000	       /* the least time between two runs by the timer */

struct follower {
	struct sender *s;
	const char *config_path;
	struct last_good *good; /* not owned */
	int inotify, timer;
	int ledger_watch, ledger_directory, parent; /* watches; -1: none */
	uint64_t watchdog_usec, watchdog_due;
};

static void watchdog(struct follower *f)
{
	uint64_t now;

	if (f->watchdog_usec == 0)
		return;
	now = clock_steady();
	if (now < f->watchdog_due)
		return;
	(void)notify_send("WATCHDOG=1");
	f->watchdog_due = now + f->watchdog_usec;
}

/* Called about once a second while a message is sent. */
static bool alive(void *userdata)
{
	watchdog(userdata);
	return true;
}

/* Watches what has a name in the reader's part now, instead of what had it before. */
static void renew(const struct follower *f, int *watch, const char *name, uint32_t mask)
{
	char path[64];

	if (*watch >= 0)
		(void)inotify_rm_watch(f->inotify, *watch);
	*watch = -1;
	if (f->s->ledger_dirfd < 0)
		return;
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d/%s", f->s->ledger_dirfd, name);
	*watch = inotify_add_watch(f->inotify, path, mask | IN_DONT_FOLLOW);
	if (*watch < 0 && errno != ENOENT)
		log_error("the ledger cannot be watched: %s", strerror(errno));
}

static void watch_reader(struct follower *f)
{
	renew(f, &f->ledger_directory, ".", IN_CREATE | IN_MOVED_TO);
	renew(f, &f->ledger_watch, LEDGER, IN_MODIFY);
}

static int watch(struct follower *f)
{
	char path[64];

	f->inotify = inotify_open();
	if (f->inotify < 0)
		return f->inotify;
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", f->s->dirfd);
	f->parent = inotify_add_watch(f->inotify, f->s->path,
				      IN_CREATE | IN_MOVED_TO | IN_ATTRIB | IN_ONLYDIR);
	if (f->parent < 0 || inotify_add_watch(f->inotify, path, IN_CREATE | IN_MOVED_TO) < 0)
		return -errno;
	watch_reader(f);
	return 0;
}

/* What the events of the directories and the ledger say. */
struct changes {
	const struct follower *f;
	bool ledger, new_ledger, new_reader, request;
};

static void note_event(void *userdata, const struct inotify_event *e)
{
	struct changes *c = userdata;
	bool overflow = (e->mask & IN_Q_OVERFLOW) != 0;

	c->ledger |= overflow || e->wd == c->f->ledger_watch;
	if (e->wd == c->f->parent) {
		c->new_reader |= strcmp(e->len ? e->name : "", state_part_name(STATE_READER)) == 0;
		return;
	}
	c->new_ledger |= overflow || (e->len && strcmp(e->name, LEDGER) == 0);
	c->request |= e->len && slice_starts_with(slice_of(e->name), REQUEST_PREFIX);
}

/* Whether the ledger changed or a request came. */
static bool read_events(struct follower *f)
{
	struct changes c = {.f = f};

	(void)inotify_drain(f->inotify, note_event, &c);
	if (c.new_reader || f->s->ledger_dirfd < 0) {
		(void)state_open_ledger(f->s);
		tail_forget(f->s);
		watch_reader(f);
	} else if (c.new_ledger) {
		/* The reader may still append to the old file; a run reads both. */
		renew(f, &f->ledger_watch, LEDGER, IN_MODIFY);
	}
	return c.ledger || c.new_ledger || c.new_reader || c.request;
}

static void arm(const struct follower *f, uint64_t due_usec)
{
	struct itimerspec at = {0};
	int flags = 0;

	if (due_usec != SCHEDULE_NEVER) {
		uint64_t soon = clock_now() + RETRY_SHORT;

		if (due_usec < soon)
			due_usec = soon;
		at.it_value.tv_sec = (time_t)(due_usec / USEC_PER_SEC);
		at.it_value.tv_nsec = (long)(due_usec % USEC_PER_SEC * 1000);
		flags = TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET;
	}
	if (timerfd_settime(f->timer, flags, &at, NULL) < 0)
		log_error("timer: %s", strerror(errno));
}

static void reload(struct follower *f)
{
	AUTO_LAST_GOOD struct last_good good;
	AUTO_CONFIG struct config *config = NULL;
	int r;

	(void)notify_send("RELOADING=1\nMONOTONIC_USEC=%llu",
			  (unsigned long long)clock_usec(CLOCK_MONOTONIC));
	r = configuration_load(f->config_path, NULL, CONFIGURATION_REFUSE, &good, &config);
	if (r == 0)
		r = sender_reload(f->s, config);
	if (r == 0) {
		config = NULL;
		last_good_done(f->good);
		*f->good = good;
		last_good_init(&good);
		configuration_save(f->good, f->s->dirfd);
		log_notice("configuration reloaded");
	} else {
		log_error("%sthe old configuration stays in force",
			  r == -ENOMEM ? "out of memory; " : "");
	}
	(void)notify_send("READY=1");
}

static void send_status(const struct follower *f)
{
	AUTO_BUFFER struct buffer text = BUFFER_INIT(450);

	/* A part that does not fit is left out as a whole. */
	(void)sender_status(f->s, &text);
	(void)notify_send("STATUS=%.*s", (int)text.len, buffer_slice(&text).p);
}

static int run(struct follower *f, enum sender_mode mode)
{
	uint64_t due;
	int r = sender_run(f->s, mode, &due);

	if (r < 0)
		due = clock_now() + RETRY_USEC;
	arm(f, due);
	send_status(f);
	return r;
}

static int wait(struct follower *f)
{
	struct pollfd fds[] = {
		{.fd = f->inotify, .events = POLLIN},
		{.fd = f->timer, .events = POLLIN},
		{.fd = signals_fd(), .events = POLLIN},
	};
	enum sender_mode mode = SENDER_FOLLOW;
	bool any = false;
	uint64_t expired;
	int timeout = -1;

	if (f->watchdog_usec > 0) {
		uint64_t now = clock_steady();

		timeout = f->watchdog_due > now ? (int)((f->watchdog_due - now) / 1000) + 1 : 0;
	}
	if (poll(fds, ARRAY_SIZE(fds), timeout) < 0 && errno != EINTR)
		return -errno;
	watchdog(f);
	if (fds[0].revents)
		any |= read_events(f);
	if (fds[1].revents) {
		/* -ECANCELED: the clock was set, so that due times have to be computed again. */
		(void)!read(f->timer, &expired, sizeof(expired));
		any = true;
	}
	signals_drain();
	if (signals_reload()) {
		reload(f);
		any = true;
	}
	if (any && request_fetch_flush(f->s->dirfd)) {
		mode = SENDER_FLUSH;
	}
	if (any && !signals_stop())
		(void)run(f, mode);
	return 0;
}

int loop_run(struct sender *s, const char *config_path, struct last_good *good)
{
	AUTO_CLOSE int inotify = -1, timer = -1;
	struct follower f = {.s = s,
			     .config_path = config_path,
			     .good = good,
			     .ledger_watch = -1,
			     .ledger_directory = -1,
			     .parent = -1};
	int r;

	r = watch(&f);
	inotify = f.inotify;
	f.timer = timer = timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK);
	if (r < 0 || timer < 0) {
		log_error("cannot wait for alerts: %s", strerror(r < 0 ? -r : errno));
		return 1;
	}
	s->alive = alive;
	s->userdata = &f;
	f.watchdog_usec = notify_watchdog_usec();
	watchdog(&f);
	(void)notify_send("READY=1");
	if (!signals_stop())
		(void)run(&f, request_fetch_flush(s->dirfd) ? SENDER_FLUSH : SENDER_FOLLOW);
	while (!signals_stop()) {
		r = wait(&f);
		if (r < 0) {
			log_error("poll: %s", strerror(-r));
			return 1;
		}
	}
	/* What waits is sent now, without Interval=; SIGALRM ends a server that hangs. */
	(void)notify_send("STOPPING=1\nSTATUS=Sending what waits");
	r = run(&f, SENDER_ONCE);
	return r < 0 ? 1 : sender_waits(s) ? EX_TEMPFAIL : 0;
}
