/*
 * A header's value is either plain or, as a whole, encoded words: white space between the two kinds
 * has rules of its own. Characters are not split between encoded words or lines of the body.
 */
#include "text/message/mime.h"

#include <stdint.h>

#include "text/display.h"

#define WORD_OPEN	 "=?UTF-8?Q?"
#define WORD_OPEN_BASE64 "=?UTF-8?B?"
#define WORD_CLOSE	 "?="
#define WORD_FRAME	 (sizeof(WORD_OPEN) - 1 + sizeof(WORD_CLOSE) - 1)

static const char hex[] = "0123456789ABCDEF";

static size_t column(const struct buffer *b)
{
	const char *newline = memrchr(b->data, '\n', b->len);

	return newline ? b->len - (size_t)(newline + 1 - b->data) : b->len;
}

static struct slice character(struct slice s, size_t at)
{
	uint32_t c;

	return (struct slice){s.p + at, display_decode(slice_from(s, at), &c)};
}

/* Single spaces between words of printable ASCII, each of which fits a line of its own. */
static bool survives_folding(struct slice value)
{
	size_t word = 0;

	for (size_t i = 0; i < value.n; i++) {
		char c = value.p[i];

		if (c == ' ') {
			if (word == 0)
				return false;
			word = 0;
			continue;
		}
		if (c < 0x21 || c > 0x7e || ++word > MIME_LINE_MAX - 1)
			return false;
		if (c == '?' && word > 1 && value.p[i - 1] == '=')
			return false;
	}
	return word > 0;
}

int mime_append_tokens(struct buffer *ret, const char *name, struct slice value)
{
	int r = buffer_printf(ret, "%s:", name);

	for (size_t at = 0; r == 0 && at < value.n;) {
		const char *space = memchr(value.p + at, ' ', value.n - at);
		size_t n = space ? (size_t)(space - value.p) - at : value.n - at;

		if (column(ret) + 1 + n > MIME_LINE_MAX)
			r = buffer_append_str(ret, "\r\n");
		if (r == 0)
			r = buffer_append_char(ret, ' ');
		if (r == 0)
			r = buffer_append(ret, value.p + at, n);
		at += n + 1;
	}
	return r < 0 ? r : buffer_append_str(ret, "\r\n");
}

/* RFC 2047, section 4.2: these stand for themselves in unstructured text. */
static bool is_q_literal(char c)
{
	return c > 0x20 && c < 0x7f && c != '=' && c != '?' && c != '_';
}

static size_t q_length(struct slice s)
{
	size_t n = 0;

	for (size_t i = 0; i < s.n; i++)
		n += is_q_literal(s.p[i]) || s.p[i] == ' ' ? 1 : 3;
	return n;
}

static size_t base64_length(struct slice s)
{
	return (s.n + 2) / 3 * 4;
}

static int append_hex(struct buffer *ret, char c)
{
	char text[3] = {'=', hex[(unsigned char)c >> 4], hex[(unsigned char)c & 15]};

	return buffer_append(ret, text, sizeof(text));
}

static int append_q(struct buffer *ret, struct slice s)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < s.n; i++) {
		if (s.p[i] == ' ')
			r = buffer_append_char(ret, '_');
		else if (is_q_literal(s.p[i]))
			r = buffer_append_char(ret, s.p[i]);
		else
			r = append_hex(ret, s.p[i]);
	}
	return r;
}

static int append_base64(struct buffer *ret, struct slice s)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	int r = 0;

	for (size_t i = 0; r == 0 && i < s.n; i += 3) {
		size_t n = s.n - i < 3 ? s.n - i : 3;
		uint32_t v = 0;
		char text[4];

		for (size_t k = 0; k < 3; k++)
			v = v << 8 | (k < n ? (unsigned char)s.p[i + k] : 0);
		for (size_t k = 0; k < 4; k++)
			text[k] = k <= n ? digits[v >> (18 - 6 * k) & 63] : '=';
		r = buffer_append(ret, text, sizeof(text));
	}
	return r;
}

struct encoding {
	const char *open;
	size_t (*length)(struct slice s);
	int (*append)(struct buffer *ret, struct slice s);
};

static const struct encoding encoding_q = {WORD_OPEN, q_length, append_q};
static const struct encoding encoding_base64 = {WORD_OPEN_BASE64, base64_length, append_base64};

/* How much of @s from @at fits one encoded word with @room bytes inside. */
static struct slice fitting(const struct encoding *e, struct slice s, size_t at, size_t room)
{
	struct slice word = {s.p + at, 0};

	while (at + word.n < s.n) {
		struct slice longer = word;

		longer.n += character(s, at + word.n).n;
		if (e->length(longer) > room)
			break;
		word = longer;
	}
	return word;
}

static int append_encoded_words(struct buffer *ret, struct slice value)
{
	const struct encoding *e =
		base64_length(value) < q_length(value) ? &encoding_base64 : &encoding_q;
	int r = 0;

	for (size_t at = 0; r == 0 && at < value.n;) {
		size_t room;
		struct slice word;

		if (at > 0)
			r = buffer_append_str(ret, "\r\n ");
		if (r < 0)
			break;
		room = MIME_LINE_MAX - column(ret) - WORD_FRAME;
		word = fitting(e, value, at, room);
		at += word.n;
		r = buffer_append_str(ret, e->open);
		if (r == 0)
			r = e->append(ret, word);
		if (r == 0)
			r = buffer_append_str(ret, WORD_CLOSE);
	}
	return r;
}

int mime_append_header(struct buffer *ret, const char *name, struct slice value)
{
	int r;

	if (value.n == 0 || survives_folding(value))
		return mime_append_tokens(ret, name, value);
	r = buffer_printf(ret, "%s: ", name);
	if (r == 0)
		r = append_encoded_words(ret, value);
	return r < 0 ? r : buffer_append_str(ret, "\r\n");
}

/*
 * The beginnings of lines that others change: mbox writers "From ", and senders that do not stuff
 * dots ".".
 */
static bool is_risky_start(struct slice s)
{
	return slice_starts_with(s, ".") || slice_starts_with(s, "From ");
}

static bool line_is_7bit(struct slice line)
{
	if (line.n > MIME_LINE_MAX || is_risky_start(line) ||
	    (line.n > 0 && line.p[line.n - 1] == ' '))
		return false;
	for (size_t i = 0; i < line.n; i++)
		if (line.p[i] < 0x20 || line.p[i] > 0x7e)
			return false;
	return true;
}

static bool text_is_7bit(struct slice text)
{
	while (text.n > 0)
		if (!line_is_7bit(slice_cut_line(&text)))
			return false;
	return true;
}

static bool is_quoted_literal(struct slice line, size_t at, bool starts_line)
{
	char c = line.p[at];

	if (starts_line && is_risky_start(slice_from(line, at)))
		return false;
	if (c == ' ' || c == '\t')
		return at + 1 < line.n;
	return c > 0x20 && c < 0x7f && c != '=';
}

/* RFC 2045, section 6.7. Only the last part of a line needs no room for a '=' at its end. */
static int append_quoted_line(struct buffer *ret, struct slice line)
{
	size_t used = 0;
	int r = 0;

	for (size_t at = 0; r == 0 && at < line.n;) {
		struct slice c = character(line, at);
		size_t limit = at + c.n < line.n ? MIME_LINE_MAX - 1 : MIME_LINE_MAX;
		bool literal = is_quoted_literal(line, at, used == 0);

		if (used + (literal ? 1 : 3 * c.n) > limit) {
			r = buffer_append_str(ret, "=\r\n");
			used = 0;
			continue;
		}
		for (size_t i = 0; r == 0 && i < c.n; i++)
			r = literal ? buffer_append_char(ret, c.p[i]) : append_hex(ret, c.p[i]);
		used += literal ? 1 : 3 * c.n;
		at += c.n;
	}
	return r < 0 ? r : buffer_append_str(ret, "\r\n");
}

int mime_append_body(struct buffer *ret, struct slice text)
{
	bool plain = text_is_7bit(text);
	int r;

	r = buffer_printf(ret,
			  "MIME-Version: 1.0\r\n"
			  "Content-Type: text/plain; charset=UTF-8\r\n"
			  "Content-Transfer-Encoding: %s\r\n"
			  "\r\n",
			  plain ? "7bit" : "quoted-printable");
	while (r == 0 && text.n > 0) {
		struct slice line = slice_cut_line(&text);

		if (plain) {
			r = buffer_append_slice(ret, line);
			if (r == 0)
				r = buffer_append_str(ret, "\r\n");
		} else {
			r = append_quoted_line(ret, line);
		}
	}
	return r;
}

/* Appends a line, of which tabs alone are not escaped. */
static int append_safe(struct buffer *ret, struct slice line)
{
	int r = 0;

	while (r == 0 && line.n > 0) {
		const char *tab = memchr(line.p, '\t', line.n);
		size_t n = tab ? (size_t)(tab - line.p) : line.n;

		r = display_append(ret, (struct slice){line.p, n});
		if (r == 0 && tab)
			r = buffer_append_char(ret, '\t');
		line = slice_from(line, n + (tab != NULL));
	}
	return r;
}

/* Appends the text of a quoted-printable line; *ret_soft: the next line continues it. */
static int append_unquoted(struct buffer *ret, struct slice line, bool *ret_soft)
{
	int r = 0;

	*ret_soft = slice_skip_end(&line, "=");
	for (size_t i = 0; r == 0 && i < line.n; i++) {
		int high = i + 2 < line.n && line.p[i] == '=' ? ascii_hex(line.p[i + 1]) : -1;
		int low = high >= 0 ? ascii_hex(line.p[i + 2]) : -1;

		r = buffer_append_char(ret, low >= 0 ? (char)(high << 4 | low) : line.p[i]);
		i += low >= 0 ? 2 : 0;
	}
	return r;
}

int mime_append_readable(struct buffer *ret, struct slice message)
{
	static const char quoted[] = "Content-Transfer-Encoding: quoted-printable";
	AUTO_BUFFER struct buffer text = BUFFER_INIT(message.n);
	bool in_body = false, decode = false, soft = false;
	size_t before = ret->len;
	int r = 0;

	while (r == 0 && message.n > 0) {
		struct slice line = slice_cut_line(&message);

		decode = decode || (!in_body && slice_eq_str(line, quoted));
		in_body = in_body || line.n == 0;
		if (in_body && decode)
			r = append_unquoted(&text, line, &soft);
		else
			r = buffer_append_slice(&text, line);
		if (r < 0 || (soft && message.n > 0))
			continue;
		r = append_safe(ret, buffer_slice(&text));
		if (r == 0)
			r = buffer_append_char(ret, '\n');
		buffer_clear(&text);
	}
	if (r < 0)
		ret->len = before;
	return r;
}
