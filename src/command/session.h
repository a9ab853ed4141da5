/*
 * What the commands set up alike: configuration, whitelist, judge, source. Faults are told here;
 * the results are exit statuses.
 */
#pragma once

#include "command/judge.h"
#include "command/options.h"
#include "source/source.h"

struct session {
	const struct options *options;
	struct config *config;
	struct whitelist *whitelist;
	struct judge *judge;
	struct source *source;
	char source_name[300];	   /* for people */
	char source_path[4096];	   /* of a file or directory; "" where it has none */
	uint64_t tick_usec;	   /* when session_tick() last did something; clock_steady() */
	uint64_t begun_usec, seen; /* for the progress line */
	bool progress_shown;
	uint64_t stop_usec; /* when reading ends, whatever is left; clock_steady(); 0: at the end */
	char resume[80];    /* a position that was another source's, made one of the journal */
};

/* Configuration, whitelist, judge. @s is zeroed first; session_done() is due in any case. */
int session_init(struct session *s, const struct options *options);
void session_done(struct session *s);

/* A position that no source has made: only this and the time, in microseconds. */
#define SESSION_POSITION_TIME "time until="

/* Up to when all was read before a position, as its text says; 0: it does not tell. */
uint64_t session_position_usec(const char *position);

/*
 * Opens the source that options and configuration name; @so says where to begin, but its programs
 * and bounds are set here. @resume: the stored position, or NULL.
 */
int session_open_source(struct session *s, struct source_options *so, const char *resume);

/*
 * Whether what the source reads is still there: a log file, or a directory of journals, that was
 * removed gives no error, only nothing more to read.
 */
bool session_source_exists(const struct session *s);

/*
 * To be called now and then in a long run over the log: feeds the watchdog, and shows a progress
 * line on a terminal. session_progress_done() wipes the line.
 */
void session_tick(struct session *s);
void session_progress_done(struct session *s);

/*
 * Reads the whitelist anew after a change. What cannot be read
 * leaves the old in force, tells the fault, and has alerts tell it.
 */
void session_reload_rules(struct session *s);

/*
 * The same for configuration and whitelist, after SIGHUP. STATUS_DONE: the source is to be opened
 * anew, since what it was told may have changed.
 */
int session_reload(struct session *s);
