/* Rotation puts something behind the name of the log file, or in front of its ending. */
#include "source/logfile/names.h"

#include <stddef.h>
#include <string.h>

#include "base/number.h"

#define NUMBER_MAX 99999 /* of rotations that are counted; a date has more digits */

/* What rotation put there, with what separates it; NULL: it is no rotation. */
static const char *mark_of(const char *name, const char *base)
{
	const char *dot = strrchr(base, '.'), *mark = NULL;
	size_t n = strlen(base), stem = dot && dot > base ? (size_t)(dot - base) : n;

	if (strncmp(name, base, n) == 0)
		mark = name + n;
	else if (stem < n && strncmp(name, base, stem) == 0 && strstr(name + stem, base + stem))
		mark = name + stem;
	return mark && *mark && strchr(".-_", *mark) ? mark : NULL;
}

bool names_is_rotation(const char *name, const char *base)
{
	return mark_of(name, base) != NULL;
}

unsigned names_number(const char *name, const char *base)
{
	const char *mark = mark_of(name, base);
	struct slice digits = {mark ? mark + 1 : "", 0};
	uint64_t number;

	digits.n = strspn(digits.p, "0123456789");
	return number_parse_u64(digits, NUMBER_MAX, &number) == 0 ? (unsigned)number : 0;
}
