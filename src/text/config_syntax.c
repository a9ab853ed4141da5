/*
 * As systemd's conf-parser: lines are joined first, comment lines between joined ones are dropped,
 * and a line continues if it ends in an odd number of backslashes; each pair is an escaped
 * backslash and stays as written. The end of the file ends a continued line. Unlike there, a fault
 * names the first line of the assignment, and text that is not UTF-8 or contains control characters
 * is a fault.
 */
#include "text/config_syntax.h"

#include <limits.h>

#include "text/display.h"

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct slice config_syntax_trim(struct slice s)
{
	while (s.n > 0 && is_space(s.p[0]))
		s = slice_from(s, 1);
	while (s.n > 0 && is_space(s.p[s.n - 1]))
		s.n--;
	return s;
}

void config_syntax_init(struct config_syntax *s, struct slice text)
{
	if (slice_starts_with(text, "\xef\xbb\xbf"))
		text = slice_from(text, 3);
	*s = (struct config_syntax){.rest = text, .joined = BUFFER_INIT(UINT_MAX)};
}

void config_syntax_done(struct config_syntax *s)
{
	buffer_done(&s->joined);
}

static bool is_comment(struct slice line)
{
	line = config_syntax_trim(line);
	return line.n > 0 && (line.p[0] == '#' || line.p[0] == ';');
}

static bool continues(struct slice line)
{
	size_t n = 0;

	while (n < line.n && line.p[line.n - 1 - n] == '\\')
		n++;
	return n % 2 == 1;
}

/* Joins lines into s->joined. 1 and the first one's number, 0 at the end, -ENOMEM. */
static int read_joined(struct config_syntax *s, unsigned *ret_line)
{
	bool more = false;

	buffer_clear(&s->joined);
	while (s->rest.n > 0) {
		struct slice line = slice_cut_line(&s->rest);
		int r;

		s->line++;
		if (is_comment(line))
			continue;
		if (!more)
			*ret_line = s->line;
		more = continues(line);
		if (more)
			line.n--;
		r = buffer_append_slice(&s->joined, line);
		if (r == 0 && more)
			r = buffer_append_char(&s->joined, ' ');
		if (r < 0)
			return r;
		if (!more)
			return 1;
	}
	return more ? 1 : 0;
}

static bool check_text(struct slice s, const char *file, unsigned line, struct error *err)
{
	while (s.n > 0) {
		uint32_t c;
		size_t n = display_decode(s, &c);

		if (c == DISPLAY_INVALID) {
			error_set(err, file, line, 0, "not valid UTF-8 (byte 0x%02x)",
				  (unsigned char)s.p[0]);
			return false;
		}
		if ((c < 0x20 && c != '\t') || c == 0x7f) {
			error_set(err, file, line, 0, "control character 0x%02x", (unsigned)c);
			return false;
		}
		s = slice_from(s, n);
	}
	return true;
}

/* "[Section]" or "[Section "NAME"]"; @s begins with '['. */
static int parse_section(struct slice s, const char *file, struct config_syntax_item *item,
			 struct error *err)
{
	const char *quote;
	size_t n;

	if (s.p[s.n - 1] != ']') {
		error_set(err, file, item->line, 0,
			  "expected \"]\" at the end of the line (a comment needs a line of its "
			  "own)");
		return CONFIG_SYNTAX_E_SECTION;
	}
	s = (struct slice){s.p + 1, s.n - 2};
	quote = memchr(s.p, '"', s.n);
	item->kind = CONFIG_SYNTAX_SECTION;
	if (!quote) {
		item->section = s;
		return 1;
	}
	n = (size_t)(quote - s.p);
	item->section = config_syntax_trim((struct slice){s.p, n});
	item->name = slice_from(s, n + 1);
	if (item->name.n == 0 || item->section.n == n ||
	    memchr(item->name.p, '"', item->name.n) != item->name.p + item->name.n - 1) {
		error_set(err, file, item->line, 0,
			  "a section with a name is written [Section \"NAME\"]");
		return CONFIG_SYNTAX_E_SECTION;
	}
	item->name.n--;
	return 1;
}

static int parse_assignment(struct slice s, const char *file, struct config_syntax_item *item,
			    struct error *err)
{
	const char *equals = memchr(s.p, '=', s.n);

	if (!equals || equals == s.p) {
		error_set(err, file, item->line, 0,
			  equals ? "there is no key before the \"=\""
				 : "expected [Section], Key=value or a comment");
		return CONFIG_SYNTAX_E_LINE;
	}
	item->kind = CONFIG_SYNTAX_ASSIGNMENT;
	item->key = config_syntax_trim((struct slice){s.p, (size_t)(equals - s.p)});
	item->value = config_syntax_trim(slice_from(s, (size_t)(equals - s.p) + 1));
	return 1;
}

int config_syntax_next(struct config_syntax *s, const char *file, struct config_syntax_item *ret,
		       struct error *err)
{
	for (;;) {
		struct config_syntax_item item = {0};
		struct slice text;
		int r = read_joined(s, &item.line);

		if (r <= 0)
			return r;
		text = config_syntax_trim(buffer_slice(&s->joined));
		if (text.n == 0)
			continue;
		if (!check_text(text, file, item.line, err))
			return text.p[0] == '[' ? CONFIG_SYNTAX_E_SECTION : CONFIG_SYNTAX_E_LINE;
		r = text.p[0] == '[' ? parse_section(text, file, &item, err)
				     : parse_assignment(text, file, &item, err);
		if (r == 1)
			*ret = item;
		return r;
	}
}
