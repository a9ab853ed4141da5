/* What smtp and sendmail have in common: a mail to hand over, and what came of it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/slice.h"

enum transport_outcome {
	TRANSPORT_SENT = 0,
	TRANSPORT_DEFERRED,	/* not this mail's fault, or a temporary one: try again */
	TRANSPORT_REFUSED,	/* the server will not take this mail (5xx from DATA on) */
	TRANSPORT_RCPT_REFUSED, /* the server will not take recipient number @rcpt */
	TRANSPORT_IN_DOUBT,	/* all was sent, no answer came: it may have been taken */
};

struct transport_mail {
	const char *envelope_from;
	const char *const *rcpts;
	size_t n_rcpts;
	struct slice bytes; /* CRLF lines */
	/*
	 * Called once before the first byte of the mail goes out; anything but 0 stops it, and the
	 * mail is deferred.
	 */
	int (*before_data)(void *userdata);
	/* Called now and then while waiting; false ends the attempt. */
	bool (*alive)(void *userdata);
	void *userdata;
};

struct transport_result {
	enum transport_outcome outcome;
	int code;	 /* the server's last reply to what was sent; 0: none */
	bool permanent;	 /* of RCPT_REFUSED: a 5xx */
	bool about_mail; /* of DEFERRED: a 4xx to DATA or to the mail itself */
	size_t rcpt;
	char reply[256]; /* that reply's text, printable ASCII */
	char text[512];	 /* what happened, for the log */
};
