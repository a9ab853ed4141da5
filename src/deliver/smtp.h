/* Sending by SMTP with libcurl. The connection is kept between the messages of a session. */
#pragma once

#include <stdint.h>

#include "deliver/transport.h"
#include "text/config.h"

struct smtp_session;

struct smtp_options {
	const struct config_server *server; /* smtp:// or smtps:// */
	const char *ehlo_name;
	const char *password; /* NULL: none; required if the server has a user */
	uint64_t timeout_usec;
};

/* @options and all that it points to must outlive the session. NULL when out of memory. */
struct smtp_session *smtp_new(const struct smtp_options *options);
/* Sends QUIT, and does not wait for the answer. NULL is fine; returns NULL. */
struct smtp_session *smtp_free(struct smtp_session *s);

/*
 * Sends one message in one transaction, and sets *ret. A failure that may be due to a connection
 * kept from the message before is tried again on a new connection.
 */
void smtp_send(struct smtp_session *s, const struct transport_mail *mail,
	       struct transport_result *ret);
