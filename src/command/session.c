/*
 * Kind=auto: the journal where one can be read, else the first log file there is; which and why is
 * logged. A position of the other kind is gone on from by its time.
 */
#include "command/session.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/notify.h"
#include "base/number.h"
#include "base/timetext.h"
#include "command/whitelist_files.h"
#include "config.h"
#include "source/collector/ops.h"
#include "source/journal/ops.h"
#include "source/logfile/ops.h"
#include "store/config_file.h"

static const char *const log_files[] = {"/var/log/auth.log", "/var/log/secure",
					"/var/log/messages"};

static void tell_fault(const struct error *fault, void *userdata)
{
	(void)userdata;
	log_error_struct(LOG_ERR, fault);
}

int session_init(struct session *s, const struct options *options)
{
	struct error err = {0};
	int r;

	*s = (struct session){.options = options};
	r = config_file_load(options->config, &s->config, tell_fault, NULL, &err);
	if (r == CONFIG_E_INVALID)
		return STATUS_WRONG;
	if (r == 0)
		r = rules_load(options, s->config, &s->whitelist, &err);
	if (r == 0)
		r = judge_new(s->config, s->whitelist, &s->judge, &err);
	if (r != 0)
		log_error_struct(LOG_ERR, &err);
	return r == -ENOMEM ? STATUS_FAILED : r != 0 ? STATUS_WRONG : STATUS_DONE;
}

void session_done(struct session *s)
{
	(void)source_free(s->source);
	(void)judge_free(s->judge);
	(void)whitelist_free(s->whitelist);
	(void)config_free(s->config);
}

void session_reload_rules(struct session *s)
{
	struct whitelist *fresh = NULL;
	struct error err = {0};
	char fault[900];

	if (rules_load(s->options, s->config, &fresh, &err) != 0) {
		error_format(&err, fault, sizeof(fault));
		log_error("%s", fault);
		log_error("the whitelist that was in force before stays in force");
		judge_set_whitelist(s->judge, s->whitelist, fault);
		return;
	}
	judge_set_whitelist(s->judge, fresh, NULL);
	(void)whitelist_free(s->whitelist);
	s->whitelist = fresh;
	log_info("whitelist read: %zu rules", whitelist_size(fresh));
}

int session_reload(struct session *s)
{
	struct session fresh;
	int r = session_init(&fresh, s->options);

	if (r == STATUS_DONE) {
		(void)judge_free(s->judge);
		(void)whitelist_free(s->whitelist);
		(void)config_free(s->config);
		s->judge = fresh.judge;
		s->whitelist = fresh.whitelist;
		s->config = fresh.config;
		log_notice("configuration and whitelist read: %zu rules",
			   whitelist_size(s->whitelist));
		return r;
	}
	log_error("the configuration and whitelist that were in force before stay in force");
	judge_set_whitelist(s->judge, s->whitelist, "see the messages of loginbell in the log");
	session_done(&fresh);
	return r;
}

/* What follows @key in a position's text of any kind; 0 where it has none. */
static uint64_t position_number(const char *position, const char *key)
{
	const char *at = strstr(position, key);
	uint64_t usec = 0;

	if (at) {
		at += strlen(key);
		(void)number_parse_u64((struct slice){at, strspn(at, "0123456789")}, UINT64_MAX,
				       &usec);
	}
	return usec;
}

uint64_t session_position_usec(const char *position)
{
	uint64_t until = position_number(position, " until=");
	uint64_t time = position_number(position, " time=");

	return until > time ? until : time;
}

/* Times in a log file are of whole seconds, and of when the line was written. */
#define TIME_SLACK_USEC USEC_PER_MIN

/* A position of the other kind of source is taken up by its time. */
static void resume_by_time(struct session *s, struct source_options *so, const char *resume)
{
	uint64_t until = session_position_usec(resume);

	log_notice("the stored position is not one of %s: reading goes on there by its time",
		   s->source_name);
	so->resume = NULL;
	so->since_usec = until > TIME_SLACK_USEC ? until - TIME_SLACK_USEC : 0;
	so->from_end = until == 0;
}

static void set_source_path(struct session *s, const char *path)
{
	(void)snprintf(s->source_path, sizeof(s->source_path), "%s", path ? path : "");
}

#if HAVE_JOURNAL
/* Whether the directory is to be read host by host. Who follows an empty one waits for hosts. */
static bool is_collection(const char *directory, const struct source_options *so)
{
	enum collector_kind found = directory ? collector_look(directory) : COLLECTOR_NONE;

	return found == COLLECTOR_HOSTS || (found == COLLECTOR_EMPTY && so->follow);
}
#endif

static int open_journal(struct session *s, const struct source_options *given, const char *resume,
			struct error *err)
{
#if HAVE_JOURNAL
	struct source_options so = *given;
	const char *directory =
		s->options->directory ? s->options->directory : s->config->directory;
	bool collection = is_collection(directory, given);

	set_source_path(s, directory);
	(void)snprintf(s->source_name, sizeof(s->source_name), "%s%s",
		       directory ? "the journal in " : "the journal", directory ? directory : "");
	so.resume = resume;
	if (collection && resume && collector_owns_position(slice_of(resume)))
		return collector_open(directory, &so, &s->source, err);
	if (resume && !slice_starts_with(slice_of(resume), "journal ")) {
		resume_by_time(s, &so, resume);
		/* As a position without a cursor: what the journal lacks since then is a gap. */
		if (!so.from_end) {
			(void)snprintf(s->resume, sizeof(s->resume),
				       "journal time=0 until=%" PRIu64 " cursor=",
				       session_position_usec(resume));
			so.resume = s->resume;
		}
	}
	return collection ? collector_open(directory, &so, &s->source, err)
			  : journal_open(directory, &so, &s->source, err);
#else
	(void)s;
	(void)given;
	(void)resume;
	error_set(err, NULL, 0, 0, "this loginbell was built without journal support (libsystemd)");
	return SOURCE_E_UNREADABLE;
#endif
}

static int open_logfile(struct session *s, const struct source_options *given, const char *resume,
			struct error *err)
{
	struct source_options so = *given;
	const char *path = s->options->log_file ? s->options->log_file : s->config->log_file;
	int r;

	for (size_t i = 0; !path && i < ARRAY_SIZE(log_files); i++)
		if (access(log_files[i], F_OK) == 0)
			path = log_files[i];
	if (!path) {
		if (!so.follow) {
			error_set(err, NULL, 0, 0,
				  "no log file: neither /var/log/auth.log nor /var/log/secure nor "
				  "/var/log/messages exists");
			return SOURCE_E_UNREADABLE;
		}
		path = log_files[0]; /* it may come */
	}
	set_source_path(s, strcmp(path, "-") == 0 ? NULL : path);
	(void)snprintf(s->source_name, sizeof(s->source_name), "%s",
		       strcmp(path, "-") == 0 ? "standard input" : path);
	so.resume = resume;
	if (resume && !logfile_owns_position(slice_of(resume))) {
		resume_by_time(s, &so, resume);
		so.since_usec = given->since_usec;
		so.go_on_usec = session_position_usec(resume);
	}
	r = logfile_open(path, &so, &s->source, err);
	if (r == 0 && logfile_polls(s->source))
		log_notice("%s is looked at every second: %s", s->source_name,
			   logfile_polls(s->source));
	return r;
}

static int open_auto(struct session *s, const struct source_options *so, const char *resume,
		     struct error *err)
{
	struct error second = {0};
	char why[900];
	int r = open_journal(s, so, resume, err);

	if (r == 0 || r == SOURCE_E_POSITION || r < 0)
		return r;
	error_format(err, why, sizeof(why));
	r = open_logfile(s, so, resume, &second);
	if (r == 0)
		log_notice("reading %s, since there is no journal that can be read (%s)",
			   s->source_name, why);
	else if (r == SOURCE_E_UNREADABLE) {
		log_error_struct(LOG_ERR, err);
		*err = second;
	} else
		*err = second;
	return r;
}

int session_open_source(struct session *s, struct source_options *so, const char *resume)
{
	const struct options *o = s->options;
	enum config_source_kind kind = o->source_given ? o->source : s->config->source_kind;
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
		r = open_journal(s, so, resume, &err);
	else if (kind == CONFIG_SOURCE_FILE)
		r = open_logfile(s, so, resume, &err);
	else
		r = open_auto(s, so, resume, &err);
	if (r == 0)
		return STATUS_DONE;
	log_error_struct(LOG_ERR, &err);
	if (r == SOURCE_E_POSITION)
		log_error(
			"the file \"position\" in the state directory says where reading went "
			"on; remove it to go on behind the last alert in the ledger, or use scan "
			"--since=TIME to begin at a time");
	return STATUS_FAILED;
}

bool session_source_is_there(const struct session *s)
{
	return !s->source_path[0] || access(s->source_path, R_OK) == 0;
}

#define TICK_USEC     (USEC_PER_SEC / 5)
#define PROGRESS_USEC USEC_PER_SEC /* shorter work shows no progress */

void session_tick(struct session *s)
{
	uint64_t now = clock_steady();
	struct source_progress p;
	char share[32] = "", rate[48] = "";

	if (now - s->tick_usec < TICK_USEC)
		return;
	if (s->tick_usec == 0)
		s->begun_usec = now;
	s->tick_usec = now;
	(void)notify_send("WATCHDOG=1");
	if (now - s->begun_usec < PROGRESS_USEC || s->options->quiet || !isatty(STDERR_FILENO))
		return;
	source_progress(s->source, &p);
	if (p.total)
		(void)snprintf(share, sizeof(share), "%3" PRIu64 "%% of ",
			       (uint64_t)((double)p.done / (double)p.total * 100));
	if (p.records)
		(void)snprintf(rate, sizeof(rate), ", %" PRIu64 " records/s",
			       p.records * USEC_PER_SEC / (now - s->begun_usec));
	(void)fprintf(stderr, "\r%s%s%s, %" PRIu64 " logins", share, s->source_name, rate, s->seen);
	s->progress_shown = true;
}

void session_progress_done(struct session *s)
{
	if (s->progress_shown)
		(void)fputs("\r\033[K", stderr);
	s->progress_shown = false;
}
