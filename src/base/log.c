/*
 * One write(2) per message, so that the lines of two processes on one terminal do not mix. Nothing
 * is allocated, except by syslog(3): a message must get out when memory is exhausted.
 */
#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/io.h"
#include "base/terminal.h"

static struct {
	const char *program;
	int max_level;
	enum { TO_STDERR, TO_JOURNAL, TO_SYSLOG } to;
} state = {"loginbell", LOG_NOTICE, TO_STDERR};

/*
 * All processes of a session inherit JOURNAL_STREAM. Only its device and inode show whether
 * standard error still is that stream (systemd.exec(5)).
 */
static bool stderr_is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	char own[64];
	struct stat st;

	if (!stream || fstat(STDERR_FILENO, &st) < 0)
		return false;
	(void)snprintf(own, sizeof(own), "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
	return strcmp(stream, own) == 0 && !isatty(STDERR_FILENO);
}

void log_init(const char *program)
{
	state.program = program;
	state.to = stderr_is_journal() ? TO_JOURNAL : TO_STDERR;
}

void log_to_syslog(void)
{
	openlog(state.program, LOG_PID, LOG_DAEMON);
	state.to = TO_SYSLOG;
}

void log_set_max_level(int level)
{
	state.max_level = level;
}

void log_write(int level, const char *format, ...)
{
	char text[1024], safe[2048], line[2304];
	int saved = errno, n;
	va_list ap;

	if (level > state.max_level)
		return;
	va_start(ap, format);
	(void)vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	(void)terminal_escape(text, safe, sizeof(safe));
	if (state.to == TO_SYSLOG) {
		syslog(level, "%s", safe);
	} else {
		if (state.to == TO_JOURNAL)
			n = snprintf(line, sizeof(line), "<%d>%s\n", level, safe);
		else
			n = snprintf(line, sizeof(line), "%s: %s\n", state.program, safe);
		(void)io_write_all(STDERR_FILENO, line, (size_t)n);
	}
	errno = saved;
}

void log_error_struct(int level, const struct error *err)
{
	char text[1024];

	error_format(err, text, sizeof(text));
	log_write(level, "%s", text);
}
