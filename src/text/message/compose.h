/*
 * Composes the mail that tells of alerts: RFC 5322 and 2045–2047, by hand, since libcurl's MIME
 * interface always makes a multipart. Pure: the same input gives the same bytes. CRLF lines of at
 * most 76 bytes, 7-bit, whatever a log holds. (An address of the configuration that is longer than
 * a line stays whole.)
 *
 * Threads: In-Reply-To names a mail that never was, one for each host and user. X-Loginbell-
 * headers (Event, Host, User, Addr, Method, Key, Count, Verdict) hold what is the same for all
 * alerts of the mail; what forged and unreadable records claim is in none of them. Templates speak
 * of logins only: other alerts are told in the built-in words.
 */
#pragma once

#include <stdint.h>

#include "base/buffer.h"
#include "text/alert.h"

enum message_style {
	MESSAGE_FULL,	 /* with the log lines as they were */
	MESSAGE_NO_LOGS, /* without raw log text: the server refused the full one */
};

struct message_options {
	const char *from;      /* addr-spec, checked by the configuration */
	const char *const *to; /* addr-specs; n_to of them */
	size_t n_to;
	const char *host; /* this host's name, for subjects and the Message-ID's right side
			     where fqdn is absent */
	const char *fqdn; /* right side of the Message-ID */
	const char *subject_template; /* NULL: built in */
	const char *body_template;    /* NULL: built in */
	const char *whitelist_file; /* named in the line "to allow this, add to FILE"; NULL: none */
	const char *note; /* first paragraph, e.g. of given-up alerts or a bad whitelist; NULL */
	enum message_style style;
	uint64_t now_usec; /* Date:, and what "[delayed]" is measured by */
	bool test;	   /* a test message: alerts are not looked at */
};

#define MESSAGE_MAX	     (4U << 20) /* of a composed mail, bytes */
#define MESSAGE_FULL_ALERTS  20		/* alerts described in full; the others take a line each */
#define MESSAGE_DELAYED_USEC (5 * UINT64_C(60000000))

/*
 * Appends the mail that tells of @alerts (n ≥ 1 but for a test; all of one class: logins, gaps and
 * instances together, forged ones apart) to @ret. ret_message_id gets "<…@…>", the hash of the
 * alerts' ids. -ENOMEM, -E2BIG.
 */
int message_compose(const struct alert *alerts, size_t n, const struct message_options *options,
		    struct buffer *ret, char ret_message_id[128]);

/* The Message-ID alone, as message_compose() would give it. */
void message_id(const struct alert *alerts, size_t n, const struct message_options *options,
		char ret[128]);
