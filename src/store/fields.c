/* A damaged block is never read in part: half of what was sent, or read, would lose alerts. */
#include "store/fields.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "base/number.h"
#include "text/alert.h"

void fields_begin(struct fields_writer *w, struct buffer *to, const char *magic)
{
	*w = (struct fields_writer){.to = to, .begin = to->len, .value = BUFFER_INIT(to->max)};
	w->r = buffer_printf(to, "%s\n", magic);
}

void fields_add(struct fields_writer *w, const char *key, const char *format, ...)
{
	va_list ap;

	if (w->r < 0)
		return;
	va_start(ap, format);
	buffer_clear(&w->value);
	w->r = buffer_vprintf(&w->value, format, ap);
	va_end(ap);
	if (w->r == 0)
		w->r = buffer_printf(w->to, "%s=", key);
	if (w->r == 0)
		w->r = alert_escape(buffer_slice(&w->value), w->to);
	if (w->r == 0)
		w->r = buffer_append_char(w->to, '\n');
}

int fields_add_crc(struct buffer *to, size_t begin)
{
	return buffer_printf(to, FIELDS_CRC_KEY "%08" PRIx32 "\n",
			     hash_crc32(0, to->data + begin, to->len - begin));
}

int fields_end(struct fields_writer *w)
{
	buffer_done(&w->value);
	if (w->r == 0)
		w->r = fields_add_crc(w->to, w->begin);
	if (w->r < 0)
		w->to->len = w->begin;
	return w->r;
}

bool fields_is_crc(struct slice line, uint32_t *ret)
{
	uint64_t v;

	if (line.n < FIELDS_CRC_LINE || !slice_skip(&line, FIELDS_CRC_KEY) ||
	    number_parse_hex((struct slice){line.p, 8}, UINT32_MAX, &v) < 0)
		return false;
	*ret = (uint32_t)v;
	return true;
}

/* Cuts the next line off @text. False: no newline follows. */
static bool cut_line(struct slice *text, struct slice *ret)
{
	const char *end = text->n > 0 ? memchr(text->p, '\n', text->n) : NULL;

	if (!end)
		return false;
	*ret = (struct slice){text->p, (size_t)(end - text->p)};
	*text = slice_from(*text, ret->n + 1);
	return true;
}

int fields_open(struct fields_reader *r, struct slice text, const char *magic,
		struct slice *ret_rest)
{
	struct slice all = text;
	size_t covered;
	uint32_t crc;

	*r = (struct fields_reader){.number = 1, .value = BUFFER_INIT(text.n)};
	if (!cut_line(&text, &r->line) || !slice_eq_str(r->line, magic))
		return FIELDS_E_OTHER;
	r->rest = text;
	do {
		covered = all.n - text.n;
		if (!cut_line(&text, &r->line))
			return FIELDS_E_DAMAGED;
	} while (r->line.n != FIELDS_CRC_LINE || !fields_is_crc(r->line, &crc));
	if (hash_crc32(0, all.p, covered) != crc || (!ret_rest && text.n > 0))
		return FIELDS_E_DAMAGED;
	r->rest.n = covered - (size_t)(r->rest.p - all.p);
	if (ret_rest)
		*ret_rest = text;
	return 0;
}

void fields_close(struct fields_reader *r)
{
	buffer_done(&r->value);
}

int fields_next(struct fields_reader *r, struct slice *key, struct slice *value)
{
	const char *equals;
	int k;

	if (!cut_line(&r->rest, &r->line))
		return 0;
	r->number++;
	equals = memchr(r->line.p, '=', r->line.n);
	if (!equals)
		return -EINVAL;
	*key = (struct slice){r->line.p, (size_t)(equals - r->line.p)};
	buffer_clear(&r->value);
	k = alert_unescape(slice_from(r->line, key->n + 1), &r->value);
	if (k < 0)
		return k;
	*value = buffer_slice(&r->value);
	return 1;
}

struct slice fields_find(struct slice text, const char *key)
{
	struct slice line;

	while (cut_line(&text, &line))
		if (slice_skip(&line, key) && slice_skip(&line, "="))
			return line;
	return (struct slice){NULL, 0};
}

int fields_numbers(struct slice *value, size_t n, uint64_t *const ret[])
{
	for (size_t i = 0; i < n; i++) {
		int r = number_parse_u64(slice_cut_word(value), UINT64_MAX, ret[i]);

		if (r < 0)
			return r;
	}
	return 0;
}

int fields_hash(struct slice *value, struct hash128 *ret)
{
	struct slice word = slice_cut_word(value);

	if (word.n != HASH128_HEX - 1 ||
	    number_parse_hex((struct slice){word.p, 16}, UINT64_MAX, &ret->high) < 0 ||
	    number_parse_hex((struct slice){word.p + 16, 16}, UINT64_MAX, &ret->low) < 0)
		return -EINVAL;
	return 0;
}

int fields_name(struct slice *value, const char *const names[], unsigned n, unsigned *ret)
{
	struct slice word = slice_cut_word(value);

	for (unsigned i = 0; i < n; i++) {
		if (slice_eq_str(word, names[i])) {
			*ret = i;
			return 0;
		}
	}
	return -EINVAL;
}

int fields_string(struct slice value, char *ret, size_t size)
{
	if (value.n >= size || (value.n > 0 && memchr(value.p, '\0', value.n)))
		return -EINVAL;
	memcpy(ret, value.p, value.n);
	ret[value.n] = '\0';
	return 0;
}
