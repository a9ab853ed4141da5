/*
 * A session with an SMTP server, in a process of its own: what TLS leaves behind in memory goes
 * with it, and a server that hangs holds up only that. It keeps the connection between the mails
 * of one run.
 */
#pragma once

#include "deliver/smtp.h"
#include "deliver/transport.h"

struct session;

/* @options and all that it points to must outlive the session. NULL when out of memory. */
struct session *session_new(const struct smtp_options *options);
/* Ends the process: it says QUIT, and does not wait for the answer. Takes NULL, gives NULL. */
struct session *session_free(struct session *s);

/*
 * As smtp_send(), with the callbacks of @mail called in this process: alive() about once a second,
 * before_data() before the first byte of the mail goes out.
 */
void session_send(struct session *s, const struct transport_mail *mail,
		  struct transport_result *ret);
