/*
 * What a host uploads late is older than what others sent meanwhile, and one sd_journal over the
 * whole directory would have passed it already. So each host has a place of its own, and only the
 * records of one host have an order.
 *
 * A follower reads the hosts that have something new in turn. OPEN_HOSTS of them stay open, so that
 * memory and descriptors do not grow with the number of hosts (to open one takes some 0.1 ms). A
 * scan is for people: with up to MERGED_FILES files all hosts are open at once, and the earliest
 * record comes first. (An open file costs 2 KiB of memory, and its pages in the page cache.)
 */
#include "source/collector/ops.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "source/collector/begin.h"
#include "source/collector/names.h"
#include "source/collector/text.h"
#include "source/journal/access.h"

#define OPEN_HOSTS   64	  /* kept open while following */
#define TURN	     1000 /* records of a host before the next one's turn */
#define CLOSE_AFTER  5000 /* entries whose mappings are worth unmapping */
#define MERGED_FILES 2048 /* of up to 16 mappings of 8 MiB each; vm.max_map_count is 65530 */
#define SPARE_FILES  64	  /* descriptors that are not journal files */

struct collector {
	struct source source;
	struct source_options options;
	struct hosts hosts;
	uint64_t until_usec; /* of the position, on this machine's clock: for a change of source */

	struct host *current; /* returned the last record; NULL: at the end */
	unsigned turn;	      /* records that it returned in a row */
	size_t next_host;     /* where to continue to look for an unread one */

	struct host *open[OPEN_HOSTS]; /* read to their end and open, the latest first */
	size_t n_open;

	bool by_time;	     /* records are returned in order of time */
	struct host **ahead; /* hosts with a record ahead, the earliest last */
	size_t n_ahead;

	uint64_t records; /* of hosts that are closed */
	struct buffer position;
};

static struct collector *collector_of(struct source *s)
{
	return (struct collector *)s;
}

static uint64_t steady_usec(const struct collector *c)
{
	return c->options.clock(CLOCK_MONOTONIC);
}

/* ---- hosts that stay open ---- */

static void forget_open(struct collector *c, const struct host *h)
{
	for (size_t i = 0; i < c->n_open; i++)
		if (c->open[i] == h) {
			memmove(c->open + i, c->open + i + 1,
				(c->n_open - i - 1) * sizeof(struct host *));
			c->n_open--;
			return;
		}
}

static uint64_t n_entries(struct host *h)
{
	struct source_progress p = {0};

	if (h->source)
		source_progress(h->source, &p);
	return p.records;
}

static void close_host(struct collector *c, struct host *h)
{
	forget_open(c, h);
	c->records += n_entries(h);
	host_close(h);
}

/*
 * Closing the host loses what was not read of a file that was removed meanwhile. Only that its
 * files changed is known, so something may be lost.
 */
static void close_least_recent(struct collector *c)
{
	struct host *h = c->open[c->n_open - 1];

	h->lost |= h->unread && h->changed;
	close_host(c, h);
}

static void keep_open(struct collector *c, struct host *h)
{
	forget_open(c, h);
	if (c->n_open == OPEN_HOSTS)
		close_least_recent(c);
	memmove(c->open + 1, c->open, c->n_open * sizeof(struct host *));
	c->open[0] = h;
	c->n_open++;
}

static void fail_host(struct collector *c, struct host *h, int error)
{
	close_host(c, h);
	while (error == -EIO && c->n_open > 0)
		close_least_recent(
			c); /* the address of a SIGBUS does not say whose mapping it was */
	host_failed(h, error, c->options.follow, steady_usec(c));
	h->unread = h->bad.due;
}

/* All of the host was read. */
static void end_host(struct collector *c, struct host *h)
{
	int r = host_note_place(h);

	if (r < 0) {
		fail_host(c, h, r);
		return;
	}
	/* Its files have changed, so it is read once more. */
	h->unread = h->changed && h->n_files > 0;
	if (h->bad.partial && !h->unread) {
		fail_host(c, h, -h->bad.error);
		return;
	}
	if (!h->bad.partial)
		host_succeeded(h);
	if (!c->options.follow || h->changed || n_entries(h) > CLOSE_AFTER)
		close_host(c, h);
	else if (h->source)
		keep_open(c, h);
}

/* ---- reading ---- */

/* Opens the next host that is unread. NULL: there is none. */
static struct host *open_next(struct collector *c)
{
	for (size_t i = 0; i < c->hosts.n; i++) {
		struct host *h = c->hosts.all[c->next_host++ % c->hosts.n];

		if (!h->unread)
			continue;
		if (!h->source)
			host_open(h, &c->options, NULL);
		return h;
	}
	return NULL;
}

/* A host that sends without a pause must not delay the others. */
static void end_turn(struct collector *c)
{
	int r = host_note_place(c->current);

	if (r < 0)
		fail_host(c, c->current, r);
	else
		keep_open(c, c->current);
	c->current = NULL;
	if (c->options.follow)
		(void)hosts_process(&c->hosts); /* an error recurs at the next call */
}

static int next_in_turn(struct collector *c, struct record *ret)
{
	for (;;) {
		int r;

		if (c->current && c->turn >= TURN)
			end_turn(c);
		if (!c->current) {
			c->current = open_next(c);
			c->turn = 0;
		}
		if (!c->current)
			return 0;
		r = host_next(c->current, ret);
		/* Before SOURCE_AGAIN many entries were read, which is a whole turn. */
		c->turn += r == SOURCE_AGAIN ? TURN : 1;
		if (r > 0)
			return r;
		if (r < 0)
			fail_host(c, c->current, r);
		else
			end_host(c, c->current);
		c->current = NULL;
	}
}

/* Reads a host's next record, with its details, before its turn; the place stays before it. */
static int read_ahead(struct host *h)
{
	int r = host_note_place(h);

	if (r == 0)
		r = host_next(h, &h->record.ahead);
	if (r != 1)
		return r;
	r = host_details(h, &h->record.ahead);
	if (r == -EAGAIN)
		return SOURCE_AGAIN;
	return r < 0 ? r : 1;
}

static void put_ahead(struct collector *c, struct host *h)
{
	size_t low = 0, high = c->n_ahead;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (c->ahead[middle]->record.ahead.realtime_usec > h->record.ahead.realtime_usec)
			low = middle + 1;
		else
			high = middle;
	}
	memmove(c->ahead + low + 1, c->ahead + low, (c->n_ahead - low) * sizeof(struct host *));
	c->ahead[low] = h;
	c->n_ahead++;
}

static int next_by_time(struct collector *c, struct record *ret)
{
	for (;;) {
		struct host *h = c->current ? c->current : open_next(c);
		int r;

		if (!h)
			break;
		c->current = h;
		r = read_ahead(h);
		if (r == SOURCE_AGAIN)
			return r;
		c->current = NULL;
		h->unread = false;
		if (r > 0)
			put_ahead(c, h);
		else if (r < 0)
			fail_host(c, h, r);
		else
			end_host(c, h);
	}
	if (c->n_ahead == 0)
		return 0;
	c->current = c->ahead[--c->n_ahead];
	*ret = c->current->record.ahead;
	return 1;
}

static int collector_next(struct source *source, struct record *ret)
{
	struct collector *c = collector_of(source);

	return c->by_time ? next_by_time(c, ret) : next_in_turn(c, ret);
}

static int collector_details(struct source *source, struct record *r)
{
	struct collector *c = collector_of(source);
	int k;

	if (c->by_time) {
		*r = c->current->record.ahead;
		return 0;
	}
	k = host_details(c->current, r);
	if (k < 0 && k != -EAGAIN) {
		fail_host(c, c->current, k);
		c->current = NULL;
		k = -EAGAIN; /* the host's place is before it */
	}
	return k;
}

/* ---- waiting ---- */

static int collector_wait_fd(struct source *source, short *ret_events, uint64_t *ret_timeout_usec)
{
	struct collector *c = collector_of(source);
	uint64_t now = steady_usec(c);

	*ret_events = POLLIN;
	*ret_timeout_usec = UINT64_MAX;
	for (size_t i = 0; i < c->hosts.n; i++) {
		const struct host *h = c->hosts.all[i];
		uint64_t left = h->bad.retry_usec > now ? h->bad.retry_usec - now : 0;

		if (h->unread)
			*ret_timeout_usec = 0;
		else if (h->bad.retry_usec && left < *ret_timeout_usec)
			*ret_timeout_usec = left;
	}
	return c->hosts.inotify_fd;
}

static int collector_process(struct source *source)
{
	struct collector *c = collector_of(source);
	uint64_t now = steady_usec(c);
	int r = hosts_process(&c->hosts);

	for (size_t i = 0; i < c->hosts.n; i++) {
		struct host *h = c->hosts.all[i];

		if (h->bad.retry_usec && now >= h->bad.retry_usec) {
			h->bad.retry_usec = 0;
			h->unread = true;
		}
	}
	return r;
}

static int collector_position(struct source *source, uint64_t read_until_usec, struct slice *ret)
{
	struct collector *c = collector_of(source);
	int r = 0;

	/* The places of hosts with a record ahead were noted before it. */
	if (c->current && !c->by_time)
		r = host_note_place(c->current);
	if (r < 0) {
		fail_host(c, c->current, r);
		c->current = NULL;
	}
	if (read_until_usec > c->until_usec)
		c->until_usec = read_until_usec;
	buffer_clear(&c->position);
	r = hosts_format(&c->hosts, c->until_usec, &c->position);
	*ret = buffer_slice(&c->position);
	return r;
}

#define HOST_SHARE 1000 /* of the progress, for each host */

static void collector_progress(struct source *source, struct source_progress *ret)
{
	struct collector *c = collector_of(source);

	*ret = (struct source_progress){.total = c->hosts.n * HOST_SHARE, .records = c->records};
	for (size_t i = 0; i < c->hosts.n; i++) {
		struct host *h = c->hosts.all[i];
		struct source_progress p = {0};

		if (h->source)
			source_progress(h->source, &p);
		ret->records += p.records;
		if (p.total)
			ret->done += (uint64_t)((double)p.done / (double)p.total * HOST_SHARE);
		else if (!h->unread && !h->source)
			ret->done += HOST_SHARE;
	}
}

static void collector_free(struct source *source)
{
	struct collector *c = collector_of(source);

	hosts_done(&c->hosts);
	free(c->ahead);
	buffer_done(&c->position);
	free(c);
}

/* ---- opening ---- */

/* Whether no file can be read: the reader lacks permission then, no file is damaged. */
static bool all_unreadable(const struct hosts *hs, size_t *ret_files)
{
	size_t files = 0, readable = 0;

	for (size_t i = 0; i < hs->n; i++)
		for (size_t k = 0; k < hs->all[i]->n_files; k++) {
			AUTO_CLOSE int fd =
				open(hs->all[i]->files[k], O_RDONLY | O_CLOEXEC | O_NONBLOCK);

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

static int start(struct collector *c, const char *directory, struct error *err)
{
	size_t files;
	int r = hosts_init(&c->hosts, directory, c->options.follow);

	if (r < 0) {
		error_set(err, directory, 0, 0, "cannot be read: %s", strerror(-r));
		return r == -ENOMEM ? r : SOURCE_E_UNREADABLE;
	}
	if (all_unreadable(&c->hosts, &files)) {
		r = journal_access_check(directory, err);
		if (r != 0)
			return r;
	}
	r = collector_begin(&c->hosts, &c->options, &c->until_usec, err);
	if (r != 0)
		return r;
	c->by_time = !c->options.follow && fits(files);
	c->ahead = calloc(c->hosts.n + 1, sizeof(struct host *));
	return c->ahead ? 0 : -ENOMEM;
}

int collector_open(const char *directory, const struct source_options *options, struct source **ret,
		   struct error *err)
{
	static const struct source_ops ops = {
		.next = collector_next,
		.details = collector_details,
		.wait_fd = collector_wait_fd,
		.process = collector_process,
		.position = collector_position,
		.progress = collector_progress,
		.free = collector_free,
	};
	struct collector *c = calloc(1, sizeof(*c));
	int r = -ENOMEM;

	if (c) {
		c->source.ops = &ops;
		c->options = *options;
		if (!c->options.clock)
			c->options.clock = clock_usec;
		c->position.max = COLLECTOR_POSITION_MAX;
		r = start(c, directory, err);
	}
	if (r == 0) {
		*ret = &c->source;
		return 0;
	}
	if (r == -ENOMEM)
		error_set(err, directory, 0, 0, "out of memory");
	if (c)
		collector_free(&c->source);
	return r;
}

/* The names in the directory decide: they can be read also while its files cannot. */
enum collector_kind collector_look(const char *directory)
{
	enum collector_kind found = COLLECTOR_EMPTY;
	struct dirent *entry;
	struct slice stem;
	DIR *dir = opendir(directory);

	if (!dir)
		return COLLECTOR_NONE;
	while (found != COLLECTOR_HOSTS && (entry = readdir(dir))) {
		if (collector_name_is_machine(entry->d_name))
			found = COLLECTOR_NONE;
		else if (collector_name_stem(entry->d_name, &stem))
			found = collector_name_is_host(stem) ? COLLECTOR_HOSTS : COLLECTOR_NONE;
	}
	(void)closedir(dir);
	return found;
}

bool collector_owns_position(struct slice position)
{
	return collector_text_owns(position);
}
