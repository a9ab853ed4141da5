/* The text of `instance` alerts: the reader was started or stopped. */
#pragma once

#include "base/buffer.h"

/*
 * Append a sentence. The first adds that the previous run did not stop by itself, if the ledger in
 * @dirfd says so. @signal is the one that stops the reader, 0 if its input ended. -ENOMEM, -E2BIG.
 */
int instance_started(int dirfd, struct buffer *ret);
int instance_stopped(int signal, struct buffer *ret);

/*
 * The name of the signal by which the service crashed, if this process runs after it
 * (ExecStopPost= in systemd.service(5)); NULL: it did not crash.
 */
const char *instance_crash(void);
