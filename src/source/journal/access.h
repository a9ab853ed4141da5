/* Whether the journal may be read, all of it. */
#pragma once

#include <stdbool.h>

#include "base/error.h"

/*
 * Opens each journal file of this machine, or of @directory and its subdirectories where that is
 * not NULL. 0; SOURCE_E_UNREADABLE with *err set: one may not be read, or there is none.
 */
int journal_access_check(const char *directory, struct error *err);

/*
 * The same while it is followed, when files may lack since others are coming: 0, or -EACCES where
 * one may not be read, and journal_access_check() says which.
 */
int journal_access_again(const char *directory);

/* Whether it is the name of a journal file. */
bool journal_access_is_file(const char *name);
