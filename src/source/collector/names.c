/*
 * The live file is named by the stem alone. An archived one has "@", the ID of its sequence of
 * numbers, its first number and first time after it; one that was not closed properly "@", a time
 * and a random number, and "~" (journal_file_archive(), journal_file_dispose()). The name of a host
 * may contain "@", so only what looks like these is removed.
 */
#include "source/collector/names.h"

#include <stdlib.h>

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

	(void)slice_skip_end(&s, "~");
	if (!slice_skip_end(&s, ".journal") || s.n == 0)
		return false;
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

char *collector_name_host(struct slice stem)
{
	struct slice s = slice_from(stem, sizeof(prefix) - 1);
	char *host = malloc(s.n + 1), *end = host;

	if (!host)
		return NULL;
	for (; s.n > 0; s = slice_from(s, 1)) {
		*end = *s.p;
		if (s.n >= 4 && s.p[0] == '\\' && s.p[1] == 'x' && ascii_hex(s.p[2]) >= 0 &&
		    ascii_hex(s.p[3]) >= 0) {
			*end = (char)(ascii_hex(s.p[2]) << 4 | ascii_hex(s.p[3]));
			s = slice_from(s, 3);
		}
		end++;
	}
	*end = '\0';
	return host;
}

bool collector_name_is_machine(const char *name)
{
	struct slice s = slice_of(name);

	return cut_digits(&s, ID_DIGITS, true) && (s.n == 0 || *s.p == '.');
}
