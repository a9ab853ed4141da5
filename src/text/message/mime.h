/*
 * The outer form of a message: header folding (RFC 5322), encoded words (RFC 2047), encodings of a
 * text body (RFC 2045).
 */
#pragma once

#include "base/buffer.h"
#include "base/slice.h"
#include "text/message/writer.h"

#define MIME_LINE_MAX 76 /* bytes, without CRLF: RFC 2045, section 6.7, and RFC 2047, section 2 */
#define MIME_NAME_MAX 32 /* of a header's name, so that an encoded word fits after it */

/*
 * Writes an unstructured header. @value is from display_append(). It becomes encoded words if it is
 * not ASCII, could be read as an encoded word, or would not survive folding, so that a parser reads
 * exactly @value.
 */
void mime_write_header(struct writer *w, const char *name, struct slice value);

/*
 * Writes a structured header of our own making: ASCII tokens with single spaces between, folded at
 * these, never encoded. A token that is longer than a line stays whole.
 */
void mime_write_tokens(struct writer *w, const char *name, struct slice value);

/*
 * Writes MIME-Version and the Content- headers, the empty line, and @text (UTF-8, LF lines) as
 * 7bit if possible, else as quoted-printable. No line of the body begins with '.' or "From ".
 */
void mime_write_body(struct writer *w, struct slice text);

/*
 * Appends a message for reading on a terminal: its header as it is, its body decoded if that is
 * quoted-printable, LF at the end of each line. Everything but tabs is made safe by
 * display_append(), whoever composed the message. -ENOMEM, -E2BIG.
 */
int mime_append_readable(struct buffer *ret, struct slice message);
