/*
 * One shot: everything since the last position goes into the ledger, and the sender mails it.
 * With --dry-run nothing is touched: what would be mailed is printed.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/timetext.h"
#include "command/commands.h"
#include "command/deliver_process.h"
#include "command/intake.h"
#include "command/preview.h"
#include "command/recover.h"
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

static int dry_run(struct session *s)
{
	const struct options *o = s->options;
	struct buffer position AUTO_BUFFER = BUFFER_INIT(POSITION_MAX);
	struct source_options so = {.since_usec = o->since_usec, .until_usec = o->until_usec};
	struct preview *preview = NULL;
	struct record record;
	struct judged judged;
	int r = STATUS_DONE;

	if (!o->since_usec && !options_standard_input(o))
		r = peek_position(o, &position);
	if (r == STATUS_DONE)
		r = session_open_source(s, &so, position.len ? position.data : NULL);
	if (r != STATUS_DONE)
		return r;
	preview = preview_new(s->config);
	if (!preview) {
		log_error("out of memory");
		return STATUS_FAILED;
	}
	while (r == 0 && (r = source_next(s->source, &record)) > 0) {
		session_tick(s);
		if (r == SOURCE_AGAIN) {
			r = 0;
			continue;
		}
		r = judge_record(s->judge, s->source, &record, clock_now(), &judged);
		if (r == 0 && judged.judgement == JUDGED_ALERT) {
			s->seen++;
			r = preview_add(preview, &judged.alert);
		}
	}
	session_progress_done(s);
	if (r == 0)
		r = preview_finish(preview);
	(void)preview_free(preview);
	if (r < 0) {
		log_error("%s: %s", s->source_name, strerror(-r));
		return STATUS_FAILED;
	}
	if (s->seen == 0 && !o->quiet)
		printf("Nothing would be mailed: no login in %s that is not allowed.\n",
		       s->source_name);
	return STATUS_DONE;
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

static int read_all(struct session *s, struct intake *in)
{
	const struct options *o = s->options;
	struct source_options so = {.since_usec = o->since_usec, .until_usec = o->until_usec};
	const char *position = NULL;
	int r = STATUS_DONE;

	if (!o->since_usec && !options_standard_input(o)) {
		r = intake_position(in, &position);
		so.from_end = true;
	}
	if (r == STATUS_DONE)
		r = session_open_source(s, &so, position);
	if (r != STATUS_DONE)
		return r;
	tell_first_start(s, position == NULL);
	r = intake_drain(in, INTAKE_FINAL);
	session_progress_done(s);
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

static int scan(struct session *s)
{
	struct buffer directory AUTO_BUFFER = BUFFER_INIT(4096);
	struct intake *in = NULL;
	struct intake_counts counts;
	pid_t sender;
	int r, sent, status;

	r = intake_open(s, &in);
	if (r != STATUS_DONE)
		return r;
	/* Before it reads what may end it, too. */
	r = intake_crashed(in) < 0 ? STATUS_FAILED : read_all(s, in);
	sender = handover_sender(intake_handover(in));
	if (sender && waitpid(sender, &status, 0) == sender)
		handover_ended(intake_handover(in), status);
	counts = intake_counts(in);
	if (buffer_append_str(&directory, intake_directory(in)) < 0 || !buffer_cstr(&directory))
		r = STATUS_FAILED;
	(void)intake_free(in); /* the lock: mailing may take long */
	if (!directory.data)
		return STATUS_FAILED;
	if (!s->options->quiet && s->source)
		printf("%s: %" PRIu64 " logins, %" PRIu64 " alerts recorded\n", s->source_name,
		       counts.logins, counts.alerts);
	if (s->options->no_deliver)
		return r;
	sent = sender_start(SENDER_ONCE, s->options, directory.data, -1, &sender);
	if (sent == STATUS_DONE)
		sent = sender_wait(sender);
	return r != STATUS_DONE ? r : sent;
}

int command_scan(const struct options *options)
{
	struct session s;
	int r = session_init(&s, options);

	if (r == STATUS_DONE)
		r = options->dry_run ? dry_run(&s) : scan(&s);
	session_done(&s);
	return r;
}
