/*
 * One write(2) a message, so that lines of two processes on one terminal do not mix. No allocation
 * but what syslog(3) may do: a message must get out when memory does not.
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

static struct {
	const char *program;
	int max_level;
	enum { TO_STDERR, TO_JOURNAL, TO_SYSLOG } to;
} state = {"loginbell", LOG_NOTICE, TO_STDERR};

/*
 * As systemd.exec(5) asks: JOURNAL_STREAM is inherited by all that a session starts, so that only
 * its device and inode tell whether standard error is still that stream.
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

int log_max_level(void)
{
	return state.max_level;
}

/*
 * Whether the character of @n bytes shows nothing, or turns the text after it around (Unicode
 * Standard Annex 9): U+061C, U+200B-200F, U+2028-202E, U+2060-206F, U+FEFF, U+E0000-E0FFF.
 */
static bool hides(const unsigned char *s, size_t n)
{
	if (n == 3 && s[0] == 0xe2)
		return s[1] == 0x80
			       ? (s[2] >= 0x8b && s[2] <= 0x8f) || (s[2] >= 0xa8 && s[2] <= 0xae)
			       : s[1] == 0x81 && s[2] >= 0xa0 && s[2] <= 0xaf;
	return (n == 2 && s[0] == 0xd8 && s[1] == 0x9c) ||
	       (n == 3 && s[0] == 0xef && s[1] == 0xbb && s[2] == 0xbf) ||
	       (n == 4 && s[0] == 0xf3 && s[1] == 0xa0);
}

/*
 * Length of the well-formed UTF-8 character at @s if it may be shown; 0 for a control character,
 * also one of U+0080-009F, which terminals obey like ESC, one that hides, and what is not UTF-8.
 */
static size_t shown(const unsigned char *s)
{
	size_t n = s[0] < 0x80 ? 1 : s[0] < 0xc2 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;

	if (s[0] < 0x20 || s[0] == 0x7f || s[0] > 0xf4)
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	if ((s[0] == 0xc2 && s[1] < 0xa0) || (s[0] == 0xe0 && s[1] < 0xa0) ||
	    (s[0] == 0xed && s[1] > 0x9f) || (s[0] == 0xf0 && s[1] < 0x90) ||
	    (s[0] == 0xf4 && s[1] > 0x8f))
		return 0;
	return hides(s, n) ? 0 : n;
}

/* Escapes what of @text is not shown. Cuts at @size, between characters. */
static size_t escape_control(const char *text, char *ret, size_t size)
{
	size_t n = 0;

	while (*text) {
		size_t taken = shown((const unsigned char *)text), k = taken;
		const char *from = text;
		char hex[5];

		if (taken == 0) {
			k = (size_t)snprintf(hex, sizeof(hex), "\\x%02x", (unsigned char)*text);
			from = hex;
			taken = 1;
		}
		if (n + k >= size)
			break;
		memcpy(ret + n, from, k);
		n += k;
		text += taken;
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
