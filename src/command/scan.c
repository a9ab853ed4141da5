/* One shot: everything since the last position goes into the ledger, and the sender mails it. */
#include "command/scan.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>

#include "base/child.h"
#include "base/log.h"
#include "command/deliver_process.h"
#include "command/instance.h"
#include "command/intake.h"
#include "command/recover.h"
#include "command/session_source.h"
#include "command/temporary_state.h"
#include "command/users.h"
#include "store/ledger/format.h"
#include "store/position.h"
#include "store/state.h"

/* Loads the position without writing to the state; *ret stays empty if there is no state. */
static int peek_position(const struct options *o, struct position *ret)
{
	struct buffer path AUTO_BUFFER = BUFFER_INIT(4096);
	AUTO_CLOSE int dirfd = -1;
	struct error err = {0};
	bool fresh;
	int r;

	r = o->state_directory ? buffer_append_str(&path, o->state_directory)
			       : state_path(STATE_READER, STATE_SHOW, &path);
	if (r < 0 || !buffer_cstr(&path))
		return STATUS_FAILED;
	r = state_open(path.data, STATE_READER, STATE_SHOW, &dirfd, &err);
	if (r == -ENOENT)
		return STATUS_DONE;
	if (r < 0) {
		log_error_struct(LOG_ERR, &err);
		return STATUS_FAILED;
	}
	fresh = faccessat(dirfd, LEDGER_NAME, F_OK, AT_SYMLINK_NOFOLLOW) < 0;
	r = position_load(dirfd, ret, &err);
	if (r == POSITION_E_NONE && fresh)
		return STATUS_DONE;
	if (r == POSITION_E_DAMAGED || r == POSITION_E_NONE) {
		log_warning("%s: %s", path.data,
			    r == POSITION_E_NONE ? "the stored position was removed" : err.text);
		r = recover_position(dirfd, fresh, ret);
	}
	if (r >= 0)
		return STATUS_DONE;
	log_error("%s: the position cannot be read: %s", path.data, strerror(-r));
	return STATUS_FAILED;
}

/* Reads from the position @peeked (empty: from the beginning), or, if NULL, from the state's own.
 */
static int read_all(struct session *s, struct intake *in, const struct position *peeked)
{
	const struct options *o = s->options;
	struct source_options so = {.since_usec = o->since_usec, .until_usec = o->until_usec};
	bool resume = !peeked && !o->since_usec && !options_standard_input(o);
	const struct position *position =
		peeked && (peeked->text.len > 0 || peeked->time_usec > 0) ? peeked : NULL;
	int r = STATUS_DONE;

	if (resume) {
		r = intake_position(in, &position);
		so.from_end = true;
	}
	if (r == STATUS_DONE)
		r = session_open_source(s, &so, position);
	if (r != STATUS_DONE)
		return r;
	session_save_rules(s, recorder_dirfd(intake_recorder(in)));
	if (resume && !position)
		log_notice(
			"first scan: reading begins at the end of %s; to look back, use "
			"--since=TIME",
			s->source_name);
	r = intake_drain(in, INTAKE_FINAL);
	progress_clear(&s->progress);
	if (r < 0) {
		log_error("%s: %s; what was recorded is mailed, and the next scan reads the rest",
			  s->source_name, strerror(-r));
		return STATUS_FAILED;
	}
	/* A scan that follows a watch which was killed must not say that all is well. */
	if (!peeked && !o->no_deliver && !options_standard_input(o))
		intake_heartbeat(in, INTAKE_FINAL);
	return STATUS_DONE;
}

/* Reads into the ledger. @peeked is as for read_all(); *ret_alerts may be NULL. */
static int record(const struct options *options, const struct position *peeked,
		  uint64_t *ret_alerts)
{
	struct intake_counts counts = {0};
	struct intake *in = NULL;
	struct session s;
	int r = session_init(&s, options, SESSION_LAST_GOOD);

	if (r == STATUS_DONE)
		r = intake_open(&s, &in);
	if (r == STATUS_DONE) {
		/* First, since this process may crash where the other one did. */
		r = instance_crashed(intake_recorder(in)) < 0 ? STATUS_FAILED
							      : read_all(&s, in, peeked);
		counts = intake_counts(in);
		if (s.source && !options->quiet && !options->dry_run)
			printf("%s: %" PRIu64 " logins, %" PRIu64 " alerts recorded\n",
			       s.source_name, counts.logins, counts.alerts);
		else if (s.source && !options->quiet && r == STATUS_DONE && counts.alerts == 0)
			printf("Nothing would be mailed: no login in %s that is not allowed.\n",
			       s.source_name);
	}
	(void)intake_free(in);
	session_done(&s);
	if (ret_alerts)
		*ret_alerts = counts.alerts;
	return r;
}

/* The same as the reader's user, in a child unless that is the present one. */
static int record_as(const struct options *options, const struct program_user *user)
{
	pid_t parent = getpid(), pid;
	int status;

	if (!user->change)
		return record(options, NULL, NULL);
	(void)fflush(NULL);
	pid = child_fork(SIGTERM);
	if (pid == 0) {
		int r = users_become(user, STATE_READER, parent);

		if (r < 0)
			log_error("cannot become the reader's user: %s", strerror(-r));
		exit(r < 0 ? STATUS_FAILED : record(options, NULL, NULL));
	}
	if (pid < 0 || child_wait(pid, &status) < 0) {
		log_error("cannot start the reader: %s", strerror(pid < 0 ? -pid : errno));
		return STATUS_FAILED;
	}
	if (WIFEXITED(status))
		return WEXITSTATUS(status);
	log_error("the reader ended by signal %d", WTERMSIG(status));
	return STATUS_FAILED;
}

/* *ret_sent is STATUS_DONE if every message was accepted. */
static int scan(const struct options *options, int *ret_sent)
{
	AUTO_BUFFER struct buffer state = BUFFER_INIT(PATH_MAX);
	struct options own = *options;
	struct program_user users[2];
	int r = users_find(options, &state, users);

	*ret_sent = STATUS_DONE;
	if (r != STATUS_DONE)
		return r;
	own.state_directory = state.data;
	r = record_as(&own, &users[STATE_READER]);
	if (r == STATUS_LOCKED) /* that one reads, and its sender sends */
		return STATUS_DONE;
	if (r != STATUS_WRONG && !options->no_deliver)
		*ret_sent =
			deliver_process_run(SENDER_ONCE, &own, state.data, &users[STATE_DELIVER]);
	return r != STATUS_DONE ? r : *ret_sent;
}

/*
 * Standard input cannot be read again from a position, so no state is kept of it: its alerts are
 * sent from a directory that is removed when every message is accepted.
 */
static int scan_input(const struct options *options)
{
	struct options own = *options;
	struct temporary_state state;
	int r, sent;

	if (options->no_deliver) {
		log_error("--no-deliver with standard input needs --state-directory");
		return STATUS_WRONG;
	}
	r = temporary_state_make(&state, TEMPORARY_SENDER);
	if (r < 0) {
		log_error("cannot make a temporary directory in /var/tmp: %s", strerror(-r));
		return STATUS_FAILED;
	}
	own.state_directory = state.path;
	r = scan(&own, &sent);
	if (sent != STATUS_DONE)
		log_warning(
			"%s is kept, since not every message was accepted; to try again: "
			"loginbell queue --flush --state-directory=%s",
			state.path, state.path);
	else
		temporary_state_remove(&state);
	return r;
}

/*
 * The sender prints the messages from a temporary state; of the service's state only the position
 * is read.
 */
static int dry_run(const struct options *options)
{
	AUTO_POSITION struct position position = POSITION_INIT;
	struct options own = *options;
	struct temporary_state state;
	uint64_t alerts = 0;
	int r = STATUS_DONE, sent = STATUS_DONE;

	if (!options->since_usec && !options_standard_input(options))
		r = peek_position(options, &position);
	if (r != STATUS_DONE)
		return r;
	r = temporary_state_make(&state, TEMPORARY_SELF);
	if (r < 0) {
		log_error("cannot make a temporary directory in /var/tmp: %s", strerror(-r));
		return STATUS_FAILED;
	}
	own.state_directory = state.path;
	r = record(&own, &position, &alerts);
	if (alerts > 0)
		sent = deliver_process_run(SENDER_PRINT, &own, state.path, NULL);
	temporary_state_remove(&state);
	if (sent == SENDER_UNREAD)
		(void)raise(SIGPIPE); /* as if this process had printed */
	return r != STATUS_DONE ? r : sent;
}

int command_scan(const struct options *options)
{
	int sent;

	if (options->dry_run)
		return dry_run(options);
	if (options_standard_input(options) && !options->state_directory)
		return scan_input(options);
	return scan(options, &sent);
}
