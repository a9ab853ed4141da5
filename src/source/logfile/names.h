/* Rotated log files in a directory: their names, and opening them. */
#pragma once

#include <dirent.h>
#include <stdbool.h>

#include "source/logfile/file_id.h"

/* Of "auth.log": "auth.log.1", "auth.log-20261123", "auth-20261123.log", and these compressed. */
bool names_is_rotation(const char *name, const char *base);

/* The 1 of "auth.log.1": a larger one is older. 0: none, as with a date. */
unsigned names_number(const char *name, const char *base);

/*
 * Opens a directory's entry, if it is a regular file and no link: else the file would count twice.
 * -errno. Sets *ret_changed if the name was removed or is another file's by now: rotation renames
 * all of its files, and one that received a name already read is missed.
 */
int names_open(DIR *dir, const struct dirent *e, struct open_file *ret, bool *ret_changed);

/*
 * Unpacks the beginning of @file, if it is compressed. False if the file that it is made from still
 * exists, because it may not be complete yet.
 */
bool names_unpack(DIR *dir, const char *name, const char *base, struct open_file *file);
