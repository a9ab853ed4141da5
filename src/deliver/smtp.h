/*
 * Sending through SMTP, by libcurl. A session is one server for one run of mails; it keeps the
 * connection between them.
 */
#pragma once

#include <stdint.h>

#include "deliver/transport.h"
#include "text/config.h"

struct smtp_session;

struct smtp_options {
	const struct config_server *server; /* smtp:// or smtps:// */
	const char *ehlo_name;
	const char *password; /* NULL: none; wanted where the server has a user */
	uint64_t timeout_usec;
};

/* @options and all that it points to must outlive the session. NULL when out of memory. */
struct smtp_session *smtp_new(const struct smtp_options *options);
/* Says QUIT, and does not wait for the answer. */
struct smtp_session *smtp_free(struct smtp_session *s);

/*
 * Sends one mail in one transaction. *ret is set. A failure that a connection kept from the mail
 * before may have caused is tried again on a new one.
 */
void smtp_send(struct smtp_session *s, const struct transport_mail *mail,
	       struct transport_result *ret);
