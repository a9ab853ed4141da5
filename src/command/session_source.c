/*
 * Kind=auto is the journal if one can be read, else the first log file that exists; the choice and
 * its reason are logged. A position that another kind of source stored is resumed by its time.
 */
#include "command/session_source.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/timetext.h"
#include "config.h"
#include "source/collector/ops.h"
#include "source/journal/ops.h"
#include "source/logfile/ops.h"

/* Times in a log file are of whole seconds, and of when the line was written. */
#define TIME_SLACK_USEC USEC_PER_MIN

static const char *const log_files[] = {"/var/log/auth.log", "/var/log/secure",
					"/var/log/messages"};

static void resume_by_time(struct session *s, struct source_options *so, uint64_t until_usec)
{
	log_notice("the stored position is of another source: reading of %s resumes by time",
		   s->source_name);
	so->resume = NULL;
	so->since_usec = until_usec > TIME_SLACK_USEC ? until_usec - TIME_SLACK_USEC : 0;
	so->from_end = until_usec == 0;
}

static void set_source_path(struct session *s, const char *path)
{
	(void)snprintf(s->source_path, sizeof(s->source_path), "%s", path ? path : "");
}

#if HAVE_JOURNAL
/* Whether the directory is read host by host. A follower of an empty one waits for hosts. */
static bool is_collection(const char *directory, const struct source_options *so)
{
	enum collector_kind found = directory ? collector_look(directory) : COLLECTOR_NONE;

	return found == COLLECTOR_HOSTS || (found == COLLECTOR_EMPTY && so->follow);
}
#endif

static int open_journal(struct session *s, struct source_options so, const struct position *resume,
			struct error *err)
{
#if HAVE_JOURNAL
	const char *directory =
		s->options->directory ? s->options->directory : s->config->directory;
	bool collection = is_collection(directory, &so);

	set_source_path(s, directory);
	(void)snprintf(s->source_name, sizeof(s->source_name), "%s%s",
		       directory ? "the journal in " : "the journal", directory ? directory : "");
	so.resume = resume ? resume->text.data : NULL;
	if (collection && resume && collector_owns_position(buffer_slice(&resume->text)))
		return collector_open(directory, &so, &s->source, err);
	if (resume && !slice_starts_with(buffer_slice(&resume->text), "journal ")) {
		resume_by_time(s, &so, resume->time_usec);
		/* As a position without a cursor: what the journal lacks since then is a gap. */
		if (!so.from_end) {
			(void)snprintf(
				s->resume, sizeof(s->resume),
				"journal time=0 until=%" PRIu64 " cursor=", resume->time_usec);
			so.resume = s->resume;
		}
	}
	return collection ? collector_open(directory, &so, &s->source, err)
			  : journal_open(directory, &so, &s->source, err);
#else
	(void)s;
	(void)so;
	(void)resume;
	error_set(err, NULL, 0, 0, "this loginbell was built without journal support (libsystemd)");
	return SOURCE_E_UNREADABLE;
#endif
}

static int open_logfile(struct session *s, struct source_options so, const struct position *resume,
			struct error *err)
{
	const char *path = s->options->log_file ? s->options->log_file : s->config->log_file;
	uint64_t since = so.since_usec;
	bool input;
	int r;

	for (size_t i = 0; !path && i < ARRAY_SIZE(log_files); i++)
		if (access(log_files[i], F_OK) == 0)
			path = log_files[i];
	if (!path && !so.follow) {
		error_set(err, NULL, 0, 0,
			  "no log file: neither /var/log/auth.log nor /var/log/secure nor "
			  "/var/log/messages exists");
		return SOURCE_E_UNREADABLE;
	}
	if (!path)
		path = log_files[0]; /* it may come */
	input = strcmp(path, "-") == 0;
	set_source_path(s, input ? NULL : path);
	(void)snprintf(s->source_name, sizeof(s->source_name), "%s",
		       input ? "standard input" : path);
	so.resume = resume ? resume->text.data : NULL;
	if (resume && !logfile_owns_position(buffer_slice(&resume->text))) {
		resume_by_time(s, &so, resume->time_usec);
		so.since_usec = since;
		so.go_on_usec = resume->time_usec;
	}
	r = logfile_open(path, &so, &s->source, err);
	if (r == 0 && logfile_polls(s->source))
		log_notice("%s is polled once a second: %s", s->source_name,
			   logfile_polls(s->source));
	return r;
}

static int open_auto(struct session *s, const struct source_options *so,
		     const struct position *resume, struct error *err)
{
	struct error second = {0};
	char why[900];
	int r = open_journal(s, *so, resume, err);

	if (r == 0 || r == SOURCE_E_POSITION || r < 0)
		return r;
	r = open_logfile(s, *so, resume, &second);
	error_format(err, why, sizeof(why));
	if (r == 0)
		log_notice("reading %s, since no journal can be read (%s)", s->source_name, why);
	else if (r == SOURCE_E_UNREADABLE)
		log_error_struct(LOG_ERR, err);
	*err = second;
	return r;
}

int session_open_source(struct session *s, struct source_options *so, const struct position *resume)
{
	const struct options *o = s->options;
	enum config_source_kind kind = o->source_set ? o->source : s->config->source_kind;
	struct error err = {0};
	int r;

	if (o->directory)
		kind = CONFIG_SOURCE_JOURNAL;
	else if (o->log_file)
		kind = CONFIG_SOURCE_FILE;
	else if (kind == CONFIG_SOURCE_AUTO && s->config->directory)
		kind = CONFIG_SOURCE_JOURNAL;
	so->programs = (const char *const *)s->config->programs.items;
	so->now_usec = clock_now();
	if (kind == CONFIG_SOURCE_JOURNAL)
		r = open_journal(s, *so, resume, &err);
	else if (kind == CONFIG_SOURCE_FILE)
		r = open_logfile(s, *so, resume, &err);
	else
		r = open_auto(s, so, resume, &err);
	if (r == 0)
		return STATUS_DONE;
	log_error_struct(LOG_ERR, &err);
	if (r == SOURCE_E_POSITION)
		log_error(
			"remove the file \"position\" in the state directory to resume after "
			"the last alert in the ledger, or use scan --since=TIME to begin at a "
			"time");
	return STATUS_FAILED;
}

bool session_source_exists(const struct session *s)
{
	return !s->source_path[0] || access(s->source_path, R_OK) == 0;
}
