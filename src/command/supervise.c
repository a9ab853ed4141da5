/*
 * As root this process opens no log and no file of the state, and has no socket: what an intruder
 * could write is read by the children alone, which are not root.
 */
#include "command/supervise.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

#include "base/child.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/notify.h"
#include "base/timetext.h"
#include "command/deliver_process.h"
#include "command/users.h"

#define PAUSE_MIN_USEC	 USEC_PER_SEC
#define PAUSE_MAX_USEC	 USEC_PER_MIN
#define STEADY_USEC	 (10 * USEC_PER_SEC) /* a program that ran as long did not fail at once */
#define READER_STOP_USEC (7 * USEC_PER_SEC)
#define SENDER_STOP_USEC (12 * USEC_PER_SEC) /* it has its own limit of time, which is less */

enum { READER, SENDER, PROGRAMS };

static const char *const names[PROGRAMS] = {"reader", "sender"};

struct program {
	pid_t pid; /* 0: does not run */
	bool keep; /* it is started again */
	uint64_t started, due, pause;
	uint64_t kill_due; /* UINT64_MAX: it was not stopped yet */
};

struct supervisor {
	const struct options *options; /* with the state directory */
	int (*reader)(const struct options *options, int ready_fd);
	struct program_user users[2];
	struct program programs[PROGRAMS];
	int signals, ready[2];
	bool was_ready, stop;
	int stop_signal;
	int status; /* of the reader */
};

/* The next start is later each time, up to a minute. */
static void start_later(struct program *p)
{
	p->pid = 0;
	p->due = clock_steady() + p->pause;
	if (p->pause < PAUSE_MAX_USEC)
		p->pause *= 2;
}

/* In the child. */
static int run_reader(const struct supervisor *s, pid_t parent)
{
	int r;

	(void)close(s->signals);
	(void)close(s->ready[0]);
	/* Its user may not be allowed to. */
	(void)notify_connect();
	r = users_become(&s->users[STATE_READER], STATE_READER, parent);
	if (r < 0) {
		log_error("cannot become the reader's user: %s", strerror(-r));
		return STATUS_FAILED;
	}
	return s->reader(s->options, s->ready[1]);
}

static void start(struct supervisor *s, int which)
{
	struct program *p = &s->programs[which];
	pid_t parent = getpid();

	if (which == SENDER) {
		if (deliver_process_start(SENDER_FOLLOW, s->options, s->options->state_directory,
					  &s->users[STATE_DELIVER], &p->pid) != STATUS_DONE)
			start_later(p);
	} else {
		(void)fflush(NULL);
		p->pid = child_fork(SIGTERM);
		if (p->pid == 0)
			exit(run_reader(s, parent));
		if (p->pid < 0) {
			log_error("cannot start the reader: %s", strerror(-p->pid));
			start_later(p);
		}
	}
	p->started = clock_steady();
}

static void ended(struct supervisor *s, int which, int wait_status)
{
	struct program *p = &s->programs[which];
	int status = WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : STATUS_FAILED;
	char how[64];

	p->pid = 0;
	if (which == READER) {
		s->status = status;
		/* It ends well only after a signal, or if there is no more to read. */
		if (status == STATUS_DONE || !s->was_ready)
			s->stop = true;
	}
	if (s->stop && WIFEXITED(wait_status))
		return;
	(void)snprintf(how, sizeof(how), WIFEXITED(wait_status) ? "with status %d" : "by signal %d",
		       WIFEXITED(wait_status) ? status : WTERMSIG(wait_status));
	if (s->stop) {
		log_error("the %s ended %s", names[which], how);
		return;
	}
	if (clock_steady() - p->started > STEADY_USEC)
		p->pause = PAUSE_MIN_USEC;
	log_warning("the %s ended %s; it is started again in %" PRIu64 " s", names[which], how,
		    p->pause / USEC_PER_SEC);
	start_later(p);
}

static void reap(struct supervisor *s)
{
	int status;

	for (int i = 0; i < PROGRAMS; i++)
		if (s->programs[i].pid > 0 &&
		    waitpid(s->programs[i].pid, &status, WNOHANG) == s->programs[i].pid)
			ended(s, i, status);
}

static void read_signals(struct supervisor *s)
{
	struct signalfd_siginfo info;

	while (read(s->signals, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		if (info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT) {
			s->stop = true;
			s->stop_signal = (int)info.ssi_signo;
		}
		for (int i = 0; info.ssi_signo == SIGHUP && i < PROGRAMS; i++)
			if (s->programs[i].pid > 0)
				(void)kill(s->programs[i].pid, SIGHUP);
	}
}

/* Starts, stops and kills what is due; *ret_due is when more is. False: nothing runs any more. */
static bool do_due(struct supervisor *s, uint64_t *ret_due)
{
	static const uint64_t limits[PROGRAMS] = {READER_STOP_USEC, SENDER_STOP_USEC};
	uint64_t now = clock_steady();
	bool running = false;

	*ret_due = UINT64_MAX;
	for (int i = 0; i < PROGRAMS; i++) {
		struct program *p = &s->programs[i];
		uint64_t due = UINT64_MAX;

		/* The sender sends what the reader recorded last. */
		if (s->stop && i == SENDER && p->keep && s->was_ready && p->pid == 0 &&
		    p->kill_due == UINT64_MAX && !running)
			start(s, i);
		if (s->stop && p->pid > 0 && p->kill_due == UINT64_MAX && !running) {
			(void)kill(p->pid, i == READER ? s->stop_signal : SIGTERM);
			p->kill_due = now + limits[i];
		}
		if (!s->stop && p->keep && p->pid == 0 && now >= p->due &&
		    (i == READER || s->was_ready))
			start(s, i);
		if (p->pid > 0 && now >= p->kill_due) {
			log_warning("the %s does not end and is killed", names[i]);
			(void)kill(p->pid, SIGKILL);
			p->kill_due = UINT64_MAX - 1;
		}
		running |= p->pid > 0;
		if (p->pid > 0)
			due = p->kill_due;
		else if (!s->stop && p->keep && (i == READER || s->was_ready))
			due = p->due;
		*ret_due = due < *ret_due ? due : *ret_due;
	}
	return running || !s->stop;
}

static int loop(struct supervisor *s)
{
	uint64_t due;

	while (do_due(s, &due)) {
		struct pollfd fds[] = {{.fd = s->signals, .events = POLLIN},
				       {.fd = s->was_ready ? -1 : s->ready[0], .events = POLLIN}};
		uint64_t now = clock_steady();
		uint64_t wait = due > now ? (due - now) / 1000 + 1 : 0;

		if (poll(fds, ARRAY_SIZE(fds), due >= UINT64_MAX - 1 ? -1 : (int)wait) < 0 &&
		    errno != EINTR) {
			log_error("poll: %s", strerror(errno));
			return STATUS_FAILED;
		}
		if (fds[1].revents & POLLIN)
			s->was_ready = true;
		if (fds[0].revents) {
			read_signals(s);
			reap(s);
		}
	}
	return s->status;
}

int supervise(const struct options *options,
	      int (*reader)(const struct options *options, int ready_fd))
{
	AUTO_BUFFER struct buffer state = BUFFER_INIT(PATH_MAX);
	struct options own = *options;
	struct supervisor s = {.options = &own,
			       .reader = reader,
			       .stop_signal = SIGTERM,
			       .signals = -1,
			       .ready = {-1, -1}};
	sigset_t set;
	int r = users_find(options, &state, s.users);

	if (r != STATUS_DONE)
		return r;
	own.state_directory = state.data;
	for (int i = 0; i < PROGRAMS; i++)
		s.programs[i] = (struct program){.keep = i == READER || !options->no_deliver,
						 .pause = PAUSE_MIN_USEC,
						 .kill_due = UINT64_MAX};
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGHUP);
	(void)sigaddset(&set, SIGCHLD);
	if (sigprocmask(SIG_BLOCK, &set, NULL) == 0)
		s.signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (s.signals < 0 || pipe2(s.ready, O_CLOEXEC | O_NONBLOCK) < 0) {
		log_error("cannot start reader and sender: %s", strerror(errno));
		r = STATUS_FAILED;
	} else {
		r = loop(&s);
	}
	if (s.signals >= 0)
		(void)close(s.signals);
	for (int i = 0; i < 2; i++)
		if (s.ready[i] >= 0)
			(void)close(s.ready[i]);
	return r;
}
