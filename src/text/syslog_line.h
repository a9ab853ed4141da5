/*
 * A line of a log file, as far as it may report a login.
 */
#pragma once

#include "text/syslog_header.h"

struct syslog_line {
	struct syslog_header header; /* its message may be a login; everything else may be absent */
	uint64_t repeated;	     /* how many messages the line reports; 0: one */
};

enum syslog_line_e {
	SYSLOG_LINE_E_NONE = 1,	   /* no login */
	SYSLOG_LINE_E_PROGRAM = 2, /* of none of the programs */
};

/*
 * Reads @line (without its newline) as a record of one of @programs (ends with NULL); a line that
 * names no program, or a unit instead of it, is one of them. @clock as in syslog_header_parse().
 * 0 or SYSLOG_LINE_E_*.
 */
int syslog_line_read(struct slice line, const char *const *programs, struct syslog_clock *clock,
		     struct syslog_line *ret);

/* Whether a line only says that the one before it was repeated; *ret: how often. */
bool syslog_line_repeats(struct slice line, uint64_t *ret);
