/* The names of the files in which systemd-journal-remote collects: whose they are. */
#pragma once

#include <stdbool.h>

#include "base/slice.h"

/*
 * The part that the names of one host's files share: "remote-web1@….journal", "remote-web1.journal"
 * and "remote-web1@….journal~" have the stem "remote-web1". False: not the name of a journal file.
 */
bool collector_name_stem(const char *file, struct slice *ret);

/* Whether files of this stem are one host's, as with SplitMode=host. */
bool collector_name_is_host(struct slice stem);

/*
 * The name of the host, to be freed: that of its certificate, or else its address. journal-remote
 * writes as \xNN what a file name cannot hold. NULL: out of memory.
 */
char *collector_name_host(struct slice stem);

/* Whether a directory of this name holds a machine's journal: its ID, maybe with a namespace. */
bool collector_name_is_machine(const char *name);
