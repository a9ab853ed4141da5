/*
 * Composes a message from alerts: RFC 5322 and 2045-2047, by hand, since libcurl's MIME interface
 * always makes a multipart. The same input makes the same bytes. Lines have at most 76 bytes of
 * ASCII and end in CRLF, whatever a log contains; only a configured address that is longer than a
 * line stays whole.
 *
 * In-Reply-To names a message that never existed, one for each host and user, so that clients show
 * a thread. X-Loginbell- headers (Event, Host, User, Addr, Method, Key, Count, Verdict) contain
 * what all alerts have in common, and nothing that a forged or unreadable record claims.
 */
#pragma once

#include "base/buffer.h"
#include "base/hash.h"
#include "text/alert.h"
#include "text/message/options.h"

/*
 * Appends the message of @alerts to @ret, and sets ret_id to its Message-ID, "<HASH@DOMAIN>", the
 * hash being that of the alerts' ids. @n is at least 1 unless options->test. All alerts belong to
 * one class: forged ones, or any others. -ENOMEM; -E2BIG: longer than the buffer's maximum. @ret is
 * unchanged after a failure.
 */
int compose_message(const struct alert *alerts, size_t n, const struct message_options *options,
		    struct buffer *ret, char ret_id[MESSAGE_ID_MAX]);

/* Appends From= of a destination, or its default. -ENOMEM, -E2BIG. */
int compose_from(const struct config_destination *destination, const char *fqdn,
		 struct buffer *ret);

/* The hash of all that the configuration adds to a destination's messages. */
struct hash128 compose_fingerprint(const struct config *config,
				   const struct config_destination *destination,
				   struct slice body_template);
