/* Nothing is allocated: an error must be reported when memory is exhausted too. */
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/terminal.h"

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
	(void)terminal_escape(text, ret, size);
}
