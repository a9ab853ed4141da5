/* Where journald writes, when the machine ID is changed while it is followed. */
#pragma once

#include <stdbool.h>

#define JOURNAL_MACHINE_PATH 64 /* bytes with a NUL: of a root and an ID */

struct journal_machine {
	/* Where journald writes since; "": still where sd_journal_open(3) looks. */
	char directory[JOURNAL_MACHINE_PATH];
	char next[JOURNAL_MACHINE_PATH]; /* moved: what that will be */
	bool awaited;			 /* it has not written there yet: to be looked at again */
	bool moved; /* it has: journal_machine_follow(), when all else is read */
};

/* Looks at /etc/machine-id, and where it names another machine, whether journald has moved. */
void journal_machine_look(struct journal_machine *m);

/* Takes up where it has moved to. */
void journal_machine_follow(struct journal_machine *m);
