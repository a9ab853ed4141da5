/* The command line. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "text/config.h"

/* sysexits(3), and what an administrator expects of 2. */
enum {
	STATUS_DONE = 0,
	STATUS_FAILED = 1,
	STATUS_WRONG = 2,     /* usage, configuration or whitelist */
	STATUS_LOCKED = 3,    /* another reader runs, which was logged; no exit status */
	STATUS_TEMPFAIL = 75, /* done, but alerts still wait to be mailed */
};

enum output { OUTPUT_SHORT, OUTPUT_JSON, OUTPUT_EXPORT };

struct options;

struct command {
	const char *name;
	const char *summary;
	const char *takes;     /* letters of the options that it takes, see options.c */
	const char *arguments; /* what words it takes behind the options; NULL: none */
	int (*run)(const struct options *options);
};

struct options {
	const struct command *command;
	const char *config;	     /* NULL: the default file */
	const char *directory;	     /* NULL: not given */
	const char *log_file;	     /* NULL: not given */
	const char *state_directory; /* NULL: the default */
	const char **whitelists;     /* NULL-terminated; NULL: the configured ones */
	size_t n_whitelists;
	bool source_given;
	enum config_source_kind source;
	uint64_t since_usec, until_usec; /* 0: not given */
	enum output output;
	const char *retry, *drop; /* an alert's id, or its begin; NULL: not given */
	bool flush;
	bool quiet, verbose, dry_run, no_deliver, syslog;
	char **arguments; /* NULL-terminated, of main() */
};

/* Whether records are read from standard input. */
static inline bool options_standard_input(const struct options *o)
{
	return o->log_file && strcmp(o->log_file, "-") == 0;
}

/*
 * Reads the command line. 0 and *ret, to be given back by options_done(); or the exit status that
 * main() ends with (after --help, --version, or a mistake, which is told), plus one, so that it
 * is never 0.
 */
int options_parse(int argc, char **argv, const struct command *commands, struct options *ret);
void options_done(struct options *options);
