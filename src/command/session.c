/* A faulty configuration or whitelist never replaces the one in force. */
#include "command/session.h"

#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "command/whitelist_files.h"
#include "store/config_file.h"

static void log_fault(const struct error *fault, void *userdata)
{
	(void)userdata;
	log_error_struct(LOG_ERR, fault);
}

int session_init(struct session *s, const struct options *options)
{
	struct error err = {0};
	int r;

	*s = (struct session){.options = options, .progress.quiet = options->quiet};
	r = config_file_load(options->config, &s->config, log_fault, NULL, &err);
	if (r == CONFIG_E_INVALID)
		return STATUS_WRONG;
	if (r == 0)
		r = whitelist_files_load(options, s->config, &s->whitelist, &err);
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
	size_t n;

	if (whitelist_files_load(s->options, s->config, &fresh, &err) != 0) {
		error_format(&err, fault, sizeof(fault));
		log_error("%s", fault);
		log_error("the previous whitelist stays in force");
		judge_set_whitelist(s->judge, s->whitelist, fault);
		return;
	}
	judge_set_whitelist(s->judge, fresh, NULL);
	(void)whitelist_free(s->whitelist);
	s->whitelist = fresh;
	n = whitelist_size(fresh);
	log_info("whitelist loaded: %zu rule%s", n, n == 1 ? "" : "s");
}

int session_reload(struct session *s)
{
	struct session fresh;
	int r = session_init(&fresh, s->options);
	size_t n;

	if (r != STATUS_DONE) {
		log_error("the previous configuration and whitelist stay in force");
		judge_set_whitelist(s->judge, s->whitelist,
				    "see the messages of loginbell in the log");
		session_done(&fresh);
		return r;
	}
	(void)judge_free(s->judge);
	(void)whitelist_free(s->whitelist);
	(void)config_free(s->config);
	s->judge = fresh.judge;
	s->whitelist = fresh.whitelist;
	s->config = fresh.config;
	n = whitelist_size(s->whitelist);
	log_notice("configuration reloaded: %zu rule%s", n, n == 1 ? "" : "s");
	return r;
}
