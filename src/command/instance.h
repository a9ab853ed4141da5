/* The reader's own life: that it was started, stopped, or crashed. */
#pragma once

#include "command/recorder.h"
#include "text/config.h"

/*
 * Record an `instance` alert, if a destination wants such alerts. A start adds that the previous
 * run did not stop by itself, if the ledger says so. @signal is 0 if the input ended. -errno.
 */
int instance_started(struct recorder *r, const struct config *config);
int instance_stopped(struct recorder *r, const struct config *config, int signal);

/*
 * Records a gap if the service crashed and this process runs after it (ExecStopPost= in
 * systemd.service(5)). -errno.
 */
int instance_crashed(struct recorder *r);
