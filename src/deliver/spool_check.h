/* The files in the spool when the sender starts. */
#pragma once

#include "deliver/state.h"

/*
 * After "delivery" was lost: which alerts of a frozen message's queue went into the retry queue is
 * not known, so its progress must not be used. The message becomes one of no ledger: it is sent as
 * the same bytes, and changes no progress.
 */
void spool_check_disown(const struct sender *s, const struct config *config);

/* Logs the files that are not the sender's. They stay. */
void spool_check_report(const struct sender *s);
