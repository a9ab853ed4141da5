/* Sending through a local sendmail(8), as "sendmail:/usr/sbin/sendmail" names it. */
#pragma once

#include <stdint.h>

#include "deliver/transport.h"

/*
 * Runs PATH -i -f SENDER -- RECIPIENT… with the mail on its standard input, lines ended by LF.
 * Exit status 0 is sent, all else deferred. A program that does not end within @timeout_usec is
 * killed, and then may have taken the mail. Its standard error goes to the log.
 */
void sendmail_send(const char *path, uint64_t timeout_usec, const struct transport_mail *mail,
		   struct transport_result *ret);
