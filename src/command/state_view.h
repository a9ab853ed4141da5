/* The state as commands see it that only show it: no lock, nothing is made or changed. */
#pragma once

#include "base/buffer.h"
#include "command/options.h"
#include "store/view.h"
#include "text/config.h"

struct state_view {
	struct config *config;
	struct buffer path;	  /* of the state directory */
	int dirfd, deliver_dirfd; /* of the reader's and the sender's part; -1: missing */
	uint64_t now_usec;
	struct view view;
};

/*
 * Loads the configuration, opens the state directory, and looks what waits. Logs what is wrong and
 * returns the exit status. state_view_close() in any case.
 */
int state_view_open(const struct options *options, struct state_view *ret);
void state_view_close(struct state_view *s);
