/* The end of the ledger: which alerts came, and for whom. */
#pragma once

#include "deliver/state.h"

/*
 * Reads what was appended to the ledger and notes in each destination's queues that it waits. The
 * first time, "delivery" is checked against the ledger: nothing may be done that is not in it.
 * -errno, logged.
 */
int tail_read(struct sender *s);

/* As tail_read(); whether alerts were appended meanwhile. */
bool tail_has_new(struct sender *s);

/* The next tail_read() begins at the start of the ledger. */
void tail_forget(struct sender *s);
