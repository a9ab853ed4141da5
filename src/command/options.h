/* The command line. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "text/config.h"

/* 2 as shells and tools use it, 75 as in sysexits(3). */
enum {
	STATUS_DONE = 0,
	STATUS_FAILED = 1,
	STATUS_WRONG = 2,     /* usage, configuration or whitelist */
	STATUS_LOCKED = 3,    /* another reader runs, which was logged; no exit status */
	STATUS_TEMPFAIL = 75, /* done, but alerts still wait to be sent */
};

enum output { OUTPUT_SHORT, OUTPUT_JSON, OUTPUT_EXPORT };

struct options;

struct command {
	const char *name;
	const char *summary;
	const char *accepts;   /* letters of its options, see options.c */
	const char *arguments; /* what may follow the options; NULL: nothing */
	int (*run)(const struct options *options);
};

struct options {
	const struct command *command;
	const char *config;	     /* NULL: the default file */
	const char *directory;	     /* NULL: not set */
	const char *log_file;	     /* NULL: not set */
	const char *state_directory; /* NULL: the default */
	const char **whitelists;     /* NULL-terminated; NULL: the configured ones */
	size_t n_whitelists;
	bool source_set;
	enum config_source_kind source;
	uint64_t since_usec, until_usec; /* 0: not set */
	enum output output;
	const char *retry, *drop; /* an alert's id, or its begin; NULL: not set */
	bool flush;
	bool quiet, verbose, dry_run, no_deliver, syslog;
	char **arguments; /* NULL-terminated, of main() */
};

/* Whether standard input is the log. */
static inline bool options_standard_input(const struct options *o)
{
	return o->log_file && strcmp(o->log_file, "-") == 0;
}

/*
 * Parses the command line. On 0, options_done() is due for *ret. Else the exit status of main(),
 * plus one so that it is never 0: after --help, --version, or a mistake, which is logged.
 */
int options_parse(int argc, char **argv, const struct command *commands, struct options *ret);
void options_done(struct options *options);
