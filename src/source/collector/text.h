/*
 * The place in a collection as text: "collection until=USEC lanes=N:", and for each lane its name
 * and its place in the journal of its files, each behind its number of bytes and ":". A record's
 * position is the place in its lane alone: "collection lane=", name and place.
 */
#pragma once

#include "base/error.h"
#include "source/collector/hosts.h"

#define COLLECTION_POSITION_MAX ((size_t)16 << 20) /* some 50 000 hosts */

bool collection_position_owns(struct slice text);

/* Each appends the text. -ENOMEM, -E2BIG. */
int collection_position_format_lane(const char *name, struct slice place, struct buffer *ret);
int collection_position_format(const struct lanes *ls, uint64_t until_usec, struct buffer *ret);

/*
 * The same of a record's position: gives its lane its place, and *ret_usec is the record's time.
 * 0; -EINVAL: it is none of a record. SOURCE_E_POSITION with *err set; -ENOMEM.
 */
int collection_position_parse_lane(struct lanes *ls, struct slice text, uint64_t *ret_usec,
				   struct error *err);

/*
 * Gives the lanes their places. Lanes without files are made, for hosts whose files may come back;
 * not those whose last entry is of a time before @forget_usec. *ret_known: how many lanes have
 * files and were in the text; *ret_named: how many were in the text. 0; SOURCE_E_POSITION with *err
 * set; -ENOMEM.
 */
int collection_position_parse(struct lanes *ls, struct slice text, uint64_t forget_usec,
			      uint64_t *ret_until_usec, size_t *ret_known, size_t *ret_named,
			      struct error *err);
