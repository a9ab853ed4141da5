/*
 * A conversation with one SMTP server in a process of its own: the memory that TLS leaves behind
 * is freed with it, and a server that hangs blocks nothing else. The connection is kept between
 * the messages of one run.
 */
#pragma once

#include "deliver/smtp.h"
#include "deliver/transport.h"

struct smtp_child;

/* @options and all that it points to must outlive it. NULL when out of memory. */
struct smtp_child *smtp_child_new(const struct smtp_options *options);
/* Ends the process, which says QUIT and does not wait for the answer. NULL is fine; returns NULL.
 */
struct smtp_child *smtp_child_free(struct smtp_child *c);

/*
 * As smtp_send(). The callbacks of @mail are called in this process: alive() about once a second,
 * before_data() before the first byte of the message is sent to the server.
 */
void smtp_child_send(struct smtp_child *c, const struct transport_mail *mail,
		     struct transport_result *ret);
