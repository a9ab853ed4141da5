/* Text made safe for a terminal, without allocation. */
#pragma once

#include <stddef.h>

/*
 * Copies @text to @ret, and writes as \xHH each byte of a control character (U+0080-009F included),
 * of one that is invisible or changes the direction of the text, and of what is not UTF-8. Cuts
 * between characters at @size. The length without the NUL.
 */
size_t terminal_escape(const char *text, char *ret, size_t size);
