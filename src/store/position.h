/*
 * The position: where reading goes on after a restart. One line of text that the source makes and
 * understands, with a CRC, in the file "position". It is stored only when every alert up to it is
 * durable.
 */
#pragma once

#include "base/buffer.h"
#include "base/error.h"

#define POSITION_NAME "position"
#define POSITION_MAX  (16U << 20) /* of a collection of hosts; others have some hundred bytes */

enum position_e {
	POSITION_E_NONE = 1,	/* there is no position yet */
	POSITION_E_DAMAGED = 2, /* *err says how; *ret holds what could be read, maybe nothing */
};

/* Stores it durably (file_replace()). -EINVAL where @position is empty or has a newline; -E2BIG
 * above POSITION_MAX; -errno. */
int position_save(int dirfd, struct slice position);

/* Loads it into *ret (cleared first). 0, POSITION_E_NONE, POSITION_E_DAMAGED, -errno. */
int position_load(int dirfd, struct buffer *ret, struct error *err);
