/*
 * The cursor comes last in the text, so that it needs no escaping whatever a later libsystemd
 * writes into it. Its form, "s=…;i=…;b=…;m=…;t=…;x=…", is opaque by contract but stable since
 * systemd 38, and no other identity of an entry survives the flush from /run to /var.
 */
#include "source/journal/cursor.h"

#include <errno.h>
#include <inttypes.h>

#include "base/number.h"
#include "source/source.h"

static const char head[] = "journal ";

int journal_position_format(const struct journal_position *p, uint64_t until_usec,
			    struct buffer *ret)
{
	uint64_t until = until_usec > p->until_usec ? until_usec : p->until_usec;

	int r = buffer_printf(ret, "%stime=%" PRIu64 " until=%" PRIu64, head, p->time_usec, until);

	if (r == 0 && p->files_usec)
		r = buffer_printf(ret, " files=%" PRIu64, p->files_usec);
	if (r == 0 && *p->bound)
		r = buffer_printf(ret, " bound=%s", p->bound);
	if (r == 0 && p->boots.n > 0)
		r = buffer_printf(ret, " boots=%.*s", (int)p->boots.n, p->boots.p);
	return r < 0 ? r : buffer_printf(ret, " cursor=%s", p->cursor);
}

/* Cuts "NAME=VALUE " off the left of @s. */
static bool cut_field(struct slice *s, const char *name, struct slice *ret)
{
	size_t n = strlen(name);
	const char *end;

	if (!slice_starts_with(*s, name))
		return false;
	*s = slice_from(*s, n);
	end = memchr(s->p, ' ', s->n);
	if (!end)
		return false;
	*ret = (struct slice){s->p, (size_t)(end - s->p)};
	*s = slice_from(*s, ret->n + 1);
	return true;
}

int journal_position_parse(struct slice text, struct journal_position *ret, struct error *err)
{
	struct journal_position p = {.cursor = ""};
	struct slice time, until, files, bound = {NULL, 0};

	if (!slice_starts_with(text, head)) {
		error_set(err, NULL, 0, 0, "the position is not one of the journal: \"%.*s\"",
			  (int)(text.n < 80 ? text.n : 80), text.p);
		return SOURCE_E_POSITION;
	}
	text = slice_from(text, sizeof(head) - 1);
	if (!cut_field(&text, "time=", &time) || !cut_field(&text, "until=", &until) ||
	    number_parse_u64(time, UINT64_MAX, &p.time_usec) < 0 ||
	    number_parse_u64(until, UINT64_MAX, &p.until_usec) < 0 ||
	    (cut_field(&text, "files=", &files) &&
	     number_parse_u64(files, UINT64_MAX, &p.files_usec) < 0) ||
	    (cut_field(&text, "bound=", &bound) && bound.n != sizeof(p.bound) - 1)) {
		error_set(err, NULL, 0, 0, "the position cannot be read");
		return SOURCE_E_POSITION;
	}
	if (bound.n > 0)
		memcpy(p.bound, bound.p, bound.n);
	(void)cut_field(&text, "boots=", &p.boots);
	if (!slice_starts_with(text, "cursor=") || text.n - 7 >= sizeof(p.cursor) ||
	    memchr(text.p, '\0', text.n)) {
		error_set(err, NULL, 0, 0, "the position cannot be read");
		return SOURCE_E_POSITION;
	}
	memcpy(p.cursor, text.p + 7, text.n - 7);
	p.cursor[text.n - 7] = '\0';
	if (!p.cursor[0] && !p.until_usec) {
		error_set(err, NULL, 0, 0, "the position has neither cursor nor time");
		return SOURCE_E_POSITION;
	}
	*ret = p;
	return 0;
}

/* The value of "K=" in a cursor; p is NULL if it has none. */
static struct slice cursor_part(struct slice cursor, char key)
{
	size_t i = 0;

	while (i < cursor.n) {
		const char *end = memchr(cursor.p + i, ';', cursor.n - i);
		size_t n = end ? (size_t)(end - cursor.p) - i : cursor.n - i;

		if (n > 2 && cursor.p[i] == key && cursor.p[i + 1] == '=')
			return (struct slice){cursor.p + i + 2, n - 2};
		i += n + 1;
	}
	return (struct slice){NULL, 0};
}

static const char parts[] = "bmtx";

int journal_cursor_identity(struct slice cursor, struct buffer *ret)
{
	size_t len = ret->len;
	int r = 0;

	for (const char *k = parts; *k && r == 0; k++) {
		struct slice v = cursor_part(cursor, *k);

		if (!v.p) {
			ret->len = len;
			return buffer_append_slice(ret, cursor);
		}
		r = buffer_printf(ret, "%s%c=%.*s", k == parts ? "" : ";", *k, (int)v.n, v.p);
	}
	return r;
}

static bool is_same(struct slice a, struct slice b, char key)
{
	struct slice x = cursor_part(a, key), y = cursor_part(b, key);

	return x.p && y.p && slice_eq(x, y);
}

bool journal_cursor_same_entry(struct slice a, struct slice b)
{
	for (const char *k = parts; *k; k++)
		if (!is_same(a, b, *k))
			return false;
	return true;
}

/* Compares the hexadecimal numbers of both cursors. */
static bool is_less(struct slice a, struct slice b, char key)
{
	uint64_t x, y;

	return number_parse_hex(cursor_part(a, key), UINT64_MAX, &x) == 0 &&
	       number_parse_hex(cursor_part(b, key), UINT64_MAX, &y) == 0 && x < y;
}

bool journal_cursor_after(struct slice a, struct slice b)
{
	return is_same(a, b, 's') && is_less(a, b, 'i');
}

bool journal_cursor_precedes(struct slice a, struct slice b)
{
	return is_less(a, b, is_same(a, b, 's') ? 'i' : is_same(a, b, 'b') ? 'm' : 't');
}

bool journal_position_in_boot(const struct journal_position *p, const char *boot)
{
	return slice_eq_str(cursor_part(slice_of(p->cursor), 'b'), boot);
}
