/* Why a record alerts: a sentence for people, without its full stop. */
#pragma once

#include "base/buffer.h"
#include "text/record.h"
#include "text/whitelist.h"

#define REASON_UNREADABLE "the message claims a login and cannot be read"

/*
 * Why no rule allows a login. @rules is their number; @fault, if not empty, says what is wrong with
 * a newer whitelist that is not in force. Appends. -ENOMEM, -E2BIG.
 */
int reason_not_allowed(const struct verdict *v, size_t rules, struct slice fault,
		       struct buffer *ret);

/* Who wrote a record that sshd did not write. Appends. -ENOMEM, -E2BIG. */
int reason_forged(const struct record *r, struct buffer *ret);
