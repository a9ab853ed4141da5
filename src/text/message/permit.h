/*
 * The rule of a whitelist(5) that would allow an alert's login, for messages and `explain`. It is
 * as narrow as possible.
 */
#pragma once

#include "text/alert.h"
#include "text/message/writer.h"

/*
 * Why there is no rule that could be pasted: a sentence without its full stop. NULL if
 * permit_write() has one.
 */
const char *permit_refusal(const struct alert *a);

/*
 * Writes the rule, without a newline. Only if permit_refusal() is NULL. @local_host is the host of
 * the whitelist: a login on another one is allowed on that host only.
 */
void permit_write(struct writer *w, const struct alert *a, struct slice local_host);
