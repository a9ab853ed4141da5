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
#include "store/file.h"
#include "store/ledger/format.h"
#include "store/position.h"

/* Loads the position without writing to the state; *ret stays empty if there is no state. */
static int peek_position(const struct options *o, struct position *ret)
{
	struct buffer path AUTO_BUFFER = BUFFER_INIT(4096);
	AUTO_CLOSE int dirfd = -1;
	struct error err = {0};
	bool fresh;
	int r;

	r = o->state_directory ? buffer_append_str(&path, o->state_directory)
			       : file_state_path(&path);
	if (r < 0 || !buffer_cstr(&path))
		return STATUS_FAILED;
	dirfd = open(path.data, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dirfd < 0) {
		if (errno == ENOENT)
			return STATUS_DONE;
		log_error("%s: cannot be read: %s", path.data, strerror(errno));
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

/*
 * Reads into the ledger. *directory is that of the state; it stays empty if that cannot be opened.
 * @peeked is as for read_all().
 */
static int record(struct session *s, const struct position *peeked, struct buffer *directory,
		  struct intake_counts *ret)
{
	struct intake *in = NULL;
	int r;

	r = intake_open(s, &in);
	if (r != STATUS_DONE)
		return r;
	/* First, since this process may crash where the other one did. */
	r = instance_crashed(intake_recorder(in)) < 0 ? STATUS_FAILED : read_all(s, in, peeked);
	*ret = intake_counts(in);
	if (buffer_append_str(directory, intake_directory(in)) < 0 || !buffer_cstr(directory)) {
		log_error("out of memory");
		buffer_clear(directory);
		r = STATUS_FAILED;
	}
	(void)intake_free(in); /* and the lock, since mailing may take long */
	if (directory->len > 0 && !s->options->quiet && s->source)
		printf("%s: %" PRIu64 " logins, %" PRIu64 " alerts recorded\n", s->source_name,
		       ret->logins, ret->alerts);
	return r;
}

/* *ret_unread: the sender printed, and nobody reads standard output any more. */
static int run_sender(const struct session *s, enum sender_mode mode,
		      const struct buffer *directory, bool *ret_unread)
{
	int status, r;
	pid_t sender;

	r = sender_start(mode, s->options, directory->data, &sender);
	if (r != STATUS_DONE)
		return r;
	r = child_wait(sender, &status);
	*ret_unread = r == 0 && mode == SENDER_PRINT && WIFSIGNALED(status) &&
		      WTERMSIG(status) == SIGPIPE;
	return r < 0 || *ret_unread ? STATUS_FAILED : sender_status(status);
}

static int scan(struct session *s)
{
	AUTO_BUFFER struct buffer directory = BUFFER_INIT(PATH_MAX);
	struct intake_counts counts;
	int r = record(s, NULL, &directory, &counts), sent = STATUS_DONE;
	bool unread;

	if (directory.len > 0 && !s->options->no_deliver)
		sent = run_sender(s, SENDER_ONCE, &directory, &unread);
	return r != STATUS_DONE ? r : sent;
}

/*
 * Standard input cannot be read again from a position, so no state is kept of it: its alerts are
 * sent from a directory that is removed when every message is accepted. A dry run has the sender
 * print the messages from such a directory; it only reads the position of the service's state.
 */
static int scan_temporary(struct session *s)
{
	AUTO_POSITION struct position position = POSITION_INIT;
	AUTO_BUFFER struct buffer directory = BUFFER_INIT(PATH_MAX);
	const bool print = s->options->dry_run, quiet = s->options->quiet;
	struct options options = *s->options;
	struct intake_counts counts = {0};
	struct temporary_state state;
	int r = STATUS_DONE, sent = STATUS_DONE;
	bool unread = false;

	if (options.no_deliver && !print) {
		log_error("--no-deliver with standard input needs --state-directory");
		return STATUS_WRONG;
	}
	if (print && !options.since_usec && !options_standard_input(&options))
		r = peek_position(&options, &position);
	if (r != STATUS_DONE)
		return r;
	r = temporary_state_make(&state, print ? TEMPORARY_SELF : TEMPORARY_SENDER);
	if (r < 0) {
		log_error("cannot make a temporary directory in /var/tmp: %s", strerror(-r));
		return STATUS_FAILED;
	}
	options.state_directory = state.path;
	options.quiet |= print;
	s->options = &options;
	r = record(s, print ? &position : NULL, &directory, &counts);
	if (directory.len > 0 && (counts.alerts > 0 || !print))
		sent = run_sender(s, print ? SENDER_PRINT : SENDER_ONCE, &directory, &unread);
	else if (r == STATUS_DONE && !quiet)
		printf("Nothing would be mailed: no login in %s that is not allowed.\n",
		       s->source_name);
	s->options = NULL;
	if (sent != STATUS_DONE && !print)
		log_warning(
			"%s is kept, since not every message was accepted; to try again: "
			"loginbell queue --flush --state-directory=%s",
			state.path, state.path);
	else
		temporary_state_remove(&state);
	if (unread)
		(void)raise(SIGPIPE); /* as if this process had printed */
	return r != STATUS_DONE ? r : sent;
}

int command_scan(const struct options *options)
{
	struct session s;
	int r = session_init(&s, options);

	if (r == STATUS_DONE)
		r = options->dry_run ||
				    (options_standard_input(options) && !options->state_directory)
			    ? scan_temporary(&s)
			    : scan(&s);
	session_done(&s);
	return r;
}
