/* What a message is made of besides its alerts, and its limits: for all of text/message. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "text/config.h"

enum message_style {
	MESSAGE_FULL,	 /* with the log lines as they were */
	MESSAGE_NO_LOGS, /* without raw log text: the server refused the full one */
};

/* Nothing is copied: all of it outlives the call. */
struct message_options {
	const struct config *config;
	const struct config_destination *destination; /* one of config's */
	const char *only_to;	    /* the one recipient that gets it; NULL: all of To= */
	struct slice body_template; /* the text of BodyFile=; absent: the built-in text */
	const char *host;	    /* this host's name */
	const char *fqdn;	    /* the same with its domain, if it has one */
	const char *note;	    /* first paragraph, such as of alerts given up; NULL */
	enum message_style style;
	uint64_t now_usec;    /* Date:, and what delays are measured by */
	bool test;	      /* a test message, without alerts */
	const char *sequence; /* X-Loginbell-Sequence, ASCII words; NULL: without that header */
};

#define MESSAGE_MAX	     (4U << 20) /* of a composed message, bytes */
#define MESSAGE_ID_MAX	     128
#define MESSAGE_FULL_ALERTS  20 /* alerts described in full; the others get a line each */
#define MESSAGE_DELAYED_USEC (5 * UINT64_C(60000000))
