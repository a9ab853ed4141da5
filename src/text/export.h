/*
 * A judged login as the commands print it: one JSON object, or one block of the Journal Export
 * Format (https://systemd.io/JOURNAL_EXPORT_FORMATS/).
 */
#pragma once

#include "base/buffer.h"
#include "text/alert.h"

struct export_verdict {
	bool allowed;
	const char *file; /* of the deciding rule; NULL if none decided */
	unsigned line;
};

/*
 * Appends one line of JSON with these keys: time, host, program, pid, uid, method, user,
 * addr, port, key_type, fingerprint, cert_id, cert_serial, ca_fingerprint, extra, kind, verdict,
 * rule, trusted, ambiguous, message, position. Unknown values are left out. -ENOMEM,
 * -E2BIG.
 */
int export_json(const struct alert *a, const struct export_verdict *v, struct buffer *ret);

/*
 * The same as one export block: __REALTIME_TIMESTAMP=, __CURSOR=, _HOSTNAME=, SYSLOG_IDENTIFIER=,
 * _PID=, _UID=, MESSAGE=, and LOGINBELL_<KEY>= for the rest. A value with a newline or control
 * character has the binary form.
 */
int export_journal(const struct alert *a, const struct export_verdict *v, struct buffer *ret);
