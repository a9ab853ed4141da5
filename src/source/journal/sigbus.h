/*
 * journald cuts rotated files to their used size while readers have them mapped. An access to a
 * page that is gone raises SIGBUS (mmap(2)), and libsystemd installs no handler.
 */
#pragma once

#include <stdbool.h>

/*
 * Installs the handler of SIGBUS: a page that is gone becomes zeros, and a note is made. A SIGBUS
 * outside of a mapping ends the process as without the handler.
 */
void journal_sigbus_guard(void);

/*
 * Whether there was a SIGBUS since journal_sigbus_forget(). Then what was read since is not valid,
 * and the reader has to be closed, because the zeros stay in its mappings.
 */
bool journal_sigbus_seen(void);
void journal_sigbus_forget(void);
