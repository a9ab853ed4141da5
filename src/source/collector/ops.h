/*
 * A collector's directory as a source: systemd-journal-remote keeps the journals of several hosts
 * there, each in files of its own.
 */
#pragma once

#include "source/source.h"

enum collector_kind {
	COLLECTOR_NONE,	 /* the journal of one machine, or not readable */
	COLLECTOR_EMPTY, /* no journal yet: it may become a collector's */
	COLLECTOR_HOSTS, /* it holds files "remote-HOST.journal" */
};
enum collector_kind collector_look(const char *directory);

/* Whether @position (a position's text) is a collector's. */
bool collector_owns_position(struct slice position);

/*
 * Opens the directory. Of a position of the journal, only the time counts. 0; SOURCE_E_UNREADABLE,
 * SOURCE_E_POSITION, -errno, each with *err set.
 */
int collector_open(const char *directory, const struct source_options *options, struct source **ret,
		   struct error *err);
