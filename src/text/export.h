/*
 * What the commands print of a judged login: one JSON object, or one block of the Journal Export
 * Format (https://systemd.io/JOURNAL_EXPORT_FORMATS/).
 */
#pragma once

#include "base/buffer.h"
#include "text/alert.h"

struct export_verdict {
	bool allowed;
	const char *file; /* of the deciding rule; NULL where none decided */
	unsigned line;
};

/*
 * Appends one line of JSON with these keys: time, host, program, pid, uid, method, user,
 * addr, port, key_type, fingerprint, cert_id, cert_serial, ca_fingerprint, extra, kind, verdict,
 * rule, trusted, ambiguous, message, position. A value that is not known is left out. -ENOMEM,
 * -E2BIG.
 */
int export_json(const struct alert *a, const struct export_verdict *v, struct buffer *ret);

/* The same as one export block: __REALTIME_TIMESTAMP=, __CURSOR=, _HOSTNAME=, SYSLOG_IDENTIFIER=,
 * _PID=, _UID=, MESSAGE=, and LOGINBELL_<KEY>= for the rest; a value with a newline or control is
 * written in the binary form. */
int export_journal(const struct alert *a, const struct export_verdict *v, struct buffer *ret);
