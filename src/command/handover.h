/*
 * Alerts that the ledger cannot take are handed to a sender of their own, on its standard input.
 * The position stays before them, so that they come again for the ledger.
 */
#pragma once

#include <stdbool.h>

#include "command/options.h"
#include "text/alert.h"

struct handover;

struct handover *handover_new(void); /* NULL: no memory */
struct handover *handover_free(struct handover *h);

/* Takes an alert for the next mail, unless it was handed over before. -errno; -E2BIG: no more. */
int handover_add(struct handover *h, const struct alert *a);

/*
 * Starts a sender with what was taken, if anything was and none runs any more. Faults are told;
 * the alerts will be taken again then.
 */
void handover_send(struct handover *h, const struct options *options);

/* Whether an alert was mailed this way, as far as is remembered. */
bool handover_mailed(const struct handover *h, const struct alert *a);

/* The sender that runs; 0: none. Whoever waits for it says how it ended, as waitpid(2) has it. */
pid_t handover_sender(const struct handover *h);
void handover_ended(struct handover *h, int wait_status);
