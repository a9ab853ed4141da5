/* What an administrator can do about a mail server that does not take a mail. */
#pragma once

#include <curl/curl.h>

/* How far the dialogue came: the command that went out last. */
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
 * A sentence that names the keys of the configuration to look at, or what else to do. @r is what
 * libcurl gave, @code the server's reply to what went out last, 0 where there was none. NULL where
 * nothing can be said.
 */
const char *advice(CURLcode r, enum smtp_phase phase, int code);
