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

#include "base/buffer.h"
#include "text/alert.h"
#include "text/message/options.h"

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
