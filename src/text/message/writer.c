/* Text is made safe character by character, so that it is never cut within an escape. */
#include "text/message/writer.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "text/display.h"

void writer_slice(struct writer *w, struct slice s)
{
	if (w->error == 0)
		w->error = buffer_append_slice(w->to, s);
}

void writer_str(struct writer *w, const char *s)
{
	writer_slice(w, slice_of(s));
}

void writer_format(struct writer *w, const char *format, ...)
{
	char *text = NULL;
	va_list ap;
	int n;

	if (w->error < 0)
		return;
	va_start(ap, format);
	n = vasprintf(&text, format, ap);
	va_end(ap);
	w->error = n < 0 ? -ENOMEM : buffer_append(w->to, text, (size_t)n);
	if (n >= 0)
		free(text);
}

void writer_shown(struct writer *w, struct slice s, size_t limit)
{
	size_t begin = w->to->len;

	for (size_t at = 0; w->error == 0 && at < s.n;) {
		size_t before = w->to->len;
		struct slice c = {s.p + at, 0};
		uint32_t code;

		c.n = display_decode(slice_from(s, at), &code);
		w->error = display_append(w->to, c);
		if (w->error == 0 && w->to->len - begin > limit) {
			w->to->len = before;
			writer_str(w, "...");
			return;
		}
		at += c.n;
	}
}

void writer_around(struct writer *w, const char *before, struct slice s, size_t limit,
		   const char *after)
{
	writer_str(w, before);
	writer_shown(w, s, limit);
	writer_str(w, after);
}

void writer_count(struct writer *w, uint64_t n, const char *singular)
{
	writer_format(w, "%llu %s%s", (unsigned long long)n, singular, n == 1 ? "" : "s");
}
