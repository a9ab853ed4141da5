/*
 * journald cuts rotated files to their used size while readers have them mapped; touching what is
 * gone is a SIGBUS (mmap(2)), against which libsystemd installs nothing.
 */
#pragma once

#include <stdbool.h>

/*
 * Installs the handler of SIGBUS, once: a page that is gone becomes zeros, and it is noted. Faults
 * that are none of a mapping end the process as they would have.
 */
void journal_fault_guard(void);

/*
 * Whether there was a fault since journal_fault_forget(). Then what was read meanwhile means
 * nothing, and the journal is to be closed, as the zeros stay in its mappings.
 */
bool journal_fault_seen(void);
void journal_fault_forget(void);
