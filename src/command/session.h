/*
 * What the commands set up alike: configuration, whitelist, judge, source. What is wrong is logged
 * here; results are exit statuses.
 */
#pragma once

#include "command/judge.h"
#include "command/options.h"
#include "command/progress.h"
#include "source/source.h"

struct session {
	const struct options *options;
	struct config *config;
	struct whitelist *whitelist;
	struct judge *judge;
	struct source *source;	/* session_open_source() */
	char source_name[300];	/* for people */
	char source_path[4096]; /* of a file or directory; "" if it has none */
	char resume[80];	/* another source's position, as one of the journal */
	struct progress progress;
	uint64_t stop_usec; /* clock_steady(): when reading ends with a rest; 0: at the end */
};

/* Loads configuration and whitelist. @s is zeroed first; session_done() is due in any case. */
int session_init(struct session *s, const struct options *options);
void session_done(struct session *s);

/*
 * Loads the whitelist again after a change. If it is faulty, the previous one stays in force, and
 * alerts say so.
 */
void session_reload_rules(struct session *s);

/* The same for configuration and whitelist. STATUS_DONE: the source must be opened again. */
int session_reload(struct session *s);
