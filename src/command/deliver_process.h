/* Starting loginbell-deliver, the sender, which is a process of its own. */
#pragma once

#include <sys/types.h>

#include "command/options.h"

enum sender_mode {
	SENDER_ONCE,   /* sends what waits and exits */
	SENDER_FLUSH,  /* the same, also what was refused and is not due; or has a running one do it
			*/
	SENDER_APPLY,  /* does what is asked for (store/request.h), or has a running one do it */
	SENDER_FOLLOW, /* stays; gets SIGTERM when this process dies */
	SENDER_PRINT,  /* prints what it would send */
	SENDER_TEST,   /* sends a test message; needs no state directory (NULL) */
};

/*
 * Looks for the sender in $LOGINBELL_DELIVER, beside this executable, then in libexecdir, and
 * starts it. What is wrong is told. The exit status that the command ends with when it cannot.
 */
int sender_start(enum sender_mode mode, const struct options *options, const char *state_directory,
		 pid_t *ret);

/* Has it print the mails that tell of the alert @id, as they would go; its exit status. */
int sender_show(const struct options *options, const char *state_directory, const char *id);

/* Waits for its end and gives its exit status; STATUS_FAILED when a signal ended it (told). */
int sender_wait(pid_t pid);

/* What a status of waitpid(2) means, as an exit status; told when a signal ended it. */
int sender_status(int wait_status);
