/* loginbell: reads logs, writes the ledger; never talks to the network. */
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>

#include "base/log.h"
#include "command/commands.h"

/* Letters as in options.c. */
static const struct command commands[] = {
	{"watch", "follow the log and alert, until a signal", "DLKWTXG", NULL, command_watch},
	{"scan", "alert of everything since the last position, then exit", "DLKWTSUNXq", NULL,
	 command_scan},
	{"report", "show who logged in, from where, how, and the verdict", "DLKWSUoq", NULL,
	 command_report},
	{"explain", "say how each line is read and which rule decides", "Woq", "LINE...",
	 command_explain},
	{"check", "read configuration and whitelists, tell every fault", "Wq", NULL, command_check},
	{"status", "show what was read, what waits and what was mailed last", "TW", NULL,
	 command_status},
	{"queue", "show what waits or was given up, or one alert and its mail", "TFRPoq", "ID",
	 command_queue},
	{"test-mail", "send a test message now and say what the mail server answered", "", NULL,
	 command_test_mail},
	{0},
};

int main(int argc, char **argv)
{
	struct options options;
	int r;

	log_init("loginbell");
	/* Who started this may have ignored it; then no child's exit status could be known. */
	(void)signal(SIGCHLD, SIG_DFL);
	(void)setlocale(LC_TIME, "C");
	tzset();
	r = options_parse(argc, argv, commands, &options);
	if (r != 0)
		return r - 1;
	r = options.command->run(&options);
	options_done(&options);
	/* What was printed must have got there: a full disk behind ">" is a failure. */
	if (fflush(stdout) != 0 && r == STATUS_DONE) {
		log_error("standard output: write error");
		r = STATUS_FAILED;
	}
	return r;
}
