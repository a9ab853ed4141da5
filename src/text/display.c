/*
 * One decoder (Unicode 15, table 3-7: shortest forms only, no surrogates) splits text into
 * characters and ill-formed runs, and one sorted table has the unsafe characters. The writers
 * differ only in their replacements. Runs of safe characters are copied as a whole.
 */
#include "text/display.h"

#include <errno.h>

#include "base/cleanup.h"

struct range {
	uint32_t first, last;
};

/* Controls, bidirectional controls, invisible characters: Cc, most of Cf, default ignorables. */
static const struct range stopped[] = {
	{0x0000, 0x001f},   {0x007f, 0x009f}, {0x00ad, 0x00ad},	  {0x034f, 0x034f},
	{0x061c, 0x061c},   {0x115f, 0x1160}, {0x17b4, 0x17b5},	  {0x180b, 0x180f},
	{0x200b, 0x200f},   {0x2028, 0x202e}, {0x2060, 0x206f},	  {0x2800, 0x2800},
	{0x3164, 0x3164},   {0xfdd0, 0xfdef}, {0xfe00, 0xfe0f},	  {0xfeff, 0xfeff},
	{0xffa0, 0xffa0},   {0xfff0, 0xfffb}, {0x1bca0, 0x1bca3}, {0x1d173, 0x1d17a},
	{0xe0000, 0xe0fff},
};

/* East Asian Width W and F (UAX #11), joined across unassigned gaps. */
static const struct range wide[] = {
	{0x1100, 0x115e},   {0x231a, 0x231b},	{0x2329, 0x232a},   {0x23e9, 0x23ec},
	{0x23f0, 0x23f0},   {0x23f3, 0x23f3},	{0x25fd, 0x25fe},   {0x2614, 0x2615},
	{0x2648, 0x2653},   {0x267f, 0x267f},	{0x2693, 0x2693},   {0x26a1, 0x26a1},
	{0x26aa, 0x26ab},   {0x26bd, 0x26be},	{0x26c4, 0x26c5},   {0x26ce, 0x26ce},
	{0x26d4, 0x26d4},   {0x26ea, 0x26ea},	{0x26f2, 0x26f3},   {0x26f5, 0x26f5},
	{0x26fa, 0x26fa},   {0x26fd, 0x26fd},	{0x2705, 0x2705},   {0x270a, 0x270b},
	{0x2728, 0x2728},   {0x274c, 0x274c},	{0x274e, 0x274e},   {0x2753, 0x2755},
	{0x2757, 0x2757},   {0x2795, 0x2797},	{0x27b0, 0x27b0},   {0x27bf, 0x27bf},
	{0x2b1b, 0x2b1c},   {0x2b50, 0x2b50},	{0x2b55, 0x2b55},   {0x2e80, 0x3029},
	{0x302e, 0x303e},   {0x3041, 0x3096},	{0x309b, 0x3247},   {0x3250, 0x4dbf},
	{0x4e00, 0xa4c6},   {0xa960, 0xa97c},	{0xac00, 0xd7a3},   {0xf900, 0xfaff},
	{0xfe10, 0xfe19},   {0xfe30, 0xfe6b},	{0xff01, 0xff60},   {0xffe0, 0xffe6},
	{0x16fe0, 0x18d08}, {0x1aff0, 0x1b2fb}, {0x1f004, 0x1f004}, {0x1f0cf, 0x1f0cf},
	{0x1f18e, 0x1f18e}, {0x1f191, 0x1f19a}, {0x1f200, 0x1f320}, {0x1f32d, 0x1f335},
	{0x1f337, 0x1f37c}, {0x1f37e, 0x1f393}, {0x1f3a0, 0x1f3ca}, {0x1f3cf, 0x1f3d3},
	{0x1f3e0, 0x1f3f0}, {0x1f3f4, 0x1f3f4}, {0x1f3f8, 0x1f43e}, {0x1f440, 0x1f440},
	{0x1f442, 0x1f4fc}, {0x1f4ff, 0x1f53d}, {0x1f54b, 0x1f54e}, {0x1f550, 0x1f567},
	{0x1f57a, 0x1f57a}, {0x1f595, 0x1f596}, {0x1f5a4, 0x1f5a4}, {0x1f5fb, 0x1f64f},
	{0x1f680, 0x1f6c5}, {0x1f6cc, 0x1f6cc}, {0x1f6d0, 0x1f6d2}, {0x1f6d5, 0x1f6df},
	{0x1f6eb, 0x1f6ec}, {0x1f6f4, 0x1f6fc}, {0x1f7e0, 0x1f7f0}, {0x1f90c, 0x1f93a},
	{0x1f93c, 0x1f945}, {0x1f947, 0x1f9ff}, {0x1fa70, 0x1faf8}, {0x20000, 0x3fffd},
};

/* Marks (Mn, Me) of the scripts that user names are most often written in. */
static const struct range combining[] = {
	{0x0300, 0x036f}, {0x0483, 0x0489}, {0x0591, 0x05bd}, {0x05bf, 0x05bf}, {0x05c1, 0x05c2},
	{0x05c4, 0x05c5}, {0x05c7, 0x05c7}, {0x0610, 0x061a}, {0x064b, 0x065f}, {0x0670, 0x0670},
	{0x06d6, 0x06dc}, {0x06df, 0x06e4}, {0x06e7, 0x06e8}, {0x06ea, 0x06ed}, {0x0711, 0x0711},
	{0x0730, 0x074a}, {0x0900, 0x0902}, {0x093a, 0x093a}, {0x093c, 0x093c}, {0x0941, 0x0948},
	{0x094d, 0x094d}, {0x0951, 0x0957}, {0x0962, 0x0963}, {0x0981, 0x0981}, {0x09bc, 0x09bc},
	{0x09c1, 0x09c4}, {0x09cd, 0x09cd}, {0x0e31, 0x0e31}, {0x0e34, 0x0e3a}, {0x0e47, 0x0e4e},
	{0x0eb1, 0x0eb1}, {0x0eb4, 0x0ebc}, {0x0ec8, 0x0ece}, {0x135d, 0x135f}, {0x1ab0, 0x1ace},
	{0x1dc0, 0x1dff}, {0x20d0, 0x20f0}, {0x302a, 0x302d}, {0x3099, 0x309a}, {0xfe20, 0xfe2f},
};

static bool in_ranges(uint32_t c, const struct range *ranges, size_t n)
{
	size_t low = 0, high = n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (c > ranges[middle].last)
			low = middle + 1;
		else
			high = middle;
	}
	return low < n && c >= ranges[low].first;
}

static bool passes(uint32_t c)
{
	if (c >= 0x20 && c < 0x7f)
		return true;
	if ((c & 0xfffe) == 0xfffe)
		return false;
	return !in_ranges(c, stopped, ARRAY_SIZE(stopped));
}

size_t display_decode(struct slice s, uint32_t *ret)
{
	const unsigned char *p = (const unsigned char *)s.p;
	unsigned char low = 0x80, high = 0xbf;
	size_t n = 1, want;
	uint32_t c = p[0];

	if (c < 0x80) {
		*ret = c;
		return 1;
	}
	if (c >= 0xc2 && c <= 0xdf) {
		want = 2;
		c &= 0x1f;
	} else if (c >= 0xe0 && c <= 0xef) {
		want = 3;
		low = c == 0xe0 ? 0xa0 : low;
		high = c == 0xed ? 0x9f : high;
		c &= 0x0f;
	} else if (c >= 0xf0 && c <= 0xf4) {
		want = 4;
		low = c == 0xf0 ? 0x90 : low;
		high = c == 0xf4 ? 0x8f : high;
		c &= 0x07;
	} else {
		*ret = DISPLAY_INVALID;
		return 1;
	}
	for (; n < want && n < s.n && p[n] >= low && p[n] <= high; n++) {
		c = c << 6 | (p[n] & 0x3f);
		low = 0x80;
		high = 0xbf;
	}
	*ret = n == want ? c : DISPLAY_INVALID;
	return n;
}

/* The replacement of an unsafe character. */
static int append_stopped(struct buffer *ret, uint32_t c, struct slice bytes)
{
	int r = 0;

	if (c >= 0x80 && c != DISPLAY_INVALID)
		return buffer_printf(ret, "\\u{%04X}", (unsigned)c);
	for (size_t i = 0; r == 0 && i < bytes.n; i++)
		r = buffer_printf(ret, "\\x%02X", (unsigned)(unsigned char)bytes.p[i]);
	return r;
}

/* Safe ASCII that no writer escapes. */
static bool is_plain(unsigned char c)
{
	return ((signed char)c >= 0x20) & (c != 0x7f) & (c != '"') & (c != '\\');
}

#define STRIDE 16 /* bytes that are compared at once */

typedef signed char stride __attribute__((vector_size(STRIDE)));

static bool stride_is_plain(const char *p)
{
	uint64_t halves[2];
	stride bytes, odd;

	memcpy(&bytes, p, STRIDE);
	odd = (bytes < 0x20) | (bytes == 0x7f) | (bytes == '"') | (bytes == '\\');
	memcpy(halves, &odd, STRIDE);
	return (halves[0] | halves[1]) == 0;
}

/* The end of the plain bytes of @s from @at on. Nearly all text is plain. */
static size_t plain_end(struct slice s, size_t at)
{
	while (s.n - at >= STRIDE && stride_is_plain(s.p + at))
		at += STRIDE;
	while (at < s.n && is_plain((unsigned char)s.p[at]))
		at++;
	return at;
}

bool display_is_safe(struct slice s)
{
	size_t at = 0;

	while ((at = plain_end(s, at)) < s.n) {
		uint32_t c;

		at += display_decode(slice_from(s, at), &c);
		if (c == DISPLAY_INVALID || !passes(c))
			return false;
	}
	return true;
}

int display_append(struct buffer *ret, struct slice s)
{
	size_t before = ret->len, run = 0, at = 0;
	int r = 0;

	while (r == 0 && (at = plain_end(s, at)) < s.n) {
		uint32_t c;
		size_t n = display_decode(slice_from(s, at), &c);

		if (c == DISPLAY_INVALID || !passes(c)) {
			r = buffer_append(ret, s.p + run, at - run);
			if (r == 0)
				r = append_stopped(ret, c, (struct slice){s.p + at, n});
			run = at + n;
		}
		at += n;
	}
	if (r == 0)
		r = buffer_append(ret, s.p + run, s.n - run);
	if (r < 0)
		ret->len = before;
	return r;
}

int display_append_tabbed(struct buffer *ret, struct slice s)
{
	size_t before = ret->len;
	int r = 0;

	while (r == 0 && s.n > 0) {
		const char *tab = memchr(s.p, '\t', s.n);
		size_t n = tab ? (size_t)(tab - s.p) : s.n;

		r = display_append(ret, (struct slice){s.p, n});
		if (r == 0 && tab)
			r = buffer_append_char(ret, '\t');
		s = slice_from(s, n + (tab != NULL));
	}
	if (r < 0)
		ret->len = before;
	return r;
}

static char *put(char *at, const char *p, size_t n)
{
	memcpy(at, p, n);
	return at + n;
}

/* "\uHHHH" */
static char *put_escape(char *at, uint32_t unit)
{
	*at++ = '\\';
	*at++ = 'u';
	for (int shift = 12; shift >= 0; shift -= 4)
		*at++ = "0123456789abcdef"[unit >> shift & 15];
	return at;
}

/* One character, or ill-formed run, that is not plain. */
static char *put_json_character(char *at, uint32_t c, struct slice bytes)
{
	if (c == DISPLAY_INVALID)
		return put(at, "\xef\xbf\xbd", 3);
	if (c == '"' || c == '\\') {
		*at++ = '\\';
		*at++ = (char)c;
		return at;
	}
	if (passes(c))
		return put(at, bytes.p, bytes.n);
	if (c < 0x10000)
		return put_escape(at, c);
	at = put_escape(at, 0xd800 + ((c - 0x10000) >> 10));
	return put_escape(at, 0xdc00 + ((c - 0x10000) & 0x3ff));
}

char *display_put_json(char *at, struct slice s)
{
	const char *p = s.p, *end = p + s.n;

	*at++ = '"';
	while (p < end) {
		size_t n;
		uint32_t c;

		for (; end - p >= STRIDE && stride_is_plain(p); p += STRIDE)
			at = put(at, p, STRIDE);
		/* The last bytes, together with some that were copied already. */
		if (end - p < STRIDE && p - s.p >= STRIDE && stride_is_plain(end - STRIDE)) {
			(void)put(at - STRIDE + (end - p), end - STRIDE, STRIDE);
			at += end - p;
			break;
		}
		while (p < end && is_plain((unsigned char)*p))
			*at++ = *p++;
		if (p == end)
			break;
		n = display_decode((struct slice){p, (size_t)(end - p)}, &c);
		at = put_json_character(at, c, (struct slice){p, n});
		p += n;
	}
	*at++ = '"';
	return at;
}

size_t display_width(struct slice s)
{
	size_t width = 0, at = 0;

	while (at < s.n) {
		uint32_t c;

		at += display_decode(slice_from(s, at), &c);
		if (c == DISPLAY_INVALID || !in_ranges(c, combining, ARRAY_SIZE(combining)))
			width += c != DISPLAY_INVALID && in_ranges(c, wide, ARRAY_SIZE(wide)) ? 2
											      : 1;
	}
	return width;
}
