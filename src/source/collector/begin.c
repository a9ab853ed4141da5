/*
 * A host that is not in the position has come since, and is read from its head. One whose files are
 * all gone keeps its place for KEEP_USEC behind its last entry, so that what comes back is not told
 * again.
 *
 * Where a lane is to begin elsewhere than at its head it is opened there once, and its place is
 * noted at once: the position says so before anything was read. Where it cannot be opened the time
 * is noted, so that when it can, what lies before is not told as new.
 */
#include "source/collector/begin.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/timetext.h"
#include "source/collector/text.h"
#include "source/journal/cursor.h"

#define KEEP_USEC   (90 * 24 * USEC_PER_HOUR)
#define MARGIN_USEC (60 * USEC_PER_SEC) /* of a resume by time */
#define ATTEMPTS    3			/* to open files that are cut meanwhile */

/* Where its files were renamed since they were listed, it is opened with what they are now. */
static void note_lane(struct lanes *ls, struct lane *l, const struct source_options *begin)
{
	int r = -EIO;

	l->changed = true;
	for (int attempt = 0; attempt < ATTEMPTS && (r == -EIO || l->changed); attempt++) {
		lane_open(l, begin, begin);
		r = lane_note_place(l);
		lane_close(l);
		if (ls->inotify_fd >= 0)
			(void)lanes_process(ls); /* fails again when it is asked for */
	}
	if (l->place.len == 0 && l->partial)
		l->since_usec = begin->from_end ? begin->now_usec : begin->since_usec;
}

/* Of each lane that has no place yet; not of those that come meanwhile, which are new. */
static int note_begin(struct lanes *ls, const struct source_options *begin)
{
	AUTO_FREE struct lane **all = calloc(ls->n + 1, sizeof(*all));
	size_t n = ls->n;

	if (!all)
		return -ENOMEM;
	if (n > 0)
		memcpy(all, ls->all, n * sizeof(*all));
	for (size_t i = 0; i < n; i++)
		if (all[i]->place.len == 0)
			note_lane(ls, all[i], begin);
	return 0;
}

/* Each lane begins a little before a time, or at its own end where that is earlier. */
static int begin_at_time(struct lanes *ls, const struct source_options *options, uint64_t usec)
{
	struct source_options begin = *options;

	begin.resume = NULL;
	begin.since_usec = usec > MARGIN_USEC ? usec - MARGIN_USEC : 1;
	return note_begin(ls, &begin);
}

/* A position of the journal, from before the directory was read host by host. */
static int begin_at_journal(struct lanes *ls, const struct source_options *options,
			    struct error *err)
{
	struct journal_position p;
	int r = journal_position_parse(slice_of(options->resume), &p, err);

	if (r != 0)
		return r;
	return begin_at_time(ls, options, p.until_usec > p.time_usec ? p.until_usec : p.time_usec);
}

int collection_begin(struct lanes *ls, const struct source_options *options,
		     uint64_t *ret_until_usec, struct error *err)
{
	struct slice resume = slice_of(options->resume);
	uint64_t usec = 0, now = options->now_usec;
	size_t known = 0, named = 0;
	int r;

	if (!options->resume) {
		if (options->since_usec || options->from_end)
			return note_begin(ls, options);
		return 0;
	}
	if (!collection_position_owns(resume))
		return begin_at_journal(ls, options, err);
	r = collection_position_parse_lane(ls, resume, &usec, err);
	if (r == 0)
		/* A record's, from the ledger, where the stored position was lost. */
		return begin_at_time(ls, options, usec);
	if (r != -EINVAL)
		return r;
	r = collection_position_parse(ls, resume, now > KEEP_USEC ? now - KEEP_USEC : 0, &usec,
				      &known, &named, err);
	if (r != 0)
		return r;
	*ret_until_usec = usec;
	if (named > 0 && known == 0)
		/* None of its hosts is here: the position is another directory's. */
		return begin_at_time(ls, options, usec);
	return 0;
}
