/*
 * A file that is written to has the stem alone. One that is done gets "@", the id of its sequence
 * of numbers, its first number and first time; one that was not closed well gets "@", a time and a
 * random number, and "~" (journal_file_archive(), journal_file_dispose()). A host may have "@" in
 * its name, so only what looks like these is taken off.
 */
#include "source/collector/names.h"

#define ID_DIGITS     32
#define NUMBER_DIGITS 16

static const char prefix[] = "remote-";

static bool is_hex(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

/* Takes @n digits, and "-" behind them unless @last, off the left. */
static bool take_digits(struct slice *s, size_t n, bool last)
{
	if (s->n < n + !last)
		return false;
	for (size_t i = 0; i < n; i++)
		if (!is_hex(s->p[i]))
			return false;
	if (!last && s->p[n] != '-')
		return false;
	*s = slice_from(*s, n + !last);
	return true;
}

static bool is_archive_mark(struct slice s)
{
	struct slice t = s;

	if (take_digits(&t, ID_DIGITS, false) && take_digits(&t, NUMBER_DIGITS, false) &&
	    take_digits(&t, NUMBER_DIGITS, true))
		return t.n == 0;
	return take_digits(&s, NUMBER_DIGITS, false) && take_digits(&s, NUMBER_DIGITS, true) &&
	       s.n == 0;
}

bool collection_name_stem(const char *file, struct slice *ret)
{
	struct slice s = slice_of(file);
	const char *at;

	if (s.n > 0 && s.p[s.n - 1] == '~')
		s.n--;
	if (s.n <= 8 || memcmp(s.p + s.n - 8, ".journal", 8) != 0)
		return false;
	s.n -= 8;
	at = memrchr(s.p, '@', s.n);
	if (at && at > s.p && is_archive_mark(slice_from(s, (size_t)(at - s.p) + 1)))
		s.n = (size_t)(at - s.p);
	*ret = s;
	return true;
}

bool collection_name_is_host(struct slice stem)
{
	return stem.n > sizeof(prefix) - 1 && slice_starts_with(stem, prefix);
}

static int hex_value(char c)
{
	return is_hex(c) ? (c <= '9' ? c - '0' : c - 'a' + 10) : -1;
}

int collection_name_host(struct slice stem, struct buffer *ret)
{
	struct slice s = slice_from(stem, sizeof(prefix) - 1);
	int r = 0;

	while (s.n > 0 && r == 0) {
		if (s.n >= 4 && s.p[0] == '\\' && s.p[1] == 'x' && hex_value(s.p[2]) >= 0 &&
		    hex_value(s.p[3]) >= 0) {
			r = buffer_append_char(ret,
					       (char)(hex_value(s.p[2]) << 4 | hex_value(s.p[3])));
			s = slice_from(s, 4);
		} else {
			r = buffer_append_char(ret, *s.p);
			s = slice_from(s, 1);
		}
	}
	return r;
}

bool collection_name_is_machine(const char *name)
{
	struct slice s = slice_of(name);

	return take_digits(&s, ID_DIGITS, true) && (s.n == 0 || *s.p == '.');
}
