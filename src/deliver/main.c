/*
 * loginbell-deliver: sends the alerts of the ledger, once or, with --follow, as they come.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/timetext.h"
#include "config.h"
#include "deliver/admin.h"
#include "deliver/configuration.h"
#include "deliver/loop.h"
#include "deliver/oneshot.h"
#include "deliver/sender.h"
#include "deliver/show.h"
#include "deliver/signals.h"
#include "deliver/tail.h"
#include "deliver/wait_for_sender.h"
#include "store/config_file.h"
#include "store/schedule.h"
#include "store/state.h"

#define EXIT_USAGE 2

enum task {
	TASK_ONCE,
	TASK_UNLESS_RUNNING,
	TASK_FLUSH,
	TASK_FOLLOW,
	TASK_APPLY,
	TASK_SHOW,
	TASK_PRINT,
	TASK_TEST
};

struct options {
	enum task task;
	const char *config;
	const char *state;
	const char *id; /* of the alert to show */
};

static const char usage[] =
	"Usage: loginbell-deliver [OPTION…]\n"
	"Sends the alerts that wait in loginbell's ledger.\n"
	"\n"
	"      --follow               stay, and send what comes\n"
	"      --unless-running       send nothing if another sender is running\n"
	"      --flush                also send what was refused and is not due yet\n"
	"      --apply                do what \"loginbell queue\" requests\n"
	"      --show=ID              print the messages that report an alert\n"
	"      --print                print what would be sent, and send nothing\n"
	"      --test                 send a test message to every destination now\n"
	"  -c, --config=FILE          instead of " CONFIG_FILE_DEFAULT
	"\n"
	"      --state-directory=DIR  where the ledger is\n"
	"      --syslog               log to syslogd, not to standard error\n"
	"  -v, --verbose              log more; twice: the dialogue with the mail server\n"
	"  -h, --help\n"
	"      --version\n"
	"\n"
	"Exit status: 0 all is sent; 1 failed; 2 wrong usage or configuration; 75 alerts still\n"
	"wait.\n";

/* 0; 1: end with success; -EINVAL. */
static int parse(int argc, char **argv, struct options *ret)
{
	enum {
		OPT_STATE = 256,
		OPT_SYSLOG,
		OPT_VERSION,
		OPT_TASK, /* and its number */
	};
	static const struct option longs[] = {
		{"follow", no_argument, NULL, OPT_TASK + TASK_FOLLOW},
		{"unless-running", no_argument, NULL, OPT_TASK + TASK_UNLESS_RUNNING},
		{"flush", no_argument, NULL, OPT_TASK + TASK_FLUSH},
		{"apply", no_argument, NULL, OPT_TASK + TASK_APPLY},
		{"show", required_argument, NULL, OPT_TASK + TASK_SHOW},
		{"print", no_argument, NULL, OPT_TASK + TASK_PRINT},
		{"test", no_argument, NULL, OPT_TASK + TASK_TEST},
		{"config", required_argument, NULL, 'c'},
		{"syslog", no_argument, NULL, OPT_SYSLOG},
		{"state-directory", required_argument, NULL, OPT_STATE},
		{"verbose", no_argument, NULL, 'v'},
		{"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, OPT_VERSION},
		{0},
	};
	int c, level = LOG_NOTICE;

	while ((c = getopt_long(argc, argv, "c:vh", longs, NULL)) != -1) {
		switch (c) {
		case 'c':
			ret->config = optarg;
			break;
		case OPT_STATE:
			ret->state = optarg;
			break;
		case OPT_SYSLOG:
			log_to_syslog();
			break;
		case 'v':
			level = level < LOG_INFO ? LOG_INFO : LOG_DEBUG;
			break;
		case 'h':
			(void)fputs(usage, stdout);
			return 1;
		case OPT_VERSION:
			(void)puts("loginbell-deliver " LOGINBELL_VERSION);
			return 1;
		default:
			if (c < OPT_TASK)
				return -EINVAL;
			ret->task = (enum task)(c - OPT_TASK);
			ret->id = optarg;
		}
	}
	if (ret->task == TASK_FOLLOW && level < LOG_INFO)
		level = LOG_INFO;
	if (optind < argc) {
		log_error("unexpected argument: %s", argv[optind]);
		return -EINVAL;
	}
	log_set_max_level(level);
	return 0;
}

static void report(const struct error *err)
{
	log_error_struct(LOG_ERR, err);
}

/* Opens the sender's part; *path is that of the whole state directory. */
static int open_state(const struct options *options, struct buffer *path, int *ret_dirfd)
{
	enum state_access access = options->task == TASK_SHOW || options->task == TASK_PRINT
					   ? STATE_SHOW
					   : STATE_WRITE;
	struct error err;
	int r = options->state ? buffer_append_str(path, options->state)
			       : state_path(STATE_DELIVER, access, path);

	if (r < 0 || !buffer_cstr(path)) {
		log_error("out of memory");
		return -ENOMEM;
	}
	r = state_open(path->data, STATE_DELIVER, access, ret_dirfd, &err);
	if (r == -ENOENT && access == STATE_SHOW) /* the sender was never started */
		return 0;
	if (r < 0)
		log_error_struct(LOG_ERR, &err);
	else if (access == STATE_WRITE)
		state_check(path->data, STATE_DELIVER, *ret_dirfd, report);
	return r;
}

static int once(struct sender *s, enum task task)
{
	uint64_t due;

	if (task == TASK_APPLY && sender_run(s, SENDER_APPLY, &due) < 0)
		return 1;
	if (task == TASK_APPLY && !s->run.retried)
		return 0;
	/* The reader may have written alerts after this run has read the ledger. */
	do
		if (sender_run(s, task == TASK_FLUSH ? SENDER_FLUSH : SENDER_ONCE, &due) < 0)
			return 1;
	while (!signals_stop() && tail_has_new(s));
	if (sender_waits(s))
		return EX_TEMPFAIL;
	if (due != SCHEDULE_NEVER)
		log_info("repeats of reported logins wait for their summary");
	return 0;
}

/* Locks the state. 0; -1: *ret_status is the exit status. */
static int lock(const char *path, int dirfd, enum task task, int *ret_fd, int *ret_status)
{
	pid_t pid;
	int r;

	r = state_lock(dirfd, STATE_DELIVER, ret_fd, &pid);
	if (r == 0)
		return 0;
	*ret_status = 1;
	if (r == STATE_E_LOCKED && task == TASK_FOLLOW) {
		log_error("%s: another sender is running (pid %d)", path, (int)pid);
	} else if (r == STATE_E_LOCKED && task == TASK_UNLESS_RUNNING) {
		log_notice("%s: another sender is running (pid %d), which sends", path, (int)pid);
		*ret_status = 0;
	} else if (r == STATE_E_LOCKED) {
		r = task == TASK_APPLY ? admin_wait(dirfd, ret_fd)
				       : wait_for_sender(path, dirfd, ret_fd);
		if (*ret_fd >= 0)
			return 0;
		*ret_status = r < 0 ? 1 : r;
	}
	if (r < 0)
		log_error("%s: cannot be locked: %s", path, strerror(-r));
	return -1;
}

int main(int argc, char **argv)
{
	struct options options = {.task = TASK_ONCE};
	AUTO_BUFFER struct buffer path = BUFFER_INIT(4096);
	AUTO_CLOSE int dirfd = -1;
	struct sender s = {.dirfd = -1, .ledger_dirfd = -1};
	AUTO_LAST_GOOD struct last_good good = {0};
	struct config *config = NULL;
	int r, status, lock_fd = -1;

	log_init("loginbell-deliver");
	r = parse(argc, argv, &options);
	if (r != 0)
		return r < 0 ? EXIT_USAGE : 0;
	r = signals_init();
	if (r < 0) {
		log_error("signals: %s", strerror(-r));
		return 1;
	}
	r = configuration_load(options.config, options.state,
			       options.task == TASK_TEST ? CONFIGURATION_REFUSE
							 : CONFIGURATION_LAST_GOOD,
			       &good, &config);
	if (r < 0)
		return EXIT_USAGE;
	if (options.task == TASK_TEST) {
		status = oneshot_test(config);
		(void)config_free(config);
		return status;
	}
	if (options.task == TASK_SHOW || options.task == TASK_PRINT) {
		if (open_state(&options, &path, &dirfd) == 0)
			return options.task == TASK_PRINT
				       ? show_all(path.data, dirfd, config)
				       : show_messages(path.data, dirfd, config, options.id);
		(void)config_free(config);
		return 1;
	}
	status = 1;
	if (open_state(&options, &path, &dirfd) < 0 ||
	    lock(path.data, dirfd, options.task, &lock_fd, &status) < 0) {
		(void)config_free(config);
		return status;
	}
	status = 1;
	s.path = path.data;
	if (sender_open(&s, dirfd, config) == 0) {
		configuration_save(&good, dirfd);
		status = options.task == TASK_FOLLOW ? loop_run(&s, options.config, &good)
						     : once(&s, options.task);
	}
	state_close(&s);
	state_unlock(dirfd, STATE_DELIVER, lock_fd);
	return status;
}
