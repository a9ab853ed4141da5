/*
 * One table of options for all commands; each command names by letter those that it takes, so that
 * an option that would do nothing is refused.
 */
#include "command/options.h"

#include <getopt.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/timetext.h"
#include "config.h"

/* Letters; those in capitals that are no short options stand for long ones only. */
enum {
	OPTION_LOG_FILE = 'L',
	OPTION_SOURCE = 'K',
	OPTION_WHITELIST = 'W',
	OPTION_STATE = 'T',
	OPTION_DRY_RUN = 'N',
	OPTION_NO_DELIVER = 'X',
	OPTION_SYSLOG = 'G',
	OPTION_FLUSH = 'F',
	OPTION_RETRY = 'R',
	OPTION_DROP = 'P',
	OPTION_VERSION = 'V',
};

static const struct {
	struct option option;
	const char *argument;
	const char *help;
} table[] = {
	{{"config", required_argument, NULL, 'c'}, "FILE", "read this configuration"},
	{{"directory", required_argument, NULL, 'D'}, "DIR", "read the journal files in DIR"},
	{{"log-file", required_argument, NULL, OPTION_LOG_FILE},
	 "FILE",
	 "read this syslog file; - is standard input"},
	{{"source", required_argument, NULL, OPTION_SOURCE}, "KIND", "auto, journal or file"},
	{{"since", required_argument, NULL, 'S'}, "TIME", "only what was logged at or after TIME"},
	{{"until", required_argument, NULL, 'U'}, "TIME", "only what was logged until TIME"},
	{{"whitelist", required_argument, NULL, OPTION_WHITELIST},
	 "FILE",
	 "use this whitelist instead of the configured ones (repeatable)"},
	{{"state-directory", required_argument, NULL, OPTION_STATE},
	 "DIR",
	 "keep position and alerts there"},
	{{"output", required_argument, NULL, 'o'}, "FORMAT", "short, json or export"},
	{{"dry-run", no_argument, NULL, OPTION_DRY_RUN},
	 NULL,
	 "print what would be mailed, touch nothing"},
	{{"no-deliver", no_argument, NULL, OPTION_NO_DELIVER}, NULL, "do not start the sender"},
	{{"flush", no_argument, NULL, OPTION_FLUSH}, NULL, "queue: try now to mail what waits"},
	{{"retry", required_argument, NULL, OPTION_RETRY},
	 "ID",
	 "queue: try again to mail an alert that was given up"},
	{{"drop", required_argument, NULL, OPTION_DROP}, "ID", "queue: do not mail this alert"},
	{{"syslog", no_argument, NULL, OPTION_SYSLOG},
	 NULL,
	 "send messages to syslogd, not to standard error"},
	{{"quiet", no_argument, NULL, 'q'}, NULL, "no headings and no summary"},
	{{"verbose", no_argument, NULL, 'v'}, NULL, "tell more; twice: tell all"},
	{{"help", no_argument, NULL, 'h'}, NULL, "show this help"},
	{{"version", no_argument, NULL, OPTION_VERSION}, NULL, "show the version"},
};

static bool is_short(int letter)
{
	return strchr("cDSUoqvh", letter) != NULL;
}

static void print_help(const struct command *commands)
{
	printf("Usage: loginbell COMMAND [OPTION...]\n\n"
	       "Mails the administrators whenever somebody logs in over SSH from somewhere that\n"
	       "is not on the whitelist.\n\nCommands:\n");
	for (const struct command *c = commands; c->name; c++)
		printf("  %-9s %s%s%s%s\n", c->name, c->summary, c->arguments ? " (" : "",
		       c->arguments ? c->arguments : "", c->arguments ? ")" : "");
	printf("\nOptions:\n");
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		char name[40];

		(void)snprintf(name, sizeof(name), "--%s%s%s", table[i].option.name,
			       table[i].argument ? "=" : "",
			       table[i].argument ? table[i].argument : "");
		if (is_short(table[i].option.val))
			printf("  -%c, %-22s %s\n", table[i].option.val, name, table[i].help);
		else
			printf("      %-22s %s\n", name, table[i].help);
	}
	printf("\nTimes: \"2026-11-23 04:05:06\", RFC 3339, now, today, yesterday, -1h30m, @UNIX.\n"
	       "See loginbell(8), loginbell.conf(5), loginbell-whitelist(5).\n");
}

static int wrong(const char *text, const char *value)
{
	log_error("%s%s%s", text, value ? ": " : "", value ? value : "");
	return STATUS_WRONG + 1;
}

static int parse_time(const char *text, uint64_t *ret)
{
	if (timetext_parse(slice_of(text), clock_now(), ret) < 0)
		return wrong("not a time (such as \"2026-11-23 04:05:06\", yesterday or -1h30m)",
			     text);
	/* 0 is "not given"; nothing was logged in that microsecond. */
	if (*ret == 0)
		*ret = 1;
	return 0;
}

static int take(struct options *o, int letter, const char *value, unsigned *verbose)
{
	switch (letter) {
	case 'c':
		o->config = value;
		return 0;
	case 'D':
		o->directory = value;
		return 0;
	case OPTION_LOG_FILE:
		o->log_file = value;
		return 0;
	case OPTION_STATE:
		o->state_directory = value;
		return 0;
	case OPTION_WHITELIST:
		o->whitelists[o->n_whitelists++] = value;
		return 0;
	case OPTION_SOURCE:
		o->source_given = true;
		if (strcmp(value, "auto") == 0)
			o->source = CONFIG_SOURCE_AUTO;
		else if (strcmp(value, "journal") == 0)
			o->source = CONFIG_SOURCE_JOURNAL;
		else if (strcmp(value, "file") == 0)
			o->source = CONFIG_SOURCE_FILE;
		else
			return wrong("--source is auto, journal or file, not", value);
		return 0;
	case 'S':
		return parse_time(value, &o->since_usec);
	case 'U':
		return parse_time(value, &o->until_usec);
	case 'o':
		if (strcmp(value, "short") == 0)
			o->output = OUTPUT_SHORT;
		else if (strcmp(value, "json") == 0)
			o->output = OUTPUT_JSON;
		else if (strcmp(value, "export") == 0)
			o->output = OUTPUT_EXPORT;
		else
			return wrong("--output is short, json or export, not", value);
		return 0;
	case OPTION_DRY_RUN:
		o->dry_run = true;
		return 0;
	case OPTION_NO_DELIVER:
		o->no_deliver = true;
		return 0;
	case OPTION_FLUSH:
		o->flush = true;
		return 0;
	case OPTION_RETRY:
	case OPTION_DROP:
		if (o->retry || o->drop)
			return wrong("one alert at a time, not also", value);
		*(letter == OPTION_RETRY ? &o->retry : &o->drop) = value;
		return 0;
	case OPTION_SYSLOG:
		o->syslog = true;
		log_to_syslog();
		return 0;
	case 'q':
		o->quiet = true;
		return 0;
	case 'v':
		o->verbose = true;
		log_set_max_level((*verbose)++ ? LOG_DEBUG : LOG_INFO);
		return 0;
	default:
		return STATUS_WRONG + 1; /* getopt_long(3) has said why */
	}
}

static const struct command *find_command(const struct command *commands, const char *name)
{
	for (const struct command *c = commands; c->name; c++)
		if (strcmp(c->name, name) == 0)
			return c;
	return NULL;
}

/* Tells the first option in @used that the command does not take. */
static int check_taken(const struct options *o, const char *used)
{
	for (; *used; used++) {
		if (*used == 'v' || *used == 'c' || strchr(o->command->takes, *used))
			continue;
		for (size_t i = 0; i < ARRAY_SIZE(table); i++)
			if (table[i].option.val == *used) {
				log_error("%s takes no option --%s", o->command->name,
					  table[i].option.name);
				return STATUS_WRONG + 1;
			}
	}
	return 0;
}

int options_parse(int argc, char **argv, const struct command *commands, struct options *ret)
{
	struct option longs[ARRAY_SIZE(table) + 1] = {{0}};
	struct options o = {0};
	char used[64] = "";
	unsigned verbose = 0;
	size_t n_used = 0;
	int letter, r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		longs[i] = table[i].option;
	o.whitelists = calloc((size_t)argc + 1, sizeof(*o.whitelists));
	if (!o.whitelists)
		return wrong("out of memory", NULL);
	while (r == 0 && (letter = getopt_long(argc, argv, "c:D:S:U:o:qvh", longs, NULL)) >= 0) {
		if (letter == 'h' || letter == OPTION_VERSION) {
			if (letter == 'h')
				print_help(commands);
			else
				printf("loginbell %s\n", LOGINBELL_VERSION);
			r = STATUS_DONE + 1;
			break;
		}
		if (n_used + 1 < sizeof(used) && !strchr(used, letter))
			used[n_used++] = (char)letter;
		r = take(&o, letter, optarg, &verbose);
	}
	if (r == 0 && optind >= argc)
		r = wrong("no command; see loginbell --help", NULL);
	if (r == 0) {
		o.command = find_command(commands, argv[optind]);
		if (!o.command)
			r = wrong("no such command (see loginbell --help)", argv[optind]);
	}
	if (r == 0) {
		o.arguments = argv + optind + 1;
		if (!o.command->arguments && o.arguments[0])
			r = wrong("unexpected argument", o.arguments[0]);
	}
	if (r == 0)
		r = check_taken(&o, used);
	if (r == 0 && o.directory && o.log_file)
		r = wrong("--directory and --log-file name two sources; give one", NULL);
	if (r == 0 && o.since_usec && o.until_usec && o.since_usec > o.until_usec)
		r = wrong("--since is later than --until", NULL);
	if (r != 0) {
		options_done(&o);
		return r;
	}
	*ret = o;
	return 0;
}

void options_done(struct options *options)
{
	free(options->whitelists);
	options->whitelists = NULL;
}
