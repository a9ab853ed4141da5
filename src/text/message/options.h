/* What a message is made of besides its alerts, and its limits: for all of text/message. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

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
	uint64_t now_usec;    /* Date:, and what "[delayed]" is measured by */
	bool test;	      /* a test message: alerts are not looked at */
	const char *sequence; /* X-Loginbell-Sequence, ASCII words; NULL: without that header */
};

#define MESSAGE_MAX	     (4U << 20) /* of a composed mail, bytes */
#define MESSAGE_FULL_ALERTS  20		/* alerts described in full; the others take a line each */
#define MESSAGE_DELAYED_USEC (5 * UINT64_C(60000000))
