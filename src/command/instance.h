/* What `instance` alerts say of a watch that begins or ends. */
#pragma once

#include "base/buffer.h"

/*
 * A whole sentence, appended to *ret. Where the ledger in @dirfd tells last of a start, the run
 * before did not come to its end, and that is said. -ENOMEM, -E2BIG.
 */
int instance_started(int dirfd, struct buffer *ret);
/* @number: of the signal; 0: its input ended. */
int instance_stopped(int number, struct buffer *ret);

/*
 * The name of the signal by which the service's process crashed, where this one runs behind it
 * (ExecStopPost= in systemd.service(5)); NULL: it did not crash.
 */
const char *instance_crash(void);
