/*
 * fork(2) and exec, not posix_spawn(3): a sender that is kept must end with its keeper, which only
 * PR_SET_PDEATHSIG does when that is killed. It then mails what waits, for some seconds.
 */
#include "command/deliver_process.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "config.h"

static const char name[] = "loginbell-deliver";

static bool find(char path[PATH_MAX])
{
	const char *given = getenv("LOGINBELL_DELIVER");
	char self[PATH_MAX];
	char *slash;
	ssize_t n;

	if (given) {
		(void)snprintf(path, PATH_MAX, "%s", given);
		return access(path, X_OK) == 0;
	}
	n = readlink("/proc/self/exe", self, sizeof(self) - sizeof(name) - 1);
	if (n > 0) {
		self[n] = '\0';
		slash = strrchr(self, '/');
		if (slash) {
			memcpy(slash + 1, name, sizeof(name));
			(void)snprintf(path, PATH_MAX, "%s", self);
			if (access(path, X_OK) == 0)
				return true;
		}
	}
	(void)snprintf(path, PATH_MAX, "%s/%s", LOGINBELL_LIBEXECDIR, name);
	return access(path, X_OK) == 0;
}

/*
 * In the child. This process has no threads. Signals that are blocked stay so until the sender has
 * its handlers: one that comes before must not end it with alerts that wait.
 */
static void become_sender(enum sender_mode mode, pid_t parent, const char *path, char **argv)
{
	if (mode == SENDER_FOLLOW) {
		(void)prctl(PR_SET_PDEATHSIG, SIGTERM);
		if (getppid() != parent)
			_exit(STATUS_FAILED);
	}
	/* The service manager's socket and watchdog are the keeper's. */
	(void)unsetenv("NOTIFY_SOCKET");
	(void)unsetenv("WATCHDOG_USEC");
	(void)execv(path, argv);
	_exit(STATUS_FAILED);
}

static const char *const words[] = {
	[SENDER_ONCE] = NULL,	      [SENDER_FLUSH] = "--flush", [SENDER_APPLY] = "--apply",
	[SENDER_FOLLOW] = "--follow", [SENDER_PRINT] = "--print", [SENDER_TEST] = "--test",
};

static int start(enum sender_mode mode, const char *word, const struct options *options,
		 const char *state_directory, pid_t *ret)
{
	char path[PATH_MAX], state[PATH_MAX + 32], config[PATH_MAX + 32];
	char self[] = "loginbell-deliver", first[64], verbose[] = "--verbose";
	char syslog[] = "--syslog";
	char *argv[8];
	pid_t parent = getpid(), pid;
	size_t n = 0;

	if (!find(path)) {
		log_error("%s: the sender cannot be run: %s", path, strerror(errno));
		return STATUS_FAILED;
	}
	argv[n++] = self;
	if (word) {
		(void)snprintf(first, sizeof(first), "%s", word);
		argv[n++] = first;
	}
	if (options->verbose)
		argv[n++] = verbose;
	if (options->syslog)
		argv[n++] = syslog;
	if (options->config) {
		(void)snprintf(config, sizeof(config), "--config=%s", options->config);
		argv[n++] = config;
	}
	if (state_directory) {
		(void)snprintf(state, sizeof(state), "--state-directory=%s", state_directory);
		argv[n++] = state;
	}
	argv[n] = NULL;
	(void)fflush(stdout);
	pid = fork();
	if (pid < 0) {
		log_error("the sender cannot be started: %s", strerror(errno));
		return STATUS_FAILED;
	}
	if (pid == 0)
		become_sender(mode, parent, path, argv);
	*ret = pid;
	return STATUS_DONE;
}

int sender_start(enum sender_mode mode, const struct options *options, const char *state_directory,
		 pid_t *ret)
{
	return start(mode, words[mode], options, state_directory, ret);
}

int sender_show(const struct options *options, const char *state_directory, const char *id)
{
	char word[64];
	pid_t pid;
	int r;

	(void)snprintf(word, sizeof(word), "--show=%s", id);
	r = start(SENDER_ONCE, word, options, state_directory, &pid);
	return r == STATUS_DONE ? sender_wait(pid) : r;
}

int sender_status(int wait_status)
{
	if (WIFEXITED(wait_status))
		return WEXITSTATUS(wait_status);
	log_error("the sender was ended by signal %d", WTERMSIG(wait_status));
	return STATUS_FAILED;
}

int sender_wait(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return STATUS_FAILED;
	return sender_status(status);
}
