/*
 * Log messages of the programs: to standard error, with "<N>" priorities if that is connected to
 * the journal (JOURNAL_STREAM), else with the program's name; or to syslogd, for init scripts. They
 * pass terminal_escape(). Only command/ and deliver/ log above debug.
 */
#pragma once

#include <syslog.h>

struct error;

/* @program is not copied. Reads JOURNAL_STREAM. */
void log_init(const char *program);

/* From now on messages go to syslogd, facility daemon; they are lost if none runs: syslog(3). */
void log_to_syslog(void);

/* Messages with a larger level than this are not written. Default: LOG_NOTICE. */
void log_set_max_level(int level);

void log_write(int level, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Writes an error as "file:line:column: text". */
void log_error_struct(int level, const struct error *err);

#define log_crit(...)	 log_write(LOG_CRIT, __VA_ARGS__)
#define log_error(...)	 log_write(LOG_ERR, __VA_ARGS__)
#define log_warning(...) log_write(LOG_WARNING, __VA_ARGS__)
#define log_notice(...)	 log_write(LOG_NOTICE, __VA_ARGS__)
#define log_info(...)	 log_write(LOG_INFO, __VA_ARGS__)
#define log_debug(...)	 log_write(LOG_DEBUG, __VA_ARGS__)
