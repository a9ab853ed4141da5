/* What stands in outgoing/ when the sender begins. */
#pragma once

#include "deliver/sender.h"

/*
 * After "delivery" was lost: nobody knows any more what stepped aside before a frozen mail was
 * made, so its mark must not be taken over. It becomes a mail of no ledger: it goes, as the same
 * bytes, and nothing more follows from it.
 */
void spool_check_disown(const struct sender *s, const struct config *config);

/* Names in the log what is not the sender's. It is left alone. */
void spool_check_report(const struct sender *s);
