/*
 * One table of options for all commands. Each command names by letter those that apply to it; it
 * rejects the others, which would do nothing.
 */
#include "command/options.h"

#include <getopt.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/timetext.h"
#include "config.h"

/* Options with a short name, as for getopt(3). */
#define SHORT_OPTIONS "c:D:S:U:o:qvh"

enum kind { TEXT, FLAG, TIME, WHITELIST, SOURCE, OUTPUT, ALERT, VERBOSE, HELP };

#define AT(member) offsetof(struct options, member)

/* The letter is the short name, if SHORT_OPTIONS has it; commands name their options by it. */
static const struct {
	char letter;
	const char *name, *argument;
	enum kind kind;
	size_t offset; /* of what it sets */
	const char *help;
} table[] = {
	{'c', "config", "FILE", TEXT, AT(config), "read this configuration file"},
	{'D', "directory", "DIR", TEXT, AT(directory), "read the journal files in DIR"},
	{'L', "log-file", "FILE", TEXT, AT(log_file), "read this syslog file; - is standard input"},
	{'K', "source", "KIND", SOURCE, AT(source), "auto, journal or file"},
	{'S', "since", "TIME", TIME, AT(since_usec), "only what was logged at or after TIME"},
	{'U', "until", "TIME", TIME, AT(until_usec), "only what was logged until TIME"},
	{'W', "whitelist", "FILE", WHITELIST, 0,
	 "use this whitelist instead of the configured ones (repeatable)"},
	{'T', "state-directory", "DIR", TEXT, AT(state_directory),
	 "keep position and alerts there"},
	{'o', "output", "FORMAT", OUTPUT, AT(output), "short, json or export"},
	{'N', "dry-run", NULL, FLAG, AT(dry_run), "print what would be mailed, touch nothing"},
	{'X', "no-deliver", NULL, FLAG, AT(no_deliver), "do not start the sender"},
	{'F', "flush", NULL, FLAG, AT(flush), "queue: try now to mail what waits"},
	{'R', "retry", "ID", ALERT, AT(retry),
	 "queue: try again to mail an alert that was given up"},
	{'P', "drop", "ID", ALERT, AT(drop), "queue: do not mail this alert"},
	{'G', "syslog", NULL, FLAG, AT(syslog), "send messages to syslogd, not to standard error"},
	{'q', "quiet", NULL, FLAG, AT(quiet), "no headings and no summary"},
	{'v', "verbose", NULL, VERBOSE, AT(verbose), "show more messages; twice: all"},
	{'h', "help", NULL, HELP, 0, "show this help"},
	{'V', "version", NULL, HELP, 0, "show the version"},
};

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

		(void)snprintf(name, sizeof(name), "--%s%s%s", table[i].name,
			       table[i].argument ? "=" : "",
			       table[i].argument ? table[i].argument : "");
		if (strchr(SHORT_OPTIONS, table[i].letter))
			printf("  -%c, %-22s %s\n", table[i].letter, name, table[i].help);
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
	/* 0 means that there is no bound; nothing was logged in that microsecond. */
	if (*ret == 0)
		*ret = 1;
	return 0;
}

static const char *const sources[] = {
	[CONFIG_SOURCE_AUTO] = "auto",
	[CONFIG_SOURCE_JOURNAL] = "journal",
	[CONFIG_SOURCE_FILE] = "file",
};
static const char *const outputs[] = {
	[OUTPUT_SHORT] = "short",
	[OUTPUT_JSON] = "json",
	[OUTPUT_EXPORT] = "export",
};

/* The index of @word; @n if there is none. */
static unsigned find_word(const char *word, const char *const *words, unsigned n)
{
	unsigned i = 0;

	while (i < n && strcmp(words[i], word) != 0)
		i++;
	return i;
}

static int apply(struct options *o, size_t i, const char *value)
{
	void *at = (char *)o + table[i].offset;
	unsigned k;

	switch (table[i].kind) {
	case TEXT:
		*(const char **)at = value;
		return 0;
	case FLAG:
		*(bool *)at = true;
		return 0;
	case TIME:
		return parse_time(value, at);
	case WHITELIST:
		o->whitelists[o->n_whitelists++] = value;
		return 0;
	case SOURCE:
		k = find_word(value, sources, ARRAY_SIZE(sources));
		if (k == ARRAY_SIZE(sources))
			return wrong("--source is auto, journal or file, not", value);
		o->source_set = true;
		o->source = (enum config_source_kind)k;
		return 0;
	case OUTPUT:
		k = find_word(value, outputs, ARRAY_SIZE(outputs));
		if (k == ARRAY_SIZE(outputs))
			return wrong("--output is short, json or export, not", value);
		o->output = (enum output)k;
		return 0;
	case ALERT:
		if (o->retry || o->drop)
			return wrong("only one alert at a time; too many", value);
		*(const char **)at = value;
		return 0;
	case VERBOSE:
		log_set_max_level(o->verbose ? LOG_DEBUG : LOG_INFO);
		o->verbose = true;
		return 0;
	case HELP:
		return STATUS_DONE + 1;
	}
	return 0;
}

/* Applies all options; bit i of *used is that of table[i]. */
static int parse(int argc, char **argv, const struct command *commands, struct options *o,
		 uint32_t *used)
{
	struct option longs[ARRAY_SIZE(table) + 1] = {{0}};
	size_t i;
	int letter, r = 0;

	for (i = 0; i < ARRAY_SIZE(table); i++)
		longs[i] = (struct option){table[i].name,
					   table[i].argument ? required_argument : no_argument,
					   NULL, table[i].letter};
	while (r == 0 && (letter = getopt_long(argc, argv, SHORT_OPTIONS, longs, NULL)) >= 0) {
		for (i = 0; i < ARRAY_SIZE(table) && table[i].letter != letter; i++)
			;
		if (i == ARRAY_SIZE(table))
			return STATUS_WRONG + 1; /* getopt_long(3) has said why */
		if (letter == 'h')
			print_help(commands);
		if (letter == 'V')
			printf("loginbell %s\n", LOGINBELL_VERSION);
		*used |= UINT32_C(1) << i;
		r = apply(o, i, optarg);
	}
	if (o->syslog)
		log_to_syslog();
	return r;
}

static int find_command(int argc, char **argv, const struct command *commands, struct options *o)
{
	if (optind >= argc)
		return wrong("no command; see loginbell --help", NULL);
	for (const struct command *c = commands; c->name && !o->command; c++)
		if (strcmp(c->name, argv[optind]) == 0)
			o->command = c;
	if (!o->command)
		return wrong("no such command (see loginbell --help)", argv[optind]);
	o->arguments = argv + optind + 1;
	if (!o->command->arguments && o->arguments[0])
		return wrong("unexpected argument", o->arguments[0]);
	return 0;
}

/* Options that do not apply to the command, and those that exclude each other. */
static int check(const struct options *o, uint32_t used)
{
	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		if ((used >> i & 1) && !strchr("cv", table[i].letter) &&
		    !strchr(o->command->accepts, table[i].letter)) {
			log_error("%s does not accept --%s", o->command->name, table[i].name);
			return STATUS_WRONG + 1;
		}
	if (o->directory && o->log_file)
		return wrong("--directory and --log-file exclude each other", NULL);
	if (o->since_usec && o->until_usec && o->since_usec > o->until_usec)
		return wrong("--since is later than --until", NULL);
	return 0;
}

int options_parse(int argc, char **argv, const struct command *commands, struct options *ret)
{
	struct options o = {.whitelists = calloc((size_t)argc + 1, sizeof(*o.whitelists))};
	uint32_t used = 0;
	int r;

	if (!o.whitelists)
		return wrong("out of memory", NULL);
	r = parse(argc, argv, commands, &o, &used);
	if (r == 0)
		r = find_command(argc, argv, commands, &o);
	if (r == 0)
		r = check(&o, used);
	if (r != 0)
		options_done(&o);
	else
		*ret = o;
	return r;
}

void options_done(struct options *options)
{
	free(options->whitelists);
	options->whitelists = NULL;
}
