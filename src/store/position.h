/*
 * The position: where reading goes on after a restart. One line of text that the source makes and
 * understands, with a CRC, in the file "position". It is stored only when every alert up to it is
 * durable. A second line may be kept with it: what was counted of the records up to there.
 */
#pragma once

#include "base/buffer.h"
#include "base/error.h"

#define POSITION_NAME	  "position"
#define POSITION_MAX	  (16U << 20) /* of a collection of hosts; others have some hundred bytes */
#define POSITION_KEPT_MAX 256	      /* of the line that is kept with it */

enum position_e {
	POSITION_E_NONE = 1,	/* there is no position yet */
	POSITION_E_DAMAGED = 2, /* *err says how; *ret holds what could be read, maybe nothing */
};

/* Stores both durably (file_replace()); @kept may be empty. -EINVAL where @position is empty, or
 * one has a newline; -E2BIG above their maxima; -errno. */
int position_save(int dirfd, struct slice position, struct slice kept);

/*
 * Loads it into *ret, and what is kept with it into *ret_kept, which may be NULL (both cleared
 * first). 0, POSITION_E_NONE, POSITION_E_DAMAGED, -errno.
 */
int position_load(int dirfd, struct buffer *ret, struct buffer *ret_kept, struct error *err);
