/*
 * One log entry from a source, which owns the slices until its next call.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

enum record_kind {
	RECORD_MESSAGE = 0, /* of one of the watched programs */
	RECORD_DROPPED,	    /* journald reports that it dropped messages of an sshd unit */
	RECORD_GAP,	    /* the source lost records unread */
};

struct record {
	enum record_kind kind;
	struct slice message;

	/* Set by source_details() only. */
	uint64_t realtime_usec; /* 0: not known */
	struct slice host, program, comm;
	struct slice source; /* for people */
	bool pid_known, uid_known;
	uint64_t pid, uid;
	bool trusted;	       /* root wrote it as sshd does, as far as the source knows writers */
	bool authenticated;    /* the source knows who wrote a record */
	bool trimmed;	       /* the source removed blanks from the end of the message */
	struct slice position; /* opaque; where reading resumes after this record */
	struct slice identity; /* the same whenever this record is read */
	uint64_t count;	       /* messages that it reports, or that were lost; 0: one, unknown */
	uint64_t from_usec;    /* RECORD_GAP: begin of the interval; 0: unknown */
	struct slice reason;   /* RECORD_GAP: what happened */
};
