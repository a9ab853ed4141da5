/* The sender's configuration in force, and its copy in the state. */
#pragma once

#include "store/last_good.h"
#include "text/config.h"

enum configuration_fault {
	CONFIGURATION_REFUSE,	 /* a fault is -EINVAL */
	CONFIGURATION_LAST_GOOD, /* the copy is used, if there is one */
};

/*
 * Loads the configuration at @path (NULL: the default). *ret is owned by the caller, @good is
 * initialized and has its files. @state is the state directory (NULL: the default). -EINVAL, -errno
 * of a file, -ENOMEM; all faults are logged.
 */
int configuration_load(const char *path, const char *state, enum configuration_fault on_fault,
		       struct last_good *good, struct config **ret);

/* Stores what is in force in the sender's part of the state. A failure is logged. */
void configuration_save(struct last_good *good, int dirfd);
