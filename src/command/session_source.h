/* The source that options and configuration name: journal, collection of journals, or log file. */
#pragma once

#include "command/session.h"
#include "store/position.h"

/*
 * Opens the session's source; @so says where to begin, and its programs and time are set here.
 * @resume is the stored position, or NULL. Logs what is wrong and returns the exit status.
 */
int session_open_source(struct session *s, struct source_options *so,
			const struct position *resume);

/*
 * Whether the source's file or directory still exists: a source whose file was removed reports no
 * error, only nothing more to read.
 */
bool session_source_exists(const struct session *s);
