/*
 * A collection as a source: a directory in which systemd-journal-remote keeps the journals of
 * several hosts, each in files of its own.
 */
#pragma once

#include "source/source.h"

enum collection {
	COLLECTION_NONE,  /* a journal of one machine, or nothing that can be read */
	COLLECTION_EMPTY, /* no journal at all: one may become a collection */
	COLLECTION_HOSTS, /* it holds files "remote-HOST.journal" */
};
enum collection collection_look(const char *directory);

/* Whether @position (a position's text) is one of a collection. */
bool collection_owns_position(struct slice position);

/*
 * Opens the collection. A position of the journal is taken up by its time. 0; SOURCE_E_UNREADABLE,
 * SOURCE_E_POSITION; -errno; *err is set where not 0.
 */
int collection_open(const char *directory, const struct source_options *options,
		    struct source **ret, struct error *err);
