/*
 * The line of a whitelist(5) that would allow the login of an alert: what mails and explain offer
 * for pasting. It is as narrow as the login lets it be.
 */
#pragma once

#include "text/alert.h"
#include "text/message/writer.h"

/*
 * Why no rule can allow it, or none that could be pasted: a sentence without its full stop. NULL
 * where permit_write() gives one.
 */
const char *permit_refusal(const struct alert *a);

/*
 * Writes the rule, without a newline; only where permit_refusal() gives NULL. @local_host is the
 * host whose whitelist is meant: a login on another one is allowed on that host only.
 */
void permit_write(struct writer *w, const struct alert *a, struct slice local_host);
