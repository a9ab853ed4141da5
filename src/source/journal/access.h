/* Whether this process may read all of the journal. */
#pragma once

#include <stdbool.h>

#include "base/error.h"

/*
 * Opens each journal file of @directory and its subdirectories, or if it is NULL, of this machine.
 * 0; SOURCE_E_UNREADABLE with *err set: a file may not be read, or there is none.
 */
int journal_access_check(const char *directory, struct error *err);

/*
 * The same while the journal is followed, when there may be no file for a moment: 0, or -EACCES if
 * a file may not be read; journal_access_check() says which.
 */
int journal_access_again(const char *directory);

/* Whether it is the name of a journal file. */
bool journal_access_is_file(const char *name);
