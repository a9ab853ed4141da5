/*
 * A host that is not in the position has come since, and is read from its head. A host without
 * files keeps its place for KEEP_USEC after its last entry, so that files that come back are not
 * reported again.
 *
 * To begin elsewhere than at its head, a host is opened there once, and its place is noted: so the
 * position has it before anything was read. If the host cannot be opened, the time is noted.
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
#define ATTEMPTS    3			/* to open files that are cut or renamed meanwhile */

/* If its files were renamed since they were listed, it is opened with their new names. */
static void note_host(struct hosts *hs, struct host *h, const struct source_options *begin)
{
	int r = -EIO;

	h->changed = true;
	for (int attempt = 0; attempt < ATTEMPTS && (r == -EIO || h->changed); attempt++) {
		host_open(h, begin, begin);
		r = host_note_place(h);
		host_close(h);
		if (hs->inotify_fd >= 0)
			(void)hosts_process(hs); /* an error recurs at the next call */
	}
	if (h->place.len == 0 && h->bad.partial)
		h->since_usec = begin->from_end ? begin->now_usec : begin->since_usec;
}

/* For each host that has no place yet; hosts that come meanwhile are new. */
static int note_begin(struct hosts *hs, const struct source_options *begin)
{
	AUTO_FREE struct host **all = calloc(hs->n + 1, sizeof(*all));
	size_t n = hs->n;

	if (!all)
		return -ENOMEM;
	if (n > 0)
		memcpy(all, hs->all, n * sizeof(*all));
	for (size_t i = 0; i < n; i++)
		if (all[i]->place.len == 0)
			note_host(hs, all[i], begin);
	return 0;
}

/* Each host begins a little before a time, or at its own end if that is earlier. */
static int begin_at_time(struct hosts *hs, const struct source_options *options, uint64_t usec)
{
	struct source_options begin = *options;

	begin.resume = NULL;
	begin.since_usec = usec > MARGIN_USEC ? usec - MARGIN_USEC : 1;
	return note_begin(hs, &begin);
}

static uint64_t read_until(const struct journal_position *p)
{
	return p->until_usec > p->time_usec ? p->until_usec : p->time_usec;
}

/* A position of the journal, from before the directory was a collector's. */
static int begin_at_journal(struct hosts *hs, const struct source_options *options,
			    struct error *err)
{
	struct journal_position p;
	int r = journal_position_parse(slice_of(options->resume), &p, err);

	return r != 0 ? r : begin_at_time(hs, options, read_until(&p));
}

/*
 * Sets a host's place. A host without files is made, because they may come back, unless its last
 * entry is from before @forget_usec. *ret_time: of the place's record. 1 if it has files; 0;
 * -EINVAL; -ENOMEM.
 */
static int set_place(struct hosts *hs, struct slice name, struct slice place, uint64_t forget_usec,
		     uint64_t *ret_time)
{
	char text[HOST_ID_MAX];
	struct journal_position p = {.cursor = ""};
	const char *slash;
	struct slice stem;
	struct host *h;
	int r;

	if (name.n == 0 || name.n >= sizeof(text) || memchr(name.p, '\0', name.n) ||
	    (place.n > 0 && journal_position_parse(place, &p, NULL) != 0))
		return -EINVAL;
	*ret_time = p.time_usec;
	memcpy(text, name.p, name.n);
	text[name.n] = '\0';
	h = hosts_get(hs, text, NULL);
	if (!h && read_until(&p) < forget_usec)
		return 0;
	slash = strchr(text, '/');
	stem = slice_of(slash ? slash + 1 : text);
	if (!h)
		h = hosts_get(hs, text, &stem);
	if (!h)
		return -ENOMEM;
	h->lost = true;
	buffer_clear(&h->place);
	/* Without a cursor the place is a time at which the host could not be opened. */
	h->since_usec = *p.cursor ? 0 : p.time_usec;
	r = h->since_usec ? 0 : buffer_append_slice(&h->place, place);
	return r < 0 ? r : h->n_files > 0;
}

static int begin_at_position(struct hosts *hs, const struct source_options *options,
			     uint64_t *ret_until_usec, struct error *err)
{
	uint64_t now = options->now_usec, time = 0;
	struct collector_text t;
	struct slice name, place = {NULL, 0};
	unsigned known = 0;
	int r = collector_text_parse(slice_of(options->resume), &t, err);

	if (r != 0)
		return r;
	while ((r = collector_text_next(&t, &name, &place)) > 0) {
		r = set_place(hs, name, place, !t.record && now > KEEP_USEC ? now - KEEP_USEC : 0,
			      &time);
		if (r < 0)
			break;
		known += (unsigned)r;
	}
	if (r == -EINVAL || (t.record && r == 0 && place.n == 0)) {
		error_set(err, NULL, 0, 0, "the position of the collector cannot be parsed");
		return SOURCE_E_POSITION;
	}
	if (r < 0)
		return r;
	/* A record's position is from the ledger, if the stored position was lost. */
	if (t.record)
		return begin_at_time(hs, options, time);
	*ret_until_usec = t.until_usec;
	/* If none of its hosts exists, the position is another directory's. */
	return t.hosts > 0 && known == 0 ? begin_at_time(hs, options, t.until_usec) : 0;
}

int collector_begin(struct hosts *hs, const struct source_options *options,
		    uint64_t *ret_until_usec, struct error *err)
{
	if (options->resume)
		return collector_text_owns(slice_of(options->resume))
			       ? begin_at_position(hs, options, ret_until_usec, err)
			       : begin_at_journal(hs, options, err);
	return options->since_usec || options->from_end ? note_begin(hs, options) : 0;
}
