/*
 * One log entry, as a source gives it. The slices are the source's and live until its next call.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

enum record_kind {
	RECORD_MESSAGE = 0, /* of one of the programs that are watched */
	RECORD_DROPPED,	    /* journald tells that it dropped messages of an sshd unit */
	RECORD_GAP,	    /* the source itself tells that records were lost unread */
};

struct record {
	enum record_kind kind;
	struct slice message;

	/* Filled by source_details() only. */
	uint64_t realtime_usec; /* 0: not known */
	struct slice host, program, comm;
	struct slice source; /* for people */
	bool pid_known, uid_known;
	uint64_t pid, uid;
	bool trusted;	       /* the source vouches for who wrote it */
	bool authenticated;    /* the source can tell writers apart at all */
	bool trimmed;	       /* the source took something off the message's end */
	struct slice position; /* opaque; where reading goes on after this record */
	struct slice identity; /* what is the same whenever this record is read again */
	uint64_t count;	     /* how many messages it stands for, or were lost; 0: one, not known */
	uint64_t from_usec;  /* RECORD_GAP: begin of the interval; 0: not known */
	struct slice reason; /* RECORD_GAP: what happened */
};
