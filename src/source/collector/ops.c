/*
 * What a host uploads late is older than what others sent meanwhile, and in one sd_journal over the
 * whole directory it lies behind the reader. So each host's files are a lane, with a place of its
 * own, and only within a lane is there an order.
 *
 * Following, lanes are read in turn, those that something happened to; OPEN_LANES of them stay
 * open, so that memory and descriptors do not grow with the number of hosts (opening one takes some
 * 0.1 ms). A reading to the end is for people: as long as MERGED_FILES are not exceeded, all lanes
 * are open at once and the earliest record comes first. (An open file costs 2 KiB of memory, and
 * its pages in the page cache.)
 */
#include "source/collector/ops.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/resource.h>
#include <time.h>

#include "base/timetext.h"
#include "source/collector/begin.h"
#include "source/collector/text.h"
#include "source/journal/access.h"

#define OPEN_LANES   64	  /* kept open while following */
#define TURN	     1000 /* records of a lane before another has its turn */
#define CLOSE_AFTER  5000 /* entries whose mappings are worth giving back */
#define MERGED_FILES 2048 /* of up to 16 mappings of 8 MiB each; vm.max_map_count is 65530 */
#define SPARE_FILES  64	  /* descriptors that are no journal files */

struct collection_source {
	struct source source;
	struct source_options options;
	struct lanes lanes;
	uint64_t until_usec; /* of the position: by this machine's clock, for a change of source */

	struct lane *current; /* gave the last record; NULL: at the end */
	unsigned turn;	      /* records that it gave without a pause */
	size_t next_lane;     /* where to look on for an unread one */

	struct lane *open[OPEN_LANES]; /* read to their end and open, the latest first */
	size_t n_open;

	bool by_time;	     /* records are given in order of time */
	struct lane **ahead; /* lanes that hold a record, the earliest last */
	size_t n_ahead;

	uint64_t records; /* gone over in lanes that are closed */
	struct buffer position;
};

static struct collection_source *collection_of(struct source *s)
{
	return (struct collection_source *)s;
}

static uint64_t monotonic_usec(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * USEC_PER_SEC + (uint64_t)now.tv_nsec / 1000;
}

/* ---- lanes that stay open ---- */

static void forget_open(struct collection_source *c, const struct lane *l)
{
	for (size_t i = 0; i < c->n_open; i++)
		if (c->open[i] == l) {
			memmove(c->open + i, c->open + i + 1,
				(c->n_open - i - 1) * sizeof(struct lane *));
			c->n_open--;
			return;
		}
}

static uint64_t gone_over(struct lane *l)
{
	struct source_progress p = {0};

	if (l->source)
		source_progress(l->source, &p);
	return p.records;
}

static void close_lane(struct collection_source *c, struct lane *l)
{
	forget_open(c, l);
	c->records += gone_over(l);
	lane_close(l);
}

static void close_oldest(struct collection_source *c)
{
	struct lane *l = c->open[c->n_open - 1];

	l->lost |= l->unread && l->changed; /* what went may only have been readable here */
	close_lane(c, l);
}

static void keep_open(struct collection_source *c, struct lane *l)
{
	forget_open(c, l);
	if (c->n_open == OPEN_LANES)
		close_oldest(c);
	memmove(c->open + 1, c->open, c->n_open * sizeof(struct lane *));
	c->open[0] = l;
	c->n_open++;
}

static void fail_lane(struct collection_source *c, struct lane *l, int error)
{
	close_lane(c, l);
	while (error == -EIO && c->n_open > 0)
		close_oldest(c); /* a fault (journal_fault) does not say in whose mapping it was */
	lane_failed(l, error, c->options.follow, monotonic_usec());
	l->unread = l->bad_due;
}

/* All of the lane was given. */
static void end_lane(struct collection_source *c, struct lane *l)
{
	int r = lane_note_place(l);

	if (r < 0) {
		fail_lane(c, l, r);
		return;
	}
	/* Read to the end of files that are others now: once more, with those. */
	l->unread = l->changed && l->n_files > 0;
	if (l->partial && !l->unread) {
		fail_lane(c, l, -l->bad_error);
		return;
	}
	if (!l->partial)
		lane_succeeded(l);
	if (!c->options.follow || l->changed || gone_over(l) > CLOSE_AFTER)
		close_lane(c, l);
	else if (l->source)
		keep_open(c, l);
}

/* ---- reading ---- */

/* The next lane that is unread, open; NULL where there is none. */
static struct lane *take_lane(struct collection_source *c)
{
	for (size_t i = 0; i < c->lanes.n; i++) {
		struct lane *l = c->lanes.all[c->next_lane++ % c->lanes.n];

		if (!l->unread)
			continue;
		if (!l->source)
			lane_open(l, &c->options, NULL);
		return l;
	}
	return NULL;
}

/* A host that sends without end must not keep the others waiting. */
static void end_turn(struct collection_source *c)
{
	int r = lane_note_place(c->current);

	if (r < 0)
		fail_lane(c, c->current, r);
	else
		keep_open(c, c->current);
	c->current = NULL;
	if (c->options.follow)
		(void)lanes_process(&c->lanes); /* fails again when it is asked for */
}

static int next_in_turn(struct collection_source *c, struct record *ret)
{
	for (;;) {
		int r;

		if (c->current && c->turn >= TURN)
			end_turn(c);
		if (!c->current) {
			c->current = take_lane(c);
			c->turn = 0;
		}
		if (!c->current)
			return 0;
		r = lane_next(c->current, ret);
		c->turn += r == SOURCE_AGAIN ? TURN : 1;
		if (r > 0)
			return r;
		if (r < 0)
			fail_lane(c, c->current, r);
		else
			end_lane(c, c->current);
		c->current = NULL;
	}
}

/* Reads a lane's next record, with its details, ahead of its turn; its place stays before it. */
static int read_ahead(struct lane *l)
{
	int r = lane_note_place(l);

	if (r == 0)
		r = lane_next(l, &l->held);
	if (r != 1)
		return r;
	r = lane_details(l, &l->held);
	if (r == -EAGAIN)
		return SOURCE_AGAIN;
	return r < 0 ? r : 1;
}

static void put_ahead(struct collection_source *c, struct lane *l)
{
	size_t low = 0, high = c->n_ahead;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (c->ahead[middle]->held.realtime_usec > l->held.realtime_usec)
			low = middle + 1;
		else
			high = middle;
	}
	memmove(c->ahead + low + 1, c->ahead + low, (c->n_ahead - low) * sizeof(struct lane *));
	c->ahead[low] = l;
	c->n_ahead++;
}

static int next_by_time(struct collection_source *c, struct record *ret)
{
	for (;;) {
		struct lane *l = c->current ? c->current : take_lane(c);
		int r;

		if (!l)
			break;
		c->current = l;
		r = read_ahead(l);
		if (r == SOURCE_AGAIN)
			return r;
		c->current = NULL;
		l->unread = false;
		if (r > 0)
			put_ahead(c, l);
		else if (r < 0)
			fail_lane(c, l, r);
		else
			end_lane(c, l);
	}
	if (c->n_ahead == 0)
		return 0;
	c->current = c->ahead[--c->n_ahead];
	*ret = c->current->held;
	return 1;
}

static int collection_next(struct source *source, struct record *ret)
{
	struct collection_source *c = collection_of(source);

	return c->by_time ? next_by_time(c, ret) : next_in_turn(c, ret);
}

static int collection_details(struct source *source, struct record *r)
{
	struct collection_source *c = collection_of(source);
	int k;

	if (c->by_time) {
		*r = c->current->held;
		return 0;
	}
	k = lane_details(c->current, r);
	if (k < 0 && k != -EAGAIN) {
		fail_lane(c, c->current, k);
		c->current = NULL;
		k = -EAGAIN; /* the lane's place is before it */
	}
	return k;
}

/* ---- waiting ---- */

static int collection_wait_fd(struct source *source, short *ret_events, uint64_t *ret_timeout_usec)
{
	struct collection_source *c = collection_of(source);
	uint64_t now = monotonic_usec();

	*ret_events = POLLIN;
	*ret_timeout_usec = UINT64_MAX;
	for (size_t i = 0; i < c->lanes.n; i++) {
		const struct lane *l = c->lanes.all[i];
		uint64_t left = l->retry_usec > now ? l->retry_usec - now : 0;

		if (l->unread)
			*ret_timeout_usec = 0;
		else if (l->retry_usec && left < *ret_timeout_usec)
			*ret_timeout_usec = left;
	}
	return c->lanes.inotify_fd;
}

static int collection_process(struct source *source)
{
	struct collection_source *c = collection_of(source);
	uint64_t now = monotonic_usec();
	int r = lanes_process(&c->lanes);

	for (size_t i = 0; i < c->lanes.n; i++) {
		struct lane *l = c->lanes.all[i];

		if (l->retry_usec && now >= l->retry_usec) {
			l->retry_usec = 0;
			l->unread = true;
		}
	}
	return r;
}

static int collection_position(struct source *source, uint64_t read_until_usec, struct slice *ret)
{
	struct collection_source *c = collection_of(source);
	int r = 0;

	/* Of what is open to be read ahead, the places stand as they were noted. */
	if (c->current && !c->by_time)
		r = lane_note_place(c->current);
	if (r < 0) {
		fail_lane(c, c->current, r);
		c->current = NULL;
	}
	if (read_until_usec > c->until_usec)
		c->until_usec = read_until_usec;
	buffer_clear(&c->position);
	r = collection_position_format(&c->lanes, c->until_usec, &c->position);
	*ret = buffer_slice(&c->position);
	return r;
}

#define LANE_SHARE 1000 /* each lane counts as many in the progress, whatever its length */

static void collection_progress(struct source *source, struct source_progress *ret)
{
	struct collection_source *c = collection_of(source);

	*ret = (struct source_progress){.total = c->lanes.n * LANE_SHARE, .records = c->records};
	for (size_t i = 0; i < c->lanes.n; i++) {
		struct lane *l = c->lanes.all[i];
		struct source_progress p = {0};

		if (l->source)
			source_progress(l->source, &p);
		ret->records += p.records;
		if (p.total)
			ret->done += (uint64_t)((double)p.done / (double)p.total * LANE_SHARE);
		else if (!l->unread && !l->source)
			ret->done += LANE_SHARE;
	}
}

static void collection_free(struct source *source)
{
	struct collection_source *c = collection_of(source);

	lanes_done(&c->lanes);
	free(c->ahead);
	buffer_done(&c->position);
	free(c);
}

/* ---- opening ---- */

/* Whether no file may be read: then the reader's rights are wrong, not a file. */
static bool all_unreadable(const struct lanes *ls, size_t *ret_files)
{
	size_t files = 0, readable = 0;

	for (size_t i = 0; i < ls->n; i++)
		for (size_t k = 0; k < ls->all[i]->n_files; k++) {
			AUTO_CLOSE int fd =
				open(ls->all[i]->files[k], O_RDONLY | O_CLOEXEC | O_NONBLOCK);

			files++;
			readable += fd >= 0;
		}
	*ret_files = files;
	return files > 0 && readable == 0;
}

static bool fits(size_t files)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return false;
	return files <= MERGED_FILES && files + SPARE_FILES <= limit.rlim_max;
}

static int start(struct collection_source *c, const char *directory, struct error *err)
{
	size_t files;
	int r = lanes_init(&c->lanes, directory, c->options.follow);

	if (r < 0) {
		error_set(err, directory, 0, 0, "cannot be read: %s", strerror(-r));
		return r == -ENOMEM ? r : SOURCE_E_UNREADABLE;
	}
	if (all_unreadable(&c->lanes, &files)) {
		r = journal_access_check(directory, err);
		if (r != 0)
			return r;
	}
	r = collection_begin(&c->lanes, &c->options, &c->until_usec, err);
	if (r != 0)
		return r;
	c->by_time = !c->options.follow && fits(files);
	c->ahead = calloc(c->lanes.n + 1, sizeof(struct lane *));
	return c->ahead ? 0 : -ENOMEM;
}

int collection_open(const char *directory, const struct source_options *options,
		    struct source **ret, struct error *err)
{
	static const struct source_ops ops = {
		.next = collection_next,
		.details = collection_details,
		.wait_fd = collection_wait_fd,
		.process = collection_process,
		.position = collection_position,
		.progress = collection_progress,
		.free = collection_free,
	};
	struct collection_source *c = calloc(1, sizeof(*c));
	int r = -ENOMEM;

	if (c) {
		c->source.ops = &ops;
		c->options = *options;
		c->position.max = COLLECTION_POSITION_MAX;
		r = start(c, directory, err);
	}
	if (r == 0) {
		/* Its text is the caller's. */
		c->options.resume = NULL;
		*ret = &c->source;
		return 0;
	}
	if (r == -ENOMEM)
		error_set(err, directory, 0, 0, "out of memory");
	if (c)
		collection_free(&c->source);
	return r;
}

bool collection_owns_position(struct slice position)
{
	return collection_position_owns(position);
}
