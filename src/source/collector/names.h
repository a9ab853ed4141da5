/*
 * The names of journal files in a directory where systemd-journal-remote collects: which belong
 * together, and of which host they are.
 */
#pragma once

#include <stdbool.h>

#include "base/buffer.h"

/*
 * Takes the name of a journal file apart: "remote-web1@….journal", "remote-web1.journal" and
 * "remote-web1@….journal~" have the stem "remote-web1". False where it is no journal file's.
 */
bool collection_name_stem(const char *file, struct slice *ret);

/* Whether files of this stem are of one host, as with SplitMode=host. */
bool collection_name_is_host(struct slice stem);

/*
 * Appends the name of the host: as its certificate has it, or its address where it has none.
 * journal-remote wrote as \xNN what a file name cannot hold. -ENOMEM, -E2BIG.
 */
int collection_name_host(struct slice stem, struct buffer *ret);

/* Whether a directory of this name holds a machine's journal: its id, maybe with a namespace. */
bool collection_name_is_machine(const char *name);
