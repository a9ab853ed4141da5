/*
 * An alert: an event that the administrators must learn of. Its slices point to bytes that the
 * caller owns. Its text form is one block of the ledger, in the style of the Journal Export Format:
 * lines KEY=value, each value escaped to one line.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/slice.h"

#define ALERT_BLOCK_MAX (1U << 20) /* bytes of an alert's text form */

enum alert_kind {
	ALERT_LOGIN = 0,
	ALERT_FORGED,	 /* a record that claims a login, but sshd did not write it */
	ALERT_GAP,	 /* records were lost before they could be read */
	ALERT_INSTANCE,	 /* loginbell itself started or stopped */
	ALERT_HEARTBEAT, /* loginbell is still watching */
	ALERT_KINDS,	 /* their number */
};

struct alert {
	enum alert_kind kind;
	uint64_t seq;	     /* set by the ledger; 0 before */
	uint64_t time_usec;  /* of the record; the end of the interval for a gap or
				heartbeat */
	uint64_t noted_usec; /* when it was recorded */
	struct slice id;     /* 32 hex digits: the hash of the record's identity; names the alert */
	struct slice position; /* of the record in its source */
	struct slice source;   /* for people: "journal", "/var/log/auth.log (not authenticated)" */
	struct slice host;
	struct slice program; /* SYSLOG_IDENTIFIER */
	struct slice comm;    /* _COMM of a forged record */
	bool pid_known, uid_known;
	uint64_t pid, uid;
	struct slice message; /* as logged, every byte */
	struct slice reason;  /* why it is an alert; a sentence without its full stop */

	/* Of a readable login. User and certificate ID are unescaped. */
	bool readable;
	bool trusted;
	bool ambiguous;
	bool cut;
	struct slice method, user, addr, key_type, fingerprint, cert_id, cert_serial,
		ca_fingerprint, extra;
	bool port_known;
	uint64_t port;

	/*
	 * How many records it reports: forged ones, logins that the log or a summary joined, or
	 * those that a gap lost; 0: one, or unknown.
	 */
	uint64_t count;
	bool started;	    /* of an instance: it started; else it stopped */
	uint64_t from_usec; /* begin of the interval of a gap, summary or heartbeat; 0: unknown */
};

/* "login", "forged", "gap", "instance", "heartbeat", NULL. */
extern const char *const alert_kind_names[ALERT_KINDS + 1];
/* 0 or -EINVAL. */
int alert_kind_parse(struct slice name, enum alert_kind *ret);

/*
 * Appends the block, without the CRC and the empty line, which the ledger adds. KIND and SEQ come
 * first; absent slices, zero times and counts and false flags are left out. -ENOMEM, -E2BIG; then
 * @ret is unchanged.
 */
int alert_write(const struct alert *a, struct buffer *ret);

/* Shortens every text to at most @max bytes. If one was longer, sets a->cut. */
void alert_clip(struct alert *a, size_t max);

/*
 * Reads a block as alert_write() writes it. Values are unescaped into @storage (cleared first; its
 * maximum is at least the block's length), to which *ret then points. The last of equal keys
 * counts; unknown keys are skipped. -EINVAL for a line that is not KEY=value, a wrong escape or
 * number, or a missing KIND or SEQ; -ENOMEM, -E2BIG.
 */
int alert_read(struct slice block, struct buffer *storage, struct alert *ret);

/*
 * Appends @s escaped to one line: "\\", "\n", "\r", "\xHH" for other controls, NUL included.
 * -ENOMEM, -E2BIG; then @ret is unchanged, as after a failure of alert_unescape().
 */
int alert_escape(struct slice s, struct buffer *ret);
/* Reverses it. -EINVAL for a wrong escape. */
int alert_unescape(struct slice s, struct buffer *ret);
