/* The commands: each returns the exit status. */
#pragma once

#include "command/options.h"

int command_watch(const struct options *options);
int command_scan(const struct options *options);
int command_report(const struct options *options);
int command_explain(const struct options *options);
int command_check(const struct options *options);
int command_status(const struct options *options);
int command_queue(const struct options *options);
int command_test_mail(const struct options *options);
