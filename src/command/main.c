/* loginbell: reads logs and writes the ledger, without network. */
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>

#include "base/log.h"
#include "command/check.h"
#include "command/explain.h"
#include "command/queue.h"
#include "command/report.h"
#include "command/scan.h"
#include "command/status.h"
#include "command/watch.h"

/* Letters as in options.c. */
static const struct command commands[] = {
	{"watch", "follow the log and report, until a signal", "DLKWTXG", NULL, command_watch},
	{"scan", "report everything since the last position, then exit", "DLKWTSUNXq", NULL,
	 command_scan},
	{"report", "show who logged in, from where, how, and the verdict", "DLKWSUoq", NULL,
	 command_report},
	{"explain", "show how each line is read and which rule decides", "Woq", "LINE...",
	 command_explain},
	{"check", "read configuration and whitelists, report every fault", "Wq", NULL,
	 command_check},
	{"status", "show what was read, what waits and what was mailed last", "TW", NULL,
	 command_status},
	{"queue", "show what waits or was given up, or one alert and its mail", "TFRPoq", "ID",
	 command_queue},
	{"test-mail", "send a test message now and show the mail server's answer", "", NULL,
	 command_test_mail},
	{0},
};

int main(int argc, char **argv)
{
	struct options options;
	int r;

	log_init("loginbell");
	/* If it is ignored, as it may be inherited, no child has an exit status. */
	(void)signal(SIGCHLD, SIG_DFL);
	(void)setlocale(LC_TIME, "C");
	tzset();
	r = options_parse(argc, argv, commands, &options);
	if (r != 0)
		return r - 1;
	r = options.command->run(&options);
	options_done(&options);
	/* A full disk under redirected output is a failure. */
	if (fflush(stdout) != 0 && r == STATUS_DONE) {
		log_error("standard output: write error");
		r = STATUS_FAILED;
	}
	return r;
}
