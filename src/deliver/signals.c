/*
 * SIGALRM ends the process at once, whatever it does. That is safe: the message being sent is
 * frozen on disk, and marked there as in doubt before its first byte is sent.
 */
#include "deliver/signals.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/cleanup.h"

/* A handler has no argument to find its state by. */
static struct {
	int pipe[2];
	volatile sig_atomic_t stop, reload;
} state = {.pipe = {-1, -1}};

static void on_signal(int number)
{
	int saved = errno;

	if (number == SIGALRM)
		_exit(EX_TEMPFAIL);
	if (number == SIGHUP)
		state.reload = 1;
	else if (!state.stop) {
		state.stop = 1;
		(void)alarm(SIGNALS_LAST_SEC);
	}
	if (write(state.pipe[1], "", 1) < 0) {
		/* A full pipe is readable. */
	}
	errno = saved;
}

int signals_init(void)
{
	static const int numbers[] = {SIGTERM, SIGINT, SIGHUP, SIGALRM};
	struct sigaction sa = {.sa_handler = on_signal, .sa_flags = SA_RESTART};

	if (pipe2(state.pipe, O_CLOEXEC | O_NONBLOCK) < 0)
		return -errno;
	(void)sigemptyset(&sa.sa_mask);
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		if (sigaction(numbers[i], &sa, NULL) < 0)
			return -errno;
	sa.sa_handler = SIG_IGN;
	if (sigaction(SIGPIPE, &sa, NULL) < 0)
		return -errno;
	/* The parent may have started this with blocked signals; sa_mask is empty. */
	return sigprocmask(SIG_SETMASK, &sa.sa_mask, NULL) < 0 ? -errno : 0;
}

int signals_fd(void)
{
	return state.pipe[0];
}

void signals_drain(void)
{
	char buf[64];

	while (read(state.pipe[0], buf, sizeof(buf)) > 0)
		;
}

bool signals_stop(void)
{
	return state.stop;
}

bool signals_reload(void)
{
	bool was = state.reload;

	state.reload = 0;
	return was;
}
