/* Sending through a local sendmail(8), as "sendmail:/usr/sbin/sendmail" names it. */
#pragma once

#include <stdint.h>

#include "deliver/transport.h"

/*
 * Runs PATH -i -f SENDER -- RECIPIENT… with the message on its standard input, in lines that end
 * with LF. Sets *ret: exit status 0 is sent, any other is deferred. A program that does not end
 * within @timeout_usec is killed; the message is then in doubt if it had read all of it. Its
 * standard error goes to the log.
 */
void sendmail_send(const char *path, uint64_t timeout_usec, const struct transport_mail *mail,
		   struct transport_result *ret);
