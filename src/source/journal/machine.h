/* This machine's ID, and the directories of the journal that are named by it. */
#pragma once

#include <stdbool.h>

#define JOURNAL_MACHINE_ID   33 /* 32 hexadecimal digits with a NUL */
#define JOURNAL_MACHINE_PATH 64 /* bytes with a NUL: of a directory */
#define JOURNAL_ROOTS	     2	/* directories that journald writes below */

enum journal_root { JOURNAL_ROOT_STORED, JOURNAL_ROOT_VOLATILE };

/*
 * The ID that sd_journal_open(3) finds the journal by: 0, or -errno of sd_id128_get_machine(3) and
 * *ret is "". It is read once in the life of a process.
 */
int journal_machine_id(char ret[JOURNAL_MACHINE_ID]);

/* This machine's directory below a root. */
void journal_machine_directory(enum journal_root root, char ret[JOURNAL_MACHINE_PATH]);

/* Whether /etc/machine-id names another machine than journal_machine_id(). */
bool journal_machine_changed(void);
