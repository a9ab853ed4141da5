/* A state directory for one run, whose alerts are sent before the program ends. */
#pragma once

enum temporary_owner {
	TEMPORARY_SELF,	  /* the present user */
	TEMPORARY_SENDER, /* if the present user is root: loginbell-deliver, if that user exists */
};

struct temporary_state {
	char path[40]; /* "" while there is none */
};

/*
 * Makes a directory in /var/tmp with mode 0700. As root, the programs become the owner of a state
 * directory that is named to them, so @owner says as whom both run. -errno; then ret->path is "".
 */
int temporary_state_make(struct temporary_state *ret, enum temporary_owner owner);

/* Removes the directory and everything in it, if there is one; what cannot be removed stays. */
void temporary_state_remove(struct temporary_state *t);
