/* UTF-8 is decoded here once more than in text/display, which base must not include. */
#include "base/terminal.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/*
 * Whether the character of @n bytes is invisible, or changes the direction of the text after it
 * (Unicode Standard Annex 9): U+061C, U+200B-200F, U+2028-202E, U+2060-206F, U+FEFF, U+E0000-E0FFF.
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
 * The length of the well-formed UTF-8 character at @s if it is safe, else 0. Terminals obey
 * U+0080-009F as they obey ESC.
 */
static size_t safe_length(const unsigned char *s)
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

size_t terminal_escape(const char *text, char *ret, size_t size)
{
	size_t n = 0;

	while (*text) {
		size_t used = safe_length((const unsigned char *)text), k = used;
		const char *from = text;
		char hex[5];

		if (used == 0) {
			k = (size_t)snprintf(hex, sizeof(hex), "\\x%02x", (unsigned char)*text);
			from = hex;
			used = 1;
		}
		if (n + k >= size)
			break;
		memcpy(ret + n, from, k);
		n += k;
		text += used;
	}
	ret[n] = '\0';
	return n;
}
