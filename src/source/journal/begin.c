/*
 * Opening the journal, and going to where reading begins. It is opened anew where it was left, when
 * a file fails, and after a catch-up, so that the mappings of old files are given back.
 */
#include "source/journal/ops.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <systemd/sd-journal.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/timetext.h"
#include "source/journal/access.h"
#include "source/journal/entry.h"
#include "source/journal/internal.h"
#include "source/journal/login_hint.h"
#include "source/journal/seek.h"
#include "source/journal/sigbus.h"

#define ATTEMPTS 20 /* to open files that are cut meanwhile */

static int add_match(sd_journal *j, const char *field, const char *value)
{
	char match[256];
	int n = snprintf(match, sizeof(match), "%s=%s", field, value);

	if (n < 0 || (size_t)n >= sizeof(match))
		return -ENAMETOOLONG;
	return sd_journal_add_match(j, match, (size_t)n);
}

/* The boot whose entries alone are read now; "" for all. */
static const char *boot_of(const struct journal *s)
{
	return journal_reads_apart(s) ? s->apart.ids[s->at_apart] : s->last.bound;
}

/* (_COMM of the programs) or (SYSLOG_IDENTIFIER of the programs) or (journald's drop notice);
 * and (the boot). */
int journal_add_matches(const struct journal *s, struct sd_journal *j)
{
	static const char *const fields[] = {"_COMM", "SYSLOG_IDENTIFIER"};
	int r;

	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		for (const char *const *p = s->programs; *p; p++) {
			r = add_match(j, fields[i], *p);
			if (r < 0)
				return r;
		}
		r = sd_journal_add_disjunction(j);
		if (r < 0)
			return r;
	}
	r = add_match(j, "MESSAGE_ID", JOURNAL_MESSAGE_ID_DROPPED);
	if (r >= 0)
		r = add_match(j, "_TRANSPORT", "driver");
	if (r < 0 || !*boot_of(s))
		return r;
	r = sd_journal_add_conjunction(j);
	return r < 0 ? r : add_match(j, "_BOOT_ID", boot_of(s));
}

static int epoll_add(int epoll_fd, int fd, int events)
{
	struct epoll_event e = {.events = (uint32_t)events};

	return epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &e) < 0 ? -errno : 0;
}

/* The journal's descriptor is a new one each time the journal is opened. */
static int make_wait_fd(struct journal *s)
{
	int fd = sd_journal_get_fd(s->j), events = sd_journal_get_events(s->j), r;

	if (fd < 0 || events < 0)
		return fd < 0 ? fd : events;
	if (s->epoll_fd >= 0)
		(void)close(s->epoll_fd);
	s->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (s->epoll_fd < 0)
		return -errno;
	r = epoll_add(s->epoll_fd, fd, events); /* EPOLLIN is POLLIN */
	if (r == 0 && s->roots.fd >= 0)
		r = epoll_add(s->epoll_fd, s->roots.fd, EPOLLIN);
	if (r == 0 && s->connection_fd >= 0)
		r = epoll_add(s->epoll_fd, s->connection_fd, EPOLLIN);
	if (r == 0 && s->active.fd >= 0)
		r = epoll_add(s->epoll_fd, s->active.fd, EPOLLIN);
	return r;
}

uint64_t journal_now_usec(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * USEC_PER_SEC + (uint64_t)now.tv_nsec / 1000;
}

uint64_t journal_steady_usec(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * USEC_PER_SEC + (uint64_t)now.tv_nsec / 1000;
}

/* The order matters: taking the fd late leaks deleted files (systemd issue 14695). */
int journal_open_again(struct journal *s)
{
	int r;

	sd_journal_close(s->j);
	s->j = NULL;
	journal_repeats_forget(&s->repeats);
	s->pending = false;
	s->gone_over = 0;
	s->since_process = 0;
	if (s->follow && journal_is_local(s)) {
		r = journal_roots_watch(&s->roots);
		if (r < 0)
			return r;
	}
	journal_active_look(&s->active, &s->last, journal_steady_usec());
	s->looked_usec = journal_now_usec();
	if (s->paths)
		r = sd_journal_open_files(&s->j, (const char **)s->paths, 0);
	else
		r = s->directory ? sd_journal_open_directory(&s->j, s->directory, 0)
				 : sd_journal_open(&s->j, SD_JOURNAL_LOCAL_ONLY);
	if (r < 0)
		return r;
	r = journal_add_matches(s, s->j);
	if (r < 0)
		return r;
	if (s->follow) {
		r = make_wait_fd(s);
		if (r < 0)
			return r;
	}
	if (sd_journal_get_cutoff_realtime_usec(s->j, &s->begin_usec, &s->end_usec) <= 0)
		s->begin_usec = s->end_usec = 0;
	return 0;
}

/* ---- places ---- */

int journal_remember(struct sd_journal *j, struct journal_position *place)
{
	AUTO_FREE char *cursor = NULL;
	uint64_t usec;
	int r;

	r = sd_journal_get_cursor(j, &cursor);
	if (r < 0)
		return r;
	r = sd_journal_get_realtime_usec(j, &usec);
	if (r < 0)
		return r;
	if (journal_fault_seen())
		return -EIO; /* they are not to be believed */
	if (strlen(cursor) >= sizeof(place->cursor))
		return -E2BIG;
	memcpy(place->cursor, cursor, strlen(cursor) + 1);
	place->time_usec = usec;
	return 0;
}

int journal_remember_current(struct journal *s)
{
	return journal_remember(s->j, journal_place(s));
}

int journal_go_to_place(struct journal *s)
{
	struct journal_landing l;
	int r = journal_seek_position(s->j, &s->last, s->begin_usec, s->end_usec, &l);

	if (r < 0)
		return r;
	s->pending = l.pending;
	s->gap = l.gap;
	s->gap_from_usec = l.gap_from_usec;
	s->gap_to_usec = l.gap_to_usec;
	return 0;
}

/*
 * One sender's files without a match: the place is behind their last entry, whatever that is, since
 * sd_journal may have found nothing in that moment only. It goes on without a file of which it
 * could not read something, and so is opened anew.
 */
static int remember_unmatched(struct journal *s)
{
	int r = journal_open_again(s);

	if (r < 0)
		return r;
	sd_journal_flush_matches(s->j);
	r = sd_journal_seek_tail(s->j);
	if (r >= 0)
		r = sd_journal_previous(s->j);
	if (r > 0)
		r = journal_remember_current(s);
	s->last.time_usec = 0; /* of no entry that was read */
	return r < 0 ? r : journal_add_matches(s, s->j);
}

/* Behind the last entry. Without any, at the head: else entries to come are never seen (254). */
static int seek_end(struct journal *s)
{
	int r = sd_journal_seek_tail(s->j);

	if (s->paths)
		s->last.until_usec = s->end_usec;
	if (r >= 0)
		r = sd_journal_previous(s->j);
	if (r > 0)
		return journal_remember_current(s);
	if (r == 0 && s->paths)
		r = remember_unmatched(s);
	return r < 0 ? r : sd_journal_seek_head(s->j);
}

/*
 * Before the first entry of that time. In files of one sender that is behind the entry before it:
 * so what comes of an earlier time later on is not passed over.
 */
static int seek_since(struct journal *s, uint64_t since_usec)
{
	int r;

	if (!s->paths)
		return sd_journal_seek_realtime_usec(s->j, since_usec);
	r = sd_journal_seek_realtime_usec(s->j, since_usec - 1);
	if (r >= 0)
		r = sd_journal_previous(s->j);
	if (r > 0)
		return journal_remember_current(s);
	return r < 0 ? r : sd_journal_seek_head(s->j);
}

static int seek_begin(struct journal *s, const struct source_options *options)
{
	int r = journal_boots_list(s->j, &s->boots);

	if (r < 0)
		return r;
	if (options->resume) {
		if (*s->last.cursor && s->last.boots.n > 0) {
			r = journal_find_apart(s);
			if (r < 0)
				return r;
		}
		if (s->apart.n == 0)
			r = journal_note_boots(s);
		return r < 0 ? r : journal_begin_pass(s);
	}
	r = journal_note_boots(s);
	if (r < 0)
		return r;
	if (options->since_usec)
		return seek_since(s, options->since_usec);
	if (options->from_end)
		return seek_end(s);
	return sd_journal_seek_head(s->j);
}

/* ---- the source ---- */

/* A journal has many files, each a descriptor; with too few, entries are missing silently. */
static void raise_file_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
}

static struct journal *journal_new(const struct source_options *options)
{
	struct journal *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->source.ops = &journal_ops;
	s->programs = options->programs;
	s->since_usec = options->since_usec;
	s->until_usec = options->until_usec;
	s->epoll_fd = s->connection_fd = s->roots.fd = -1;
	journal_active_init(&s->active);
	s->details.max = JOURNAL_DETAILS_MAX;
	s->position.max = s->identity.max = JOURNAL_POSITION_MAX;
	s->boots_text.max = JOURNAL_POSITION_MAX;
	return s;
}

static int begin(struct journal *s, const struct source_options *options, const char *name,
		 struct error *err)
{
	int r;

	if (options->resume) {
		r = journal_position_parse(slice_of(options->resume), &s->last, err);
		if (r != 0)
			return r;
	}
	s->last.one_sender = s->paths != NULL;
	do {
		journal_fault_forget();
		r = journal_open_again(s);
		if (r >= 0)
			r = seek_begin(s, options);
	} while (journal_fault_seen() && ++s->again < ATTEMPTS);
	if (r < 0)
		error_set(err, name, 0, 0, "the journal cannot be opened: %s", strerror(-r));
	return r < 0 ? r : 0;
}

/* A journal that begin() is to take; it is freed where that fails. */
static int give(struct journal *s, const struct source_options *options, const char *name,
		struct source **ret, struct error *err)
{
	int r = begin(s, options, name, err);

	if (r == 0)
		*ret = &s->source;
	else
		(void)source_free(&s->source);
	return r;
}

int journal_open(const char *directory, const struct source_options *options, struct source **ret,
		 struct error *err)
{
	struct journal *s = journal_new(options);
	int r;

	raise_file_limit();
	journal_fault_guard();
	if (s && directory)
		s->directory = strdup(directory);
	if (!s || (directory && !s->directory)) {
		free(s);
		error_set(err, directory, 0, 0, "out of memory");
		return -ENOMEM;
	}
	s->follow = options->follow;
	if (s->follow && !directory) {
		s->connection_fd = connection_watch();
		journal_active_begin(&s->active);
	}
	r = journal_access_check(s->directory, err);
	if (r != 0) {
		(void)source_free(&s->source);
		return r;
	}
	return give(s, options, directory, ret, err);
}

/* The array and the strings behind it. NULL when out of memory. */
static char **copy_paths(const char *const *paths)
{
	size_t n = 0, size = 0;
	char **copy, *at;

	for (; paths[n]; n++)
		size += strlen(paths[n]) + 1;
	copy = malloc((n + 1) * sizeof(*copy) + size);
	if (!copy)
		return NULL;
	at = (char *)(copy + n + 1);
	for (size_t i = 0; i < n; i++) {
		copy[i] = at;
		at = stpcpy(at, paths[i]) + 1;
	}
	copy[n] = NULL;
	return copy;
}

int journal_open_files(const char *const *paths, const struct source_options *options,
		       enum journal_gaps gaps, struct source **ret, struct error *err)
{
	struct journal *s = journal_new(options);
	int r;

	raise_file_limit();
	journal_fault_guard();
	if (s)
		s->paths = copy_paths(paths);
	if (!s || !s->paths) {
		free(s);
		error_set(err, paths[0], 0, 0, "out of memory");
		return -ENOMEM;
	}
	r = give(s, options, paths[0], ret, err);
	if (r == 0 && gaps == JOURNAL_GAPS_KNOWN)
		s->gap = false;
	return r;
}
