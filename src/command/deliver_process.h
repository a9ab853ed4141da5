/* Starting loginbell-deliver, the sender, which is a process of its own. */
#pragma once

#include <sys/types.h>

#include "command/options.h"
#include "command/users.h"

enum sender_mode {
	SENDER_ONCE,   /* sends what waits and exits */
	SENDER_FLUSH,  /* the same, also what was refused and is not due; or has a running one do it
			*/
	SENDER_APPLY,  /* does what is requested (store/request.h), or has a running one do it */
	SENDER_FOLLOW, /* stays; gets SIGTERM when this process dies */
	SENDER_PRINT,  /* prints what it would send */
	SENDER_TEST,   /* sends a test message; needs no state directory (NULL) */
};

/*
 * Starts the sender: $LOGINBELL_DELIVER, else the one beside this executable, else that of
 * libexecdir, as @user (NULL: the present one). Logs what is wrong and returns the exit status.
 */
int deliver_process_start(enum sender_mode mode, const struct options *options,
			  const char *state_directory, const struct program_user *user, pid_t *ret);

#define SENDER_UNREAD 141 /* nobody reads what it prints; as a shell's status for SIGPIPE */

/* The same, and waits for its end: the sender's exit status, or SENDER_UNREAD. */
int deliver_process_run(enum sender_mode mode, const struct options *options,
			const char *state_directory, const struct program_user *user);

/* Has it print the messages that report the alert @id, as they would be sent; its exit status. */
int deliver_process_show(const struct options *options, const char *state_directory,
			 const char *id);
