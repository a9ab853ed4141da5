/*
 * Lengths, so that neither names nor cursors need escaping. A lane of which nothing was read yet is
 * named as well, with an empty place: its host is not new. One that could not be read where it was
 * to begin has a place without a cursor, of that time alone.
 */
#include "source/collector/text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/number.h"
#include "source/journal/cursor.h"

static const char head[] = "collection until=";
static const char lane_head[] = "collection lane=";

bool collection_position_owns(struct slice text)
{
	return slice_starts_with(text, "collection ");
}

int collection_position_format_lane(const char *name, struct slice place, struct buffer *ret)
{
	int r = buffer_printf(ret, "%s %zu:%s %zu:", lane_head, strlen(name), name, place.n);

	return r < 0 ? r : buffer_append_slice(ret, place);
}

int collection_position_format(const struct lanes *ls, uint64_t until_usec, struct buffer *ret)
{
	int r = buffer_printf(ret, "%s%" PRIu64 " lanes=%zu:", head, until_usec, ls->n);

	for (size_t i = 0; i < ls->n && r == 0; i++) {
		const struct lane *l = ls->all[i];
		struct slice place = buffer_slice(&l->place);
		char since[96];

		if (place.n == 0 && l->since_usec) {
			(void)snprintf(since, sizeof(since),
				       "journal time=%" PRIu64 " until=%" PRIu64 " cursor=",
				       l->since_usec, l->since_usec);
			place = slice_of(since);
		}
		r = buffer_printf(ret, " %zu:%s %zu:", strlen(l->name), l->name, place.n);
		if (r == 0)
			r = buffer_append_slice(ret, place);
	}
	return r;
}

/* Takes a number and @end off the left. */
static bool take_number(struct slice *s, char end, uint64_t *ret)
{
	const char *at = memchr(s->p, end, s->n);

	if (!at || number_parse_u64((struct slice){s->p, (size_t)(at - s->p)}, UINT64_MAX, ret) < 0)
		return false;
	*s = slice_from(*s, (size_t)(at - s->p) + 1);
	return true;
}

/* Takes " N:" and N bytes off the left. */
static bool take_text(struct slice *s, struct slice *ret)
{
	uint64_t n;

	if (!slice_starts_with(*s, " "))
		return false;
	*s = slice_from(*s, 1);
	if (!take_number(s, ':', &n) || n > s->n)
		return false;
	*ret = (struct slice){s->p, (size_t)n};
	*s = slice_from(*s, (size_t)n);
	return true;
}

static int refuse(struct error *err)
{
	error_set(err, NULL, 0, 0, "the position of the collection cannot be read");
	return SOURCE_E_POSITION;
}

/* The time up to which a place has read; 0 where it says none. */
static uint64_t place_time(struct slice place)
{
	struct journal_position p;

	if (journal_position_parse(place, &p, NULL) != 0)
		return 0;
	return p.until_usec > p.time_usec ? p.until_usec : p.time_usec;
}

static int give_place(struct lanes *ls, struct slice name, struct slice place, uint64_t forget_usec,
		      size_t *known, struct error *err)
{
	char text[LANE_NAME_MAX];
	struct journal_position p = {.cursor = ""};
	const char *slash;
	struct slice stem;
	struct lane *l;

	if (name.n == 0 || name.n >= sizeof(text) || memchr(name.p, '\0', name.n) ||
	    (place.n > 0 && journal_position_parse(place, &p, NULL) != 0))
		return refuse(err);
	memcpy(text, name.p, name.n);
	text[name.n] = '\0';
	l = lanes_get(ls, text, NULL);
	if (!l && place_time(place) < forget_usec)
		return 0;
	slash = strchr(text, '/');
	stem = slice_of(slash ? slash + 1 : text);
	if (!l)
		l = lanes_get(ls, text, &stem);
	if (!l)
		return -ENOMEM;
	*known += l->n_files > 0;
	l->lost = true;
	buffer_clear(&l->place);
	l->since_usec = *p.cursor ? 0 : p.time_usec;
	return l->since_usec ? 0 : buffer_append_slice(&l->place, place);
}

int collection_position_parse(struct lanes *ls, struct slice text, uint64_t forget_usec,
			      uint64_t *ret_until_usec, size_t *ret_known, size_t *ret_named,
			      struct error *err)
{
	uint64_t until, lanes;
	size_t known = 0;
	int r = 0;

	if (!slice_starts_with(text, head))
		return refuse(err);
	text = slice_from(text, sizeof(head) - 1);
	if (!take_number(&text, ' ', &until) || !slice_starts_with(text, "lanes="))
		return refuse(err);
	text = slice_from(text, 6);
	if (!take_number(&text, ':', &lanes))
		return refuse(err);
	for (uint64_t i = 0; i < lanes && r == 0; i++) {
		struct slice name, place;

		if (!take_text(&text, &name) || !take_text(&text, &place))
			return refuse(err);
		r = give_place(ls, name, place, forget_usec, &known, err);
	}
	if (r == 0 && text.n > 0)
		r = refuse(err);
	if (r != 0)
		return r;
	*ret_until_usec = until;
	*ret_known = known;
	*ret_named = (size_t)lanes;
	return 0;
}

int collection_position_parse_lane(struct lanes *ls, struct slice text, uint64_t *ret_usec,
				   struct error *err)
{
	struct slice name, place;
	struct journal_position p;
	size_t known = 0;
	int r;

	if (!slice_starts_with(text, lane_head))
		return -EINVAL;
	text = slice_from(text, sizeof(lane_head) - 1);
	if (!take_text(&text, &name) || !take_text(&text, &place) || text.n > 0 || place.n == 0)
		return refuse(err);
	r = give_place(ls, name, place, 0, &known, err);
	if (r == 0 && journal_position_parse(place, &p, err) == 0)
		*ret_usec = p.time_usec;
	return r;
}
