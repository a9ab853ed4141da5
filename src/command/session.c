/* A faulty configuration or whitelist never replaces the one in force. */
#include "command/session.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/timetext.h"
#include "command/whitelist_files.h"
#include "store/config_file.h"

static void log_fault(const struct error *fault, void *userdata)
{
	(void)userdata;
	log_error_struct(LOG_ERR, fault);
}

static void free_rules(struct session *s)
{
	s->judge = judge_free(s->judge);
	s->whitelist = whitelist_free(s->whitelist);
	s->config = config_free(s->config);
}

/* From the files. STATUS_WRONG with *err set after a fault, which is logged. */
static int load(struct session *s, struct error *err)
{
	const struct options *o = s->options;
	int r = 0;

	last_good_init(&s->good);
	for (size_t i = 0; r == 0 && i < o->n_whitelists; i++)
		r = last_good_add(&s->good, LAST_GOOD_FOR, o->whitelists[i],
				  (struct slice){NULL, 0});
	if (r == 0)
		r = config_file_load(o->config, &s->good, &s->config, log_fault, NULL, err);
	if (r == CONFIG_E_INVALID)
		return STATUS_WRONG;
	if (r == 0)
		r = whitelist_files_load(o, s->config, &s->good, &s->whitelist, err);
	if (r == 0)
		r = judge_new(s->config, s->whitelist, &s->judge, err);
	if (r != 0)
		log_error_struct(LOG_ERR, err);
	return r == -ENOMEM ? STATUS_FAILED : r != 0 ? STATUS_WRONG : STATUS_DONE;
}

/* From the copy, after the fault @why. STATUS_WRONG: there is none that can be used. */
static int recover(struct session *s, const struct error *why)
{
	char since[TIMETEXT_MAX], fault[sizeof(s->good.fault)];
	struct error err = {0};
	int r;

	free_rules(s);
	r = config_file_recover(s->options->state_directory, STATE_READER, why, &s->good,
				&s->config, &err);
	if (r == LAST_GOOD_E_NONE)
		return STATUS_WRONG;
	if (r == 0)
		r = whitelist_files_load_copy(&s->good, &s->whitelist, &err);
	if (r == 0)
		r = judge_new(s->config, s->whitelist, &s->judge, &err);
	if (r != 0) {
		error_format(&err, fault, sizeof(fault));
		log_error("the copy of the last good configuration cannot be used: %s", fault);
		return STATUS_WRONG;
	}
	s->reload_due = true;
	judge_set_whitelist(s->judge, s->whitelist, s->good.fault);
	log_error("the configuration and whitelist in force since %s are used instead",
		  timetext_local(s->good.since_usec, since));
	return STATUS_DONE;
}

int session_init(struct session *s, const struct options *options, enum session_fault on_fault)
{
	struct error err = {0};
	int r;

	*s = (struct session){.options = options, .progress.quiet = options->quiet};
	r = load(s, &err);
	return r == STATUS_WRONG && on_fault == SESSION_LAST_GOOD ? recover(s, &err) : r;
}

void session_done(struct session *s)
{
	(void)source_free(s->source);
	free_rules(s);
	last_good_done(&s->good);
}

void session_save_rules(struct session *s, int dirfd)
{
	int r = last_good_save(dirfd, STATE_READER, &s->good, clock_now());

	if (r < 0)
		log_error("cannot copy the configuration and whitelist in force: %s", strerror(-r));
	else if (s->good.too_large)
		log_warning(
			"configuration and whitelist are larger than 1 MiB and not copied: "
			"with a fault in them, the next start fails");
}

void session_reload_rules(struct session *s)
{
	AUTO_LAST_GOOD struct last_good good;
	struct whitelist *fresh = NULL;
	struct error err = {0};
	int r = last_good_config(&s->good, &good);
	size_t n;

	if (r == 0)
		r = whitelist_files_load(s->options, s->config, &good, &fresh, &err);
	else
		error_set(&err, NULL, 0, 0, "out of memory for the whitelist");
	if (r != 0) {
		log_error_struct(LOG_ERR, &err);
		log_error("the previous whitelist stays in force");
		error_format(&err, s->good.fault, sizeof(s->good.fault));
		judge_set_whitelist(s->judge, s->whitelist, s->good.fault);
		return;
	}
	judge_set_whitelist(s->judge, fresh, NULL);
	(void)whitelist_free(s->whitelist);
	s->whitelist = fresh;
	last_good_done(&s->good);
	s->good = good;
	last_good_init(&good);
	n = whitelist_size(fresh);
	log_info("whitelist loaded: %zu rule%s", n, n == 1 ? "" : "s");
}

int session_reload(struct session *s)
{
	struct session fresh = {.options = s->options};
	struct error err = {0};
	int r = load(&fresh, &err);
	size_t n;

	if (r != STATUS_DONE) {
		log_error("the previous configuration and whitelist stay in force");
		error_format(&err, s->good.fault, sizeof(s->good.fault));
		judge_set_whitelist(s->judge, s->whitelist, s->good.fault);
		s->reload_due = true;
		session_done(&fresh);
		return r;
	}
	free_rules(s);
	last_good_done(&s->good);
	s->judge = fresh.judge;
	s->whitelist = fresh.whitelist;
	s->config = fresh.config;
	s->good = fresh.good;
	s->reload_due = false;
	n = whitelist_size(s->whitelist);
	log_notice("configuration reloaded: %zu rule%s", n, n == 1 ? "" : "s");
	return r;
}
