/*
 * An alert: something that must reach the administrators. It is a bag of slices; whoever fills it
 * owns the bytes. Its text form is one block of the ledger, in the style of the Journal Export
 * Format: lines KEY=value, each value escaped to one line, an empty line at the end.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/slice.h"

#define ALERT_BLOCK_MAX (1U << 20) /* bytes of an alert's text form */

enum alert_kind {
	ALERT_LOGIN = 0,
	ALERT_FORGED,	 /* a record that claims a login and was not written by sshd */
	ALERT_GAP,	 /* records were lost before they could be read */
	ALERT_INSTANCE,	 /* loginbell itself started or stopped */
	ALERT_HEARTBEAT, /* it still watches */
	ALERT_KINDS,	 /* their number */
};

struct alert {
	enum alert_kind kind;
	uint64_t seq;	     /* given by the ledger; 0 before */
	uint64_t time_usec;  /* of the record, 0: not known; of the interval's end for a gap or
				heartbeat */
	uint64_t noted_usec; /* when it was written down */
	struct slice id;     /* 32 hex digits: the hash of the record's identity; names the alert */
	struct slice position; /* of the record in its source */
	struct slice source;   /* for people: "journal", "/var/log/auth.log (not authenticated)" */
	struct slice host;
	struct slice program; /* SYSLOG_IDENTIFIER */
	struct slice comm;    /* _COMM of a forged record */
	bool pid_known, uid_known;
	uint64_t pid, uid;
	struct slice message; /* as logged, every byte */
	struct slice reason;  /* why it alerts; a whole sentence without its full stop */

	/* Of a login that could be read. User and certificate ID are decoded. */
	bool readable;
	bool trusted;
	bool ambiguous;
	bool cut;
	struct slice method, user, addr, key_type, fingerprint, cert_id, cert_serial,
		ca_fingerprint, extra;
	bool port_known;
	uint32_t port;

	/*
	 * How many records it stands for: forged ones that were joined, a login's that the log
	 * joined or a summary tells of, a gap's that were lost; 0: one, or not known.
	 */
	uint64_t count;
	bool started;	    /* of an instance: it started; else it stopped */
	uint64_t from_usec; /* begin of a gap's, summary's or heartbeat's interval; 0: not known */
};

/* "login", "forged", "gap", "instance", "heartbeat". */
const char *alert_kind_name(enum alert_kind kind);
/* 0 or -EINVAL. */
int alert_kind_parse(struct slice name, enum alert_kind *ret);

/*
 * Appends the block, without CRC and empty line: those are the ledger's. KIND and SEQ come first;
 * absent slices, zero times and counts and false flags are left out. -ENOMEM, -E2BIG, and @ret is
 * as before.
 */
int alert_write(const struct alert *a, struct buffer *ret);

/* Shortens every text to at most @max bytes; where one was longer, the alert is marked as cut. */
void alert_clip(struct alert *a, size_t max);

/*
 * Reads a block as alert_write() made it. Values are unescaped into @storage (cleared first; its
 * maximum is at least the block's length), to which *ret points: both live together. Of a repeated
 * key the last counts. Unknown keys are skipped, so that an older program reads
 * a newer ledger. -EINVAL where a line is no KEY=value, an escape or number is wrong, or KIND or
 * SEQ is missing; -ENOMEM, -E2BIG.
 */
int alert_read(struct slice block, struct buffer *storage, struct alert *ret);

/*
 * Appends @s escaped to one line: "\\", "\n", "\r", "\xHH" for other controls, NUL included. On
 * failure (-ENOMEM, -E2BIG) @ret is as before, here and below.
 */
int alert_escape(struct slice s, struct buffer *ret);
/* Undoes it. -EINVAL for a wrong escape. */
int alert_unescape(struct slice s, struct buffer *ret);
