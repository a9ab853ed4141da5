/*
 * Where records come from: the one table of functions in the tree, because there are two sources,
 * the journal and a log file.
 *
 * A reader loops over source_next() until it gives 0, then waits with poll(2) on what
 * source_wait_fd() says, calls source_process(), and loops again.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "base/error.h"
#include "base/slice.h"
#include "text/record.h"

struct source;

/* How much of the log has been gone over. */
struct source_progress {
	uint64_t done, total; /* in any unit; total 0: not known */
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

/* What both sources are told. Strings live as long as the source. */
struct source_options {
	const char *const *programs; /* NULL-terminated */
	uint64_t since_usec;	     /* 0: no bound */
	uint64_t until_usec;	     /* 0: no bound; records after it end the reading */
	const char *resume;	     /* a position's text; NULL: none */
	uint64_t go_on_usec;	     /* another source was read up to then; of log files */
	bool from_end;		     /* without resume: begin behind the last record */
	bool follow;		     /* wait_fd() and process() will be called */
	bool nameless;		     /* the identity of messages is not asked for */
	uint64_t now_usec;
	uint64_t (*clock)(clockid_t id); /* microseconds; NULL: base/clock.h's */
};

enum source_e {
	SOURCE_E_UNREADABLE = 1, /* *err says what cannot be read and what to do */
	SOURCE_E_POSITION = 2,	 /* options->resume is damaged, *err says how */
};

/* Of source_next(): many records were gone over and none matters; ask again. */
#define SOURCE_AGAIN 2

/*
 * The next record that may matter: 1 and *ret; 0 where there is none now; -errno. Of *ret only
 * kind and message are set. Records that cannot be logins (login_candidate()) are skipped inside;
 * SOURCE_AGAIN comes now and then in a long run of these, so that the caller can show progress and
 * feed a watchdog.
 */
static inline int source_next(struct source *s, struct record *ret)
{
	return s->ops->next(s, ret);
}

/*
 * Fills the other fields of the record that source_next() just gave. 0; -EAGAIN where the source
 * had to begin again before the record, so that source_next() gives it once more; -errno.
 */
static inline int source_details(struct source *s, struct record *r)
{
	return s->ops->details(s, r);
}

/*
 * The file descriptor to poll, and with which events and for how long at most (UINT64_MAX: no
 * limit) before source_process() is due. -errno.
 */
static inline int source_wait_fd(struct source *s, short *ret_events, uint64_t *ret_timeout_usec)
{
	return s->ops->wait_fd(s, ret_events, ret_timeout_usec);
}

static inline int source_process(struct source *s)
{
	return s->ops->process(s);
}

/*
 * The position behind everything that source_next() has gone over, also what it skipped, as text
 * on one line; @read_until_usec goes into it: up to that time nothing more is expected. Lives
 * until the source's next call. An empty slice where nothing has been read. -errno.
 */
static inline int source_position(struct source *s, uint64_t read_until_usec, struct slice *ret)
{
	return s->ops->position(s, read_until_usec, ret);
}

static inline void source_progress(struct source *s, struct source_progress *ret)
{
	s->ops->progress(s, ret);
}

/* Takes NULL; gives NULL. */
static inline struct source *source_free(struct source *s)
{
	if (s)
		s->ops->free(s);
	return NULL;
}
