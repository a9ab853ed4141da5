/* What an administrator can do if a mail server does not accept a message. */
#pragma once

#include <curl/curl.h>

/* How far the dialogue came: the command that was sent last. */
enum smtp_phase {
	PHASE_CONNECT = 0,
	PHASE_EHLO,
	PHASE_STARTTLS,
	PHASE_AUTH,
	PHASE_MAIL,
	PHASE_RCPT,
	PHASE_DATA,
	PHASE_BODY,
	PHASE_OTHER,
};

/*
 * A constant sentence that names the configuration's keys to look at, or what else to do. @r is
 * libcurl's result, @code the server's reply to the last command, 0 if there was none. NULL if no
 * hint fits.
 */
const char *hints_find(CURLcode r, enum smtp_phase phase, int code);
