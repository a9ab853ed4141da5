#include "source/journal/gap.h"

#include <inttypes.h>
#include <systemd/sd-journal.h>

static int describe(const struct gap *g, struct buffer *ret)
{
	switch (g->kind) {
	case GAP_ORPHAN:
		return orphan_describe(g->orphan, ret);
	case GAP_NO_LIVE:
		return buffer_printf(ret,
				     "there is no %s, to which journald writes: logins are not "
				     "seen until there is one",
				     g->home);
	case GAP_SKIPPED:
		return buffer_printf(ret,
				     "the journal file %s is damaged: logins that it holds may be "
				     "missing",
				     g->skipped.path);
	case GAP_VACUUMED:
		return buffer_append_str(
			ret,
			"the journal was vacuumed before it was read, or is another one "
			"since the machine ID changed: logins in this time are not known");
	default:
		return buffer_append_str(
			ret, "a journal entry could not be read: it may have been a login");
	}
}

/* The identity is the same each time that the gap is found. */
static int identify(const struct gap *g, const struct cursor_reader *reader, const struct record *r,
		    struct buffer *ret)
{
	switch (g->kind) {
	case GAP_ORPHAN:
		return orphan_identify(g->orphan, ret);
	case GAP_NO_LIVE:
		return buffer_printf(ret, "gap missing %s", reader->place.cursor);
	case GAP_SKIPPED:
		return buffer_printf(ret, "gap damaged %" PRIu64 " %" PRIu64, g->skipped.id.inode,
				     g->skipped.id.born_usec);
	default:
		return buffer_printf(ret, "gap %" PRIu64 " %" PRIu64, r->from_usec,
				     r->realtime_usec);
	}
}

static uint64_t time_of(const struct gap *g, const struct cursor_reader *reader, uint64_t now_usec)
{
	uint64_t usec;

	if (g->kind == GAP_VACUUMED)
		return reader->landing.gap_to_usec;
	if (g->kind == GAP_ORPHAN || g->kind == GAP_NO_LIVE)
		return now_usec;
	return sd_journal_get_realtime_usec(reader->j, &usec) < 0 ? reader->end_usec : usec;
}

int gap_fill(const struct gap *g, const struct cursor_reader *reader, uint64_t now_usec,
	     struct buffer *details, struct buffer *identity, struct record *r)
{
	int k;

	r->realtime_usec = time_of(g, reader, now_usec);
	r->from_usec = g->kind == GAP_VACUUMED ? reader->landing.gap_from_usec : 0;
	r->source = SLICE_LITERAL("journal");
	r->trusted = r->authenticated = true;
	buffer_clear(details);
	buffer_clear(identity);
	k = describe(g, details);
	if (k == 0)
		k = identify(g, reader, r, identity);
	r->reason = buffer_slice(details);
	r->identity = r->position = buffer_slice(identity);
	return k;
}
