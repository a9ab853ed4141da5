/*
 * A position that cannot be stored does not stop the reader: after a restart the ledger recognises
 * what is read again.
 */
#include "command/reader_position.h"

#include <errno.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/timetext.h"
#include "command/options.h"
#include "command/recover.h"

#define SAVE_EVERY_USEC (60 * USEC_PER_SEC) /* of a position that only skips noise */
#define RETRY_USEC	(5 * USEC_PER_SEC)

void reader_position_init(struct reader_position *p, const struct reader_state *state,
			  struct recorder *recorder)
{
	*p = (struct reader_position){.state = state,
				      .recorder = recorder,
				      .loaded = POSITION_INIT,
				      .saved = BUFFER_INIT(POSITION_MAX)};
}

void reader_position_done(struct reader_position *p)
{
	position_done(&p->loaded);
	buffer_done(&p->saved);
}

struct slice reader_position_heartbeat(struct reader_position *p)
{
	(void)position_load(p->state->dirfd, &p->loaded, NULL);
	return buffer_slice(&p->loaded.heartbeat);
}

void reader_position_note(struct reader_position *p, uint64_t time_usec)
{
	if (time_usec > p->time_usec)
		p->time_usec = time_usec;
}

static int recover(struct reader_position *p, const char *what, const struct position **ret)
{
	char since[TIMETEXT_MAX];
	int r = recover_position(p->state->dirfd, recorder_made_ledger(p->recorder), &p->loaded);

	if (r < 0) {
		log_error("%s: %s; and the ledger cannot be read: %s", p->state->path.data, what,
			  strerror(-r));
		return STATUS_FAILED;
	}
	if (r == 0) {
		r = recorder_damage(p->recorder, DAMAGE_HOURLY, 0,
				    "%s; reading resumes at the end of the log, and logins before "
				    "now may not have been reported",
				    what);
		return r < 0 ? STATUS_FAILED : STATUS_DONE;
	}
	p->time_usec = p->loaded.time_usec;
	r = recorder_damage(p->recorder, DAMAGE_HOURLY, p->time_usec,
			    "%s; the log is read again from %s on, as far as it reaches back", what,
			    timetext_local(p->time_usec, since));
	*ret = r < 0 ? NULL : &p->loaded;
	return r < 0 ? STATUS_FAILED : STATUS_DONE;
}

int reader_position_load(struct reader_position *p, const struct position **ret)
{
	struct error err = {0};
	int r = position_load(p->state->dirfd, &p->loaded, &err);

	*ret = NULL;
	if (r == POSITION_E_DAMAGED)
		return recover(p, err.text, ret);
	if (r == POSITION_E_NONE && p->saved.len == 0) {
		if (recorder_made_ledger(p->recorder))
			return STATUS_DONE;
		return recover(p, "the stored position was removed", ret);
	}
	/* Removed while this process runs, which still knows it. */
	if (r == POSITION_E_NONE) {
		p->loaded.time_usec = p->time_usec;
		r = buffer_append_slice(&p->loaded.text, buffer_slice(&p->saved));
	}
	if (r < 0 || !buffer_cstr(&p->loaded.text)) {
		log_error("%s/" POSITION_NAME ": %s", p->state->path.data,
			  strerror(r < 0 ? -r : ENOMEM));
		return STATUS_FAILED;
	}
	p->time_usec = p->loaded.time_usec;
	*ret = &p->loaded;
	return STATUS_DONE;
}

int reader_position_save(struct reader_position *p, struct source *source, uint64_t until_usec,
			 struct slice heartbeat)
{
	uint64_t time_usec = until_usec > 0 ? until_usec : p->time_usec;
	struct slice position;
	int r = source_position(source, until_usec, &position);

	if (r < 0 || position.n == 0)
		return r;
	r = position_save(p->state->dirfd, position, time_usec, heartbeat);
	if (recorder_make_room(p->recorder, r))
		r = position_save(p->state->dirfd, position, time_usec, heartbeat);
	if (r < 0) {
		if (!p->retry_usec)
			log_crit("%s/" POSITION_NAME
				 ": %s; after a restart some records will be read again",
				 p->state->path.data, strerror(-r));
		p->retry_usec = clock_steady() + RETRY_USEC;
		return r;
	}
	p->retry_usec = 0;
	p->time_usec = time_usec;
	p->saved_usec = clock_steady();
	p->saved_count = recorder_count(p->recorder);
	r = source_position(source, 0, &position);
	buffer_clear(&p->saved);
	return r < 0 ? r : buffer_append_slice(&p->saved, position);
}

bool reader_position_lags(const struct reader_position *p)
{
	return p->saved_count != recorder_count(p->recorder);
}

/* Whether the source has read anything since the position was saved. */
static bool moved(const struct reader_position *p, struct source *source)
{
	struct slice position;

	return source_position(source, 0, &position) == 0 && position.n > 0 &&
	       !slice_eq(position, buffer_slice(&p->saved));
}

bool reader_position_is_due(const struct reader_position *p, struct source *source)
{
	uint64_t now = clock_steady();

	return now >= p->retry_usec &&
	       (reader_position_lags(p) ||
		(now - p->saved_usec >= SAVE_EVERY_USEC && moved(p, source)));
}
