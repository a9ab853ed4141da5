/*
 * Where records come from: the one table of functions in the tree, because there are two sources,
 * the journal and a log file.
 *
 * A reader calls source_next() until it returns 0, then waits with poll(2) for what
 * source_wait_fd() returns, calls source_process(), and starts over.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "base/error.h"
#include "base/slice.h"
#include "text/record.h"

struct source;

/* How much of the log was read. */
struct source_progress {
	uint64_t done, total; /* in any unit; total 0: unknown */
	uint64_t records;     /* 0: not counted */
};

struct source_ops {
	int (*next)(struct source *s, struct record *ret);
	int (*details)(struct source *s, struct record *r);
	int (*wait_fd)(struct source *s, short *ret_events, uint64_t *ret_timeout_usec);
	int (*process)(struct source *s);
	int (*position)(struct source *s, uint64_t read_until_usec, struct slice *ret);
	void (*progress)(struct source *s, struct source_progress *ret);
	void (*free)(struct source *s);
};

/* The head of every source's own struct. */
struct source {
	const struct source_ops *ops;
};

/* Of both sources. Strings live as long as the source. */
struct source_options {
	const char *const *programs; /* NULL-terminated */
	uint64_t since_usec;	     /* 0: no bound */
	uint64_t until_usec;	     /* 0: no bound; records after it end the reading */
	const char *resume;	     /* a position's text; NULL: none */
	uint64_t go_on_usec;	     /* another source was read up to then; of log files */
	bool from_end;		     /* without resume: begin after the last record */
	bool follow;		     /* wait_fd() and process() will be called */
	bool nameless;		     /* records need neither identity nor position */
	size_t block;		     /* bytes of a log file read at once; 0: suitable */
	uint64_t now_usec;
	uint64_t (*clock)(clockid_t id); /* microseconds; NULL: base/clock.h's */
};

enum source_e {
	SOURCE_E_UNREADABLE = 1, /* *err says what cannot be read and what to do */
	SOURCE_E_POSITION = 2,	 /* options->resume is damaged, *err says how */
};

/* Of source_next(): many records were read and none matters; to be called again. */
#define SOURCE_AGAIN 2

/*
 * The next record that may matter: 1 and *ret; 0: none now; -errno. Of *ret only kind and message
 * are set. Records that cannot be logins (login_candidate()) are skipped; in a long run of these
 * SOURCE_AGAIN is returned now and then, so that the caller can show progress and feed a watchdog.
 */
static inline int source_next(struct source *s, struct record *ret)
{
	return s->ops->next(s, ret);
}

/*
 * Fills the other fields of the record that source_next() just returned. 0; -EAGAIN: the source
 * had to begin again before the record, and source_next() returns it once more; -errno.
 */
static inline int source_details(struct source *s, struct record *r)
{
	return s->ops->details(s, r);
}

/*
 * The descriptor and the events to poll for, and after how long at most (UINT64_MAX: no limit)
 * source_process() is due. -errno.
 */
static inline int source_wait_fd(struct source *s, short *ret_events, uint64_t *ret_timeout_usec)
{
	return s->ops->wait_fd(s, ret_events, ret_timeout_usec);
}

/* 0; -ESTALE: the log is elsewhere now, which only a new process can find; -errno. */
static inline int source_process(struct source *s)
{
	return s->ops->process(s);
}

/*
 * The position after everything that source_next() returned or skipped, as text on one line. It
 * records that nothing more is expected up to @read_until_usec. Lives until the next call for this
 * source. An empty slice: nothing was read. -errno.
 */
static inline int source_position(struct source *s, uint64_t read_until_usec, struct slice *ret)
{
	return s->ops->position(s, read_until_usec, ret);
}

static inline void source_progress(struct source *s, struct source_progress *ret)
{
	s->ops->progress(s, ret);
}

/* Accepts NULL; returns NULL. */
static inline struct source *source_free(struct source *s)
{
	if (s)
		s->ops->free(s);
	return NULL;
}
