/*
 * What the commands set up alike: configuration, whitelist, judge, source. What is wrong is logged
 * here; results are exit statuses.
 */
#pragma once

#include "command/judge.h"
#include "command/options.h"
#include "command/progress.h"
#include "source/source.h"
#include "store/last_good.h"

struct session {
	const struct options *options;
	struct config *config;
	struct whitelist *whitelist;
	struct judge *judge;
	struct last_good good;	/* the files of these three, and why newer ones are not in force */
	bool reload_due;	/* that fault is not of the whitelist alone */
	struct source *source;	/* session_open_source() */
	char source_name[300];	/* for people */
	char source_path[4096]; /* of a file or directory; "" if it has none */
	char resume[80];	/* another source's position, as one of the journal */
	struct progress progress;
	uint64_t stop_usec; /* clock_steady(): when reading ends with a rest; 0: at the end */
};

enum session_fault {
	SESSION_REFUSE,	   /* fail with STATUS_WRONG */
	SESSION_LAST_GOOD, /* use the copy of STATE/reader, if there is one */
};

/*
 * Loads configuration and whitelist; @on_fault says what to do if they have a fault. @s is zeroed
 * first; session_done() is due in any case.
 */
int session_init(struct session *s, const struct options *options, enum session_fault on_fault);
void session_done(struct session *s);

/*
 * Stores the files in force, and the fault of newer ones, in the reader's part of the state, which
 * the caller has locked. A failure is logged.
 */
void session_save_rules(struct session *s, int dirfd);

/*
 * Loads the whitelist again after a change. If it is faulty, the previous one stays in force, and
 * alerts say so.
 */
void session_reload_rules(struct session *s);

/*
 * The same for configuration and whitelist. STATUS_DONE: the source must be opened again. Otherwise
 * reload_due is set, and the next change of a whitelist has to reload both.
 */
int session_reload(struct session *s);
