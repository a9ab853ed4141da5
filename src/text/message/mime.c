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

void mime_write_tokens(struct writer *w, const char *name, struct slice value)
{
	writer_format(w, "%s:", name);
	while (w->error == 0 && value.n > 0) {
		struct slice token = slice_cut_word(&value);

		if (column(w->to) + 1 + token.n > MIME_LINE_MAX)
			writer_str(w, "\r\n");
		writer_str(w, " ");
		writer_slice(w, token);
	}
	writer_str(w, "\r\n");
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

static void write_hex(struct writer *w, char c)
{
	char text[3] = {'=', hex[(unsigned char)c >> 4], hex[(unsigned char)c & 15]};

	writer_slice(w, (struct slice){text, sizeof(text)});
}

static void write_q(struct writer *w, struct slice s)
{
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == ' ')
			writer_str(w, "_");
		else if (is_q_literal(s.p[i]))
			writer_slice(w, (struct slice){s.p + i, 1});
		else
			write_hex(w, s.p[i]);
	}
}

static void write_base64(struct writer *w, struct slice s)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	for (size_t i = 0; i < s.n; i += 3) {
		size_t n = s.n - i < 3 ? s.n - i : 3;
		uint32_t v = 0;
		char text[4];

		for (size_t k = 0; k < 3; k++)
			v = v << 8 | (k < n ? (unsigned char)s.p[i + k] : 0);
		for (size_t k = 0; k < 4; k++)
			text[k] = k <= n ? digits[v >> (18 - 6 * k) & 63] : '=';
		writer_slice(w, (struct slice){text, sizeof(text)});
	}
}

struct encoding {
	const char *open;
	size_t (*length)(struct slice s);
	void (*write)(struct writer *w, struct slice s);
};

static const struct encoding encoding_q = {WORD_OPEN, q_length, write_q};
static const struct encoding encoding_base64 = {WORD_OPEN_BASE64, base64_length, write_base64};

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

static void write_encoded_words(struct writer *w, struct slice value)
{
	const struct encoding *e =
		base64_length(value) < q_length(value) ? &encoding_base64 : &encoding_q;

	for (size_t at = 0; w->error == 0 && at < value.n;) {
		struct slice word;

		if (at > 0)
			writer_str(w, "\r\n ");
		word = fitting(e, value, at, MIME_LINE_MAX - column(w->to) - WORD_FRAME);
		at += word.n;
		writer_str(w, e->open);
		e->write(w, word);
		writer_str(w, WORD_CLOSE);
	}
}

void mime_write_header(struct writer *w, const char *name, struct slice value)
{
	if (value.n == 0 || survives_folding(value)) {
		mime_write_tokens(w, name, value);
		return;
	}
	writer_format(w, "%s: ", name);
	write_encoded_words(w, value);
	writer_str(w, "\r\n");
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
static void write_quoted_line(struct writer *w, struct slice line)
{
	size_t used = 0;

	for (size_t at = 0; at < line.n;) {
		struct slice c = character(line, at);
		size_t limit = at + c.n < line.n ? MIME_LINE_MAX - 1 : MIME_LINE_MAX;
		bool literal = is_quoted_literal(line, at, used == 0);

		if (used + (literal ? 1 : 3 * c.n) > limit) {
			writer_str(w, "=\r\n");
			used = 0;
			continue;
		}
		if (literal)
			writer_slice(w, c);
		for (size_t i = 0; i < c.n && !literal; i++)
			write_hex(w, c.p[i]);
		used += literal ? 1 : 3 * c.n;
		at += c.n;
	}
}

void mime_write_body(struct writer *w, struct slice text)
{
	bool plain = text_is_7bit(text);

	writer_format(w,
		      "MIME-Version: 1.0\r\n"
		      "Content-Type: text/plain; charset=UTF-8\r\n"
		      "Content-Transfer-Encoding: %s\r\n"
		      "\r\n",
		      plain ? "7bit" : "quoted-printable");
	while (text.n > 0) {
		struct slice line = slice_cut_line(&text);

		if (plain)
			writer_slice(w, line);
		else
			write_quoted_line(w, line);
		writer_str(w, "\r\n");
	}
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
		r = display_append_tabbed(ret, buffer_slice(&text));
		if (r == 0)
			r = buffer_append_char(ret, '\n');
		buffer_clear(&text);
	}
	if (r < 0)
		ret->len = before;
	return r;
}
