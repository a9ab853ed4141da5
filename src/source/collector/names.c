/*
 * The live file is named by the stem alone. An archived one has "@", the ID of its sequence of
 * numbers, its first number and first time after it; one that was not closed properly "@", a time
 * and a random number, and "~" (journal_file_archive(), journal_file_dispose()). The name of a host
 * may contain "@", so only what looks like these is removed.
 */
#include "source/collector/names.h"

#include "base/ascii.h"

#define ID_DIGITS     32
#define NUMBER_DIGITS 16

static const char prefix[] = "remote-";

/* Cuts @n lower-case digits, and "-" after them unless @last, off the left. */
static bool cut_digits(struct slice *s, size_t n, bool last)
{
	if (s->n < n + !last)
		return false;
	for (size_t i = 0; i < n; i++)
		if (ascii_hex(s->p[i]) < 0 || ascii_lower(s->p[i]) != s->p[i])
			return false;
	if (!last && s->p[n] != '-')
		return false;
	*s = slice_from(*s, n + !last);
	return true;
}

static bool is_archive_mark(struct slice s)
{
	struct slice t = s;

	if (cut_digits(&t, ID_DIGITS, false) && cut_digits(&t, NUMBER_DIGITS, false) &&
	    cut_digits(&t, NUMBER_DIGITS, true))
		return t.n == 0;
	return cut_digits(&s, NUMBER_DIGITS, false) && cut_digits(&s, NUMBER_DIGITS, true) &&
	       s.n == 0;
}

bool collector_name_stem(const char *file, struct slice *ret)
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

bool collector_name_is_host(struct slice stem)
{
	return stem.n > sizeof(prefix) - 1 && slice_starts_with(stem, prefix);
}

int collector_name_host(struct slice stem, struct buffer *ret)
{
	struct slice s = slice_from(stem, sizeof(prefix) - 1);
	int r = 0;

	while (s.n > 0 && r == 0) {
		if (s.n >= 4 && s.p[0] == '\\' && s.p[1] == 'x' && ascii_hex(s.p[2]) >= 0 &&
		    ascii_hex(s.p[3]) >= 0) {
			r = buffer_append_char(ret,
					       (char)(ascii_hex(s.p[2]) << 4 | ascii_hex(s.p[3])));
			s = slice_from(s, 4);
		} else {
			r = buffer_append_char(ret, *s.p);
			s = slice_from(s, 1);
		}
	}
	return r;
}

bool collector_name_is_machine(const char *name)
{
	struct slice s = slice_of(name);

	return cut_digits(&s, ID_DIGITS, true) && (s.n == 0 || *s.p == '.');
}
