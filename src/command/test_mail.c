/* Sends a test message now: the sender does it, and says what the mail server answered. */
#include "command/commands.h"
#include "command/deliver_process.h"

int command_test_mail(const struct options *options)
{
	pid_t sender;
	int r = sender_start(SENDER_TEST, options, NULL, &sender);

	return r == STATUS_DONE ? sender_wait(sender) : r;
}
