/*
 * A sender that stays must end with its keeper, which only PR_SET_PDEATHSIG does when that is
 * killed. It then sends what waits, for some seconds.
 */
#include "command/deliver_process.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/child.h"
#include "base/log.h"
#include "config.h"

#define NAME "loginbell-deliver"

/* The path of a file beside this executable; "" if that is not known. */
static void beside_this(char path[PATH_MAX])
{
	ssize_t n = readlink("/proc/self/exe", path, PATH_MAX - sizeof(NAME) - 1);
	char *slash;

	path[n > 0 ? n : 0] = '\0';
	slash = strrchr(path, '/');
	if (slash)
		memcpy(slash + 1, NAME, sizeof(NAME));
}

struct preparation {
	const struct program_user *user;
	pid_t parent;
	bool follow;
};

/* In the child. */
static int prepare(void *userdata)
{
	const struct preparation *p = userdata;
	const struct program_user same = {0};

	/* The service manager's socket and watchdog are the reader's. */
	(void)unsetenv("NOTIFY_SOCKET");
	(void)unsetenv("WATCHDOG_USEC");
	if (p->follow)
		return users_become(p->user ? p->user : &same, STATE_DELIVER, p->parent);
	return p->user && p->user->change ? state_become(STATE_DELIVER, p->user->uid, p->user->gid)
					  : 0;
}

static const char *const words[] = {
	[SENDER_ONCE] = NULL,	      [SENDER_FLUSH] = "--flush", [SENDER_APPLY] = "--apply",
	[SENDER_FOLLOW] = "--follow", [SENDER_PRINT] = "--print", [SENDER_TEST] = "--test",
};

static int start(enum sender_mode mode, const char *word, const struct options *options,
		 const char *state_directory, const struct program_user *user, pid_t *ret)
{
	char beside[PATH_MAX], state[PATH_MAX + 32], config[PATH_MAX + 32];
	const char *named = getenv("LOGINBELL_DELIVER");
	const char *paths[] = {named ? named : beside, named ? NULL : LOGINBELL_LIBEXECDIR "/" NAME,
			       NULL};
	struct preparation preparation = {user, getpid(), mode == SENDER_FOLLOW};
	const char *argv[8] = {NAME};
	/* A signal that comes before it has its handlers must not end it while alerts wait. */
	const struct child_options child = {.paths = paths,
					    .argv = argv,
					    .stdio = {CHILD_INHERIT, CHILD_INHERIT, CHILD_INHERIT},
					    .keep_signals = true,
					    .prepare = prepare,
					    .userdata = &preparation};
	size_t n = 1;
	int r;

	beside_this(beside);
	if (word)
		argv[n++] = word;
	if (options->verbose)
		argv[n++] = "--verbose";
	if (options->syslog)
		argv[n++] = "--syslog";
	if (options->config) {
		(void)snprintf(config, sizeof(config), "--config=%s", options->config);
		argv[n++] = config;
	}
	if (state_directory) {
		(void)snprintf(state, sizeof(state), "--state-directory=%s", state_directory);
		argv[n++] = state;
	}
	(void)fflush(stdout);
	r = child_start(&child, ret);
	if (r == 0)
		return STATUS_DONE;
	log_error("%s: cannot start the sender: %s", paths[1] ? paths[1] : paths[0], strerror(-r));
	return STATUS_FAILED;
}

int deliver_process_start(enum sender_mode mode, const struct options *options,
			  const char *state_directory, const struct program_user *user, pid_t *ret)
{
	return start(mode, words[mode], options, state_directory, user, ret);
}

static int wait_for(pid_t pid)
{
	int status;

	if (child_wait(pid, &status) < 0)
		return STATUS_FAILED;
	if (WIFEXITED(status))
		return WEXITSTATUS(status);
	if (WTERMSIG(status) == SIGPIPE)
		return SENDER_UNREAD;
	log_error("the sender ended by signal %d", WTERMSIG(status));
	return STATUS_FAILED;
}

int deliver_process_run(enum sender_mode mode, const struct options *options,
			const char *state_directory, const struct program_user *user)
{
	pid_t pid;
	int r = deliver_process_start(mode, options, state_directory, user, &pid);

	return r == STATUS_DONE ? wait_for(pid) : r;
}

int deliver_process_show(const struct options *options, const char *state_directory, const char *id)
{
	char word[64];
	pid_t pid;
	int r;

	(void)snprintf(word, sizeof(word), "--show=%s", id);
	r = start(SENDER_ONCE, word, options, state_directory, NULL, &pid);
	return r == STATUS_DONE ? wait_for(pid) : r;
}
