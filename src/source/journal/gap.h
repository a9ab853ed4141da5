/* What may be missing from the journal, as a record. */
#pragma once

#include "base/buffer.h"
#include "source/journal/cursor_reader.h"
#include "source/journal/orphan.h"
#include "source/journal/skipped.h"
#include "text/record.h"

enum gap_kind {
	GAP_NONE,
	GAP_VACUUMED,	/* the journal begins later than reading had ended: the reader's landing */
	GAP_UNREADABLE, /* an entry, which may have been a login */
	GAP_SKIPPED,	/* a file that sd_journal(3) skips */
	GAP_ORPHAN,	/* a file that was removed while journald writes to it */
	GAP_NO_LIVE,	/* no file to which journald writes */
};

struct gap {
	enum gap_kind kind;
	struct skipped_file skipped; /* GAP_SKIPPED */
	const struct orphan *orphan; /* GAP_ORPHAN */
	const char *home;	     /* GAP_NO_LIVE: the file's name */
};

/*
 * Fills @r. Its texts are in @details and @identity, which are cleared first. The time of the gap
 * is that of @r's current entry for GAP_UNREADABLE, and else @now_usec if it has none of its own.
 * -ENOMEM, -E2BIG; -errno of fstat(2).
 */
int gap_fill(const struct gap *g, const struct cursor_reader *reader, uint64_t now_usec,
	     struct buffer *details, struct buffer *identity, struct record *r);
