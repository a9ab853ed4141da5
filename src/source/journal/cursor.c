/*
 * The cursor comes last in the text, so that it needs no escaping whatever a later libsystemd
 * writes into it. Its form, "s=…;i=…;b=…;m=…;t=…;x=…", is opaque by contract but stable since
 * systemd 38, and no other identity of an entry survives the flush from /run to /var.
 */
#include "source/journal/cursor.h"

#include <errno.h>
#include <inttypes.h>

#include "source/field.h"
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

static bool parse(struct slice text, struct journal_position *p)
{
	struct slice bound = {NULL, 0};

	if (!field_cut_number(&text, "time=", UINT64_MAX, &p->time_usec) ||
	    !field_cut_number(&text, "until=", UINT64_MAX, &p->until_usec) ||
	    (slice_starts_with(text, "files=") &&
	     !field_cut_number(&text, "files=", UINT64_MAX, &p->files_usec)) ||
	    (field_cut(&text, "bound=", &bound) && bound.n != sizeof(p->bound) - 1))
		return false;
	if (bound.n > 0)
		memcpy(p->bound, bound.p, bound.n);
	(void)field_cut(&text, "boots=", &p->boots);
	if (!slice_skip(&text, "cursor=") || text.n >= sizeof(p->cursor) ||
	    memchr(text.p, '\0', text.n))
		return false;
	memcpy(p->cursor, text.p, text.n);
	return true;
}

int journal_position_parse(struct slice text, struct journal_position *ret, struct error *err)
{
	struct journal_position p = {.cursor = ""};
	struct slice rest = text;

	if (!slice_skip(&rest, head))
		error_set(err, NULL, 0, 0, "the position is not one of the journal: \"%.*s\"",
			  (int)(text.n < 80 ? text.n : 80), text.p);
	else if (!parse(rest, &p))
		error_set(err, NULL, 0, 0, "the position cannot be read");
	else if (!p.cursor[0] && !p.until_usec)
		error_set(err, NULL, 0, 0, "the position has neither cursor nor time");
	else {
		*ret = p;
		return 0;
	}
	return SOURCE_E_POSITION;
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
