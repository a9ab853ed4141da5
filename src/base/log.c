/*
 * One write(2) a message, so that lines of two processes on one terminal do not mix. No allocation:
 * a message must get out when memory does not.
 */
#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/io.h"

static struct {
	const char *program;
	int max_level;
	bool to_journal;
} state = {"loginbell", LOG_NOTICE, false};

void log_init(const char *program)
{
	state.program = program;
	state.to_journal = getenv("JOURNAL_STREAM") != NULL && !isatty(STDERR_FILENO);
}

void log_set_max_level(int level)
{
	state.max_level = level;
}

int log_max_level(void)
{
	return state.max_level;
}

/* Escapes control characters of @text; bytes from 0x80 stay, UTF-8 passes. Cuts at @size. */
static size_t escape_control(const char *text, char *ret, size_t size)
{
	size_t n = 0;

	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;
		char hex[5];
		size_t k = 1;

		hex[0] = (char)c;
		if (c < 0x20 || c == 0x7f)
			k = (size_t)snprintf(hex, sizeof(hex), "\\x%02x", c);
		if (n + k >= size)
			break;
		memcpy(ret + n, hex, k);
		n += k;
	}
	ret[n] = '\0';
	return n;
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
	(void)escape_control(text, safe, sizeof(safe));
	if (state.to_journal)
		n = snprintf(line, sizeof(line), "<%d>%s\n", level, safe);
	else
		n = snprintf(line, sizeof(line), "%s: %s\n", state.program, safe);
	(void)io_write_all(STDERR_FILENO, line, (size_t)n);
	errno = saved;
}

void log_error_struct(int level, const struct error *err)
{
	char text[1024];

	error_format(err, text, sizeof(text));
	log_write(level, "%s", text);
}

void error_set(struct error *err, const char *file, unsigned line, unsigned column,
	       const char *format, ...)
{
	va_list ap;

	if (!err)
		return;
	(void)snprintf(err->file, sizeof(err->file), "%s", file ? file : "");
	err->line = line;
	err->column = column;
	va_start(ap, format);
	(void)vsnprintf(err->text, sizeof(err->text), format, ap);
	va_end(ap);
}

void error_format(const struct error *err, char *ret, unsigned size)
{
	char where[300] = "", text[900];

	if (err->file[0] && err->line && err->column)
		(void)snprintf(where, sizeof(where), "%s:%u:%u: ", err->file, err->line,
			       err->column);
	else if (err->file[0] && err->line)
		(void)snprintf(where, sizeof(where), "%s:%u: ", err->file, err->line);
	else if (err->file[0])
		(void)snprintf(where, sizeof(where), "%s: ", err->file);
	(void)snprintf(text, sizeof(text), "%s%s", where, err->text);
	(void)escape_control(text, ret, size);
}
