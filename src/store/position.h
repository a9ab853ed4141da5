/*
 * The file "position": where reading resumes after a restart. It is stored only when every alert up
 * to there is durable.
 *
 *	LOGINBELL_POSITION=1
 *	TEXT=<the source's>
 *	TIME=<microseconds>
 *	HEARTBEAT=<numbers>
 *	CRC=<8 hex digits>
 */
#pragma once

#include "base/buffer.h"
#include "base/error.h"

#define POSITION_NAME	       "position"
#define POSITION_MAX	       (16U << 20) /* of a collection of hosts; others have some hundred bytes */
#define POSITION_HEARTBEAT_MAX 256

struct position {
	struct buffer text; /* made and understood by the source; empty: only the time is known */
	uint64_t time_usec; /* everything logged before was read; 0: not known */
	struct buffer heartbeat; /* what was counted of the day up to there; may be empty */
};

enum position_e {
	POSITION_E_NONE = 1,	/* there is no position yet */
	POSITION_E_DAMAGED = 2, /* *err says how */
};

#define POSITION_INIT                                                                              \
	{                                                                                          \
		.text = BUFFER_INIT(POSITION_MAX),                                                 \
		.heartbeat = BUFFER_INIT(POSITION_HEARTBEAT_MAX)                                   \
	}
void position_done(struct position *p);
#define AUTO_POSITION CLEANUP(position_done)

/* Stores it durably (file_replace()). -EINVAL: @text is empty; -E2BIG: above its maximum; -errno.
 */
int position_save(int dirfd, struct slice text, uint64_t time_usec, struct slice heartbeat);

/*
 * Loads it into *ret, which is initialised; ret->text has a NUL at its end. Otherwise *ret is
 * empty: POSITION_E_NONE, POSITION_E_DAMAGED, -errno with *err set.
 */
int position_load(int dirfd, struct position *ret, struct error *err);
