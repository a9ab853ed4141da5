/*
 * Text from outside made safe to show: on a terminal, in a mail, in JSON. Control characters,
 * bidirectional controls (U+202A–202E, U+2066–2069, U+200E/F, U+061C), invisible characters
 * (U+200B–200D, U+2060–2064, U+FEFF, U+00AD, U+034F, U+115F, U+1160, U+17B4/5, U+180B–180F,
 * U+2800, U+3164, U+FFA0, U+FE00–FE0F, U+E0000–E0FFF, U+FFF0–FFFB, U+2028/9 and the like),
 * non-characters and invalid UTF-8 are replaced.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/slice.h"

#define DISPLAY_INVALID UINT32_MAX

/*
 * Decodes the first character of @s (s.n ≥ 1): returns its length in bytes and sets *ret to its
 * code point. For an ill-formed run, which is one U+FFFD (Unicode, section 3.9, maximal subparts),
 * it returns the length of the run and sets *ret to DISPLAY_INVALID.
 */
size_t display_decode(struct slice s, uint32_t *ret);

/* Whether display_append() would change nothing of @s. */
bool display_is_safe(struct slice s);

/* Appends @s as valid UTF-8 on one line; unsafe characters become "\xHH" or "\u{HHHH}". */
int display_append(struct buffer *ret, struct slice s);

/* The same, but tabs stay. */
int display_append_tabbed(struct buffer *ret, struct slice s);

/*
 * Writes @s as a JSON string with its quotes (RFC 8259) and returns the end. Invalid UTF-8 becomes
 * U+FFFD; the characters that display_append() replaces become \u escapes, so that a JSON reader
 * gets them and a terminal does not. @at has room for DISPLAY_JSON_MAX(s.n) bytes.
 */
char *display_put_json(char *at, struct slice s);
#define DISPLAY_JSON_MAX(n) (6 * (n) + 2)

/*
 * The columns on a terminal of text from display_append(): one per character, two for wide East
 * Asian ones, none for combining marks. (wcwidth(3) needs a locale.)
 */
size_t display_width(struct slice s);
