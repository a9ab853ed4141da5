/*
 * One shot: everything since the last position goes into the ledger, and the sender mails it.
 * With --dry-run the same happens in a temporary state, of which the sender prints the messages.
 */
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
#include "base/timetext.h"
#include "command/deliver_process.h"
#include "command/intake.h"
#include "command/recover.h"
#include "command/session_source.h"
#include "command/temporary_state.h"
#include "store/file.h"
#include "store/ledger/format.h"
#include "store/position.h"

/* The position, without a right to write there; a state that is not there is none. */
static int peek_position(const struct options *o, struct buffer *ret)
{
	struct buffer path AUTO_BUFFER = BUFFER_INIT(4096);
	AUTO_CLOSE int dirfd = -1;
	struct error err = {0};
	uint64_t usec;
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
	r = position_load(dirfd, ret, NULL, &err);
	if (r == POSITION_E_NONE && fresh)
		return STATUS_DONE;
	if (r == POSITION_E_DAMAGED || r == POSITION_E_NONE) {
		log_warning("%s: %s", path.data,
			    r == POSITION_E_NONE ? "the stored position was removed" : err.text);
		r = recover_position(dirfd, fresh, ret, &usec);
		if (r == 0)
			return STATUS_DONE;
	}
	if (r >= 0 && buffer_cstr(ret))
		return STATUS_DONE;
	log_error("%s: the position cannot be read: %s", path.data, strerror(r < 0 ? -r : ENOMEM));
	return STATUS_FAILED;
}

static void tell_first_start(const struct session *s, bool first)
{
	if (!first || s->options->since_usec || options_standard_input(s->options))
		return;
	log_notice(
		"first scan: it begins at the end of %s; what was logged before is not "
		"alerted (use --since=TIME to look back)",
		s->source_name);
}

/* From the position @peeked (empty: from the beginning), or, if that is NULL, the state's own. */
static int read_all(struct session *s, struct intake *in, const struct buffer *peeked)
{
	const struct options *o = s->options;
	struct source_options so = {.since_usec = o->since_usec, .until_usec = o->until_usec};
	const char *position = NULL;
	int r = STATUS_DONE;

	if (peeked) {
		position = peeked->len > 0 ? peeked->data : NULL;
	} else if (!o->since_usec && !options_standard_input(o)) {
		r = intake_position(in, &position);
		so.from_end = true;
	}
	if (r == STATUS_DONE)
		r = session_open_source(s, &so, position);
	if (r != STATUS_DONE)
		return r;
	tell_first_start(s, !peeked && position == NULL);
	r = intake_drain(in, INTAKE_FINAL);
	progress_clear(&s->progress);
	if (r < 0) {
		log_error("%s: %s; what was recorded is mailed, the rest is for the next scan",
			  s->source_name, strerror(-r));
		return STATUS_FAILED;
	}
	/* What follows a watch that ended, or was killed, must not say that all is well. */
	if (!o->no_deliver && !options_standard_input(o))
		intake_heartbeat(in, INTAKE_FINAL);
	return STATUS_DONE;
}

/*
 * Reads into the ledger; *directory, which stays empty if there is none, is that of the state.
 * @peeked as of read_all().
 */
static int record(struct session *s, const struct buffer *peeked, struct buffer *directory,
		  struct intake_counts *ret)
{
	struct intake *in = NULL;
	int r;

	r = intake_open(s, &in);
	if (r != STATUS_DONE)
		return r;
	/* Before it reads what may end it, too. */
	r = intake_crashed(in) < 0 ? STATUS_FAILED : read_all(s, in, peeked);
	*ret = intake_counts(in);
	if (buffer_append_str(directory, intake_directory(in)) < 0 || !buffer_cstr(directory)) {
		log_error("out of memory");
		buffer_clear(directory);
		r = STATUS_FAILED;
	}
	(void)intake_free(in); /* the lock: mailing may take long */
	if (directory->len > 0 && !s->options->quiet && s->source)
		printf("%s: %" PRIu64 " logins, %" PRIu64 " alerts recorded\n", s->source_name,
		       ret->logins, ret->alerts);
	return r;
}

static int deliver(const struct session *s, const struct buffer *directory)
{
	pid_t sender;
	int r = sender_start(SENDER_ONCE, s->options, directory->data, &sender);

	return r == STATUS_DONE ? sender_wait(sender) : r;
}

static int scan(struct session *s)
{
	AUTO_BUFFER struct buffer directory = BUFFER_INIT(PATH_MAX);
	struct intake_counts counts;
	int r = record(s, NULL, &directory, &counts), sent = STATUS_DONE;

	if (directory.len > 0 && !s->options->no_deliver)
		sent = deliver(s, &directory);
	return r != STATUS_DONE ? r : sent;
}

/*
 * Standard input cannot be read again from a position, so no state is kept of it: its alerts are
 * sent from a directory that is removed when every message is accepted.
 */
static int scan_input(struct session *s)
{
	AUTO_BUFFER struct buffer directory = BUFFER_INIT(PATH_MAX);
	struct options options = *s->options;
	struct temporary_state state;
	struct intake_counts counts;
	int r, sent = STATUS_DONE;

	if (options.no_deliver) {
		log_error("--no-deliver with standard input needs --state-directory");
		return STATUS_WRONG;
	}
	r = temporary_state_make(&state, TEMPORARY_SENDER);
	if (r < 0) {
		log_error("cannot make a temporary directory in /var/tmp: %s", strerror(-r));
		return STATUS_FAILED;
	}
	options.state_directory = state.path;
	s->options = &options;
	r = record(s, NULL, &directory, &counts);
	if (directory.len > 0)
		sent = deliver(s, &directory);
	s->options = NULL;
	if (sent != STATUS_DONE)
		log_warning(
			"%s is kept: not every message was accepted; to try again: loginbell "
			"queue --flush --state-directory=%s",
			state.path, state.path);
	else
		temporary_state_remove(&state);
	return r != STATUS_DONE ? r : sent;
}

/* *ret_left: nobody reads standard output any more. */
static int print_messages(const struct session *s, const struct buffer *directory, bool *ret_left)
{
	int status, r;
	pid_t sender;

	r = sender_start(SENDER_PRINT, s->options, directory->data, &sender);
	if (r != STATUS_DONE)
		return r;
	r = child_wait(sender, &status);
	*ret_left = r == 0 && WIFSIGNALED(status) && WTERMSIG(status) == SIGPIPE;
	return r < 0 || *ret_left ? STATUS_FAILED : sender_status(status);
}

/* The position is that of the state, which stays as it is. */
static int dry_run(struct session *s)
{
	AUTO_BUFFER struct buffer position = BUFFER_INIT(POSITION_MAX);
	AUTO_BUFFER struct buffer directory = BUFFER_INIT(PATH_MAX);
	struct options options = *s->options;
	struct intake_counts counts = {0};
	struct temporary_state state;
	int r = STATUS_DONE, printed = STATUS_DONE;
	bool left = false;

	if (!options.since_usec && !options_standard_input(&options))
		r = peek_position(&options, &position);
	if (r != STATUS_DONE)
		return r;
	r = temporary_state_make(&state, TEMPORARY_SELF);
	if (r < 0) {
		log_error("cannot make a temporary directory in /var/tmp: %s", strerror(-r));
		return STATUS_FAILED;
	}
	options.state_directory = state.path;
	options.no_deliver = options.quiet = true;
	s->options = &options;
	r = record(s, &position, &directory, &counts);
	if (counts.alerts > 0)
		printed = print_messages(s, &directory, &left);
	else if (r == STATUS_DONE && !s->progress.quiet)
		printf("Nothing would be mailed: no login in %s that is not allowed.\n",
		       s->source_name);
	s->options = NULL;
	temporary_state_remove(&state);
	if (left)
		(void)raise(SIGPIPE);
	return r != STATUS_DONE ? r : printed;
}

int command_scan(const struct options *options)
{
	struct session s;
	int r = session_init(&s, options);

	if (r == STATUS_DONE && options->dry_run)
		r = dry_run(&s);
	else if (r == STATUS_DONE && options_standard_input(options) && !options->state_directory)
		r = scan_input(&s);
	else if (r == STATUS_DONE)
		r = scan(&s);
	session_done(&s);
	return r;
}
