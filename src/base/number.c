/* strtoul(3) accepts signs, white space and prefixes. */
#include "base/number.h"

#include <errno.h>

static int parse(struct slice s, unsigned base, uint64_t max, uint64_t *ret)
{
	uint64_t v = 0;

	if (s.n == 0)
		return -EINVAL;
	for (size_t i = 0; i < s.n; i++) {
		int d = ascii_hex(s.p[i]);

		if (d < 0 || (unsigned)d >= base)
			return -EINVAL;
		if (__builtin_mul_overflow(v, base, &v) ||
		    __builtin_add_overflow(v, (unsigned)d, &v) || v > max)
			return -ERANGE;
	}
	*ret = v;
	return 0;
}

int number_parse_u64(struct slice s, uint64_t max, uint64_t *ret)
{
	return parse(s, 10, max, ret);
}

int number_parse_hex(struct slice s, uint64_t max, uint64_t *ret)
{
	return parse(s, 16, max, ret);
}

char *number_put_u64(char *at, uint64_t v)
{
	char digits[2 * NUMBER_U64_MAX] = {0};
	size_t begin = NUMBER_U64_MAX;

	do {
		digits[--begin] = (char)('0' + v % 10);
		v /= 10;
	} while (v > 0);
	memcpy(at, digits + begin, NUMBER_U64_MAX);
	return at + NUMBER_U64_MAX - begin;
}
