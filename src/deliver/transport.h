/* What SMTP and sendmail have in common: a message to send, and the result. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/slice.h"

enum transport_outcome {
	TRANSPORT_SENT = 0,
	TRANSPORT_DEFERRED,	/* a temporary failure, or not this message's fault: try again */
	TRANSPORT_REFUSED,	/* the server refuses this message (5xx after DATA) */
	TRANSPORT_RCPT_REFUSED, /* the server refuses a recipient */
	TRANSPORT_IN_DOUBT,	/* all was sent without an answer: it may have been accepted */
};

struct transport_mail {
	const char *envelope_from;
	const char *const *rcpts;
	size_t n_rcpts;
	struct slice bytes; /* CRLF lines */
	/*
	 * Called once before the first byte of the message is sent. Any result but 0 stops it, and
	 * the message is deferred.
	 */
	int (*before_data)(void *userdata);
	/* Called about once a second while waiting; false ends the attempt. */
	bool (*alive)(void *userdata);
	void *userdata;
};

struct transport_result {
	enum transport_outcome outcome;
	bool permanent;	 /* of RCPT_REFUSED: a 5xx */
	bool about_mail; /* of DEFERRED: a 4xx to DATA or to the message itself */
	char reply[256]; /* the server's last reply to what was sent, printable ASCII */
	char text[512];	 /* what happened, for the log */
};
