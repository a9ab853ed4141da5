#include "source/journal/begin.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

#include "base/clock.h"
#include "source/journal/access.h"
#include "source/journal/connection_hint.h"
#include "source/journal/entry.h"
#include "source/journal/sigbus.h"

static int epoll_add(int epoll_fd, int fd, int events)
{
	struct epoll_event e = {.events = (uint32_t)events};

	return fd >= 0 && epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &e) < 0 ? -errno : 0;
}

/* The journal has a new descriptor each time that it is opened. */
static int make_wait_fd(struct journal *s)
{
	struct journal_wait *w = &s->wait;
	int fd = sd_journal_get_fd(s->reader.j), events = sd_journal_get_events(s->reader.j), r;

	if (fd < 0 || events < 0)
		return fd < 0 ? fd : events;
	if (w->epoll_fd >= 0)
		(void)close(w->epoll_fd);
	w->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (w->epoll_fd < 0)
		return -errno;
	r = epoll_add(w->epoll_fd, fd, events); /* EPOLLIN is POLLIN */
	if (r == 0)
		r = epoll_add(w->epoll_fd, w->roots.fd, EPOLLIN);
	if (r == 0)
		r = epoll_add(w->epoll_fd, w->hint_fd, EPOLLIN);
	return r;
}

int journal_reopen(struct journal *s)
{
	int r;

	cursor_reader_close(&s->reader);
	duplicates_forget(&s->duplicates);
	s->n_entries = 0;
	s->since_process = 0;
	if (s->follow && journal_is_local(s)) {
		r = journal_roots_watch(&s->wait.roots);
		if (r < 0)
			return r;
	}
	orphans_look(&s->orphans, &s->live, &s->reader, s->clock(CLOCK_MONOTONIC));
	s->looked_usec = s->clock(CLOCK_REALTIME);
	r = cursor_reader_open(&s->reader, s->paths, s->directory,
			       boot_pass_boot(&s->pass, &s->reader));
	/* The descriptor comes before a seek: later it leaks deleted files (systemd issue 14695).
	 */
	if (r >= 0 && s->follow)
		r = make_wait_fd(s);
	if (r < 0)
		return r;
	cursor_reader_note_bounds(&s->reader);
	return s->paths ? 0 : new_files_look(&s->new_files, &s->live, &s->reader, s->looked_usec);
}

int journal_resume(struct journal *s)
{
	int r;

	if (++s->attempts > JOURNAL_ATTEMPTS)
		return -EIO;
	journal_sigbus_forget();
	r = journal_reopen(s);
	return r < 0 ? r : boot_pass_begin(&s->pass, &s->reader);
}

/* ---- where reading begins ---- */

/*
 * One host's files have no match: the place is after their last entry, whatever that is, because
 * sd_journal may have found no match at this moment only. It is opened again, since after an error
 * in a file sd_journal continues without that file.
 */
static int remember_unmatched(struct journal *s)
{
	int r = journal_reopen(s);

	if (r < 0)
		return r;
	sd_journal_flush_matches(s->reader.j);
	r = sd_journal_seek_tail(s->reader.j);
	if (r >= 0)
		r = sd_journal_previous(s->reader.j);
	if (r > 0)
		r = cursor_reader_remember(&s->reader, &s->reader.place);
	s->reader.place.time_usec = 0; /* not an entry that was to be read */
	return r < 0 ? r : cursor_reader_match(&s->reader, "");
}

/* After the last entry; without any, at the head, or systemd 254 and later never see new ones. */
static int seek_end(struct journal *s)
{
	int r = sd_journal_seek_tail(s->reader.j);

	if (s->paths)
		s->reader.place.until_usec = s->reader.end_usec;
	if (r >= 0)
		r = sd_journal_previous(s->reader.j);
	if (r > 0)
		return cursor_reader_remember(&s->reader, &s->reader.place);
	if (r == 0 && s->paths)
		r = remember_unmatched(s);
	return r < 0 ? r : sd_journal_seek_head(s->reader.j);
}

/*
 * Before the first entry of that time. In files of one host that is after the entry before it, so
 * that an earlier entry which comes later is not missed.
 */
static int seek_since(struct journal *s)
{
	uint64_t usec = s->reader.since_usec;
	int r;

	if (!s->paths)
		return sd_journal_seek_realtime_usec(s->reader.j, usec);
	r = sd_journal_seek_realtime_usec(s->reader.j, usec - 1);
	if (r >= 0)
		r = sd_journal_previous(s->reader.j);
	if (r > 0)
		return cursor_reader_remember(&s->reader, &s->reader.place);
	return r < 0 ? r : sd_journal_seek_head(s->reader.j);
}

static int seek_begin(struct journal *s, const struct source_options *options)
{
	int r = boot_pass_init(&s->pass, &s->reader, options->resume != NULL);

	if (r < 0)
		return r;
	if (options->resume)
		return boot_pass_begin(&s->pass, &s->reader);
	if (options->since_usec)
		return seek_since(s);
	if (options->from_end)
		return seek_end(s);
	return sd_journal_seek_head(s->reader.j);
}

/* A journal has many files, and sd_journal silently skips those for which no descriptor is left. */
static void raise_file_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
}

/* Without a descriptor entries are only seen later, and no orphans. */
static void watch_machine(struct journal *s)
{
	s->wait.hint_fd = s->orphans.fd = connection_hint_open();
	if (s->wait.hint_fd >= 0)
		live_begin(&s->live);
}

int journal_begin(struct journal *s, const struct source_options *options, const char *name,
		  struct error *err)
{
	int r;

	raise_file_limit();
	journal_sigbus_guard();
	s->follow = options->follow && !s->paths;
	if (s->follow && !s->directory)
		watch_machine(s);
	r = s->paths ? 0 : journal_access_check(s->directory, err);
	if (r == 0 && options->resume)
		r = journal_position_parse(slice_of(options->resume), &s->reader.place, err);
	if (r != 0)
		return r;
	s->reader.place.one_sender = s->paths != NULL;
	s->pass.local = journal_is_local(s);
	do {
		journal_sigbus_forget();
		r = journal_reopen(s);
		if (r >= 0)
			r = seek_begin(s, options);
	} while (journal_sigbus_seen() && ++s->attempts < JOURNAL_ATTEMPTS);
	if (r < 0)
		error_set(err, name, 0, 0, "the journal cannot be opened: %s", strerror(-r));
	return r < 0 ? r : 0;
}

/* ---- the object ---- */

struct journal *journal_new(const struct source_ops *ops, const struct source_options *options)
{
	struct journal *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->source.ops = ops;
	s->reader.programs = options->programs;
	s->reader.since_usec = options->since_usec;
	s->until_usec = options->until_usec;
	s->clock = options->clock ? options->clock : clock_usec;
	s->wait.epoll_fd = s->wait.hint_fd = s->wait.roots.fd = -1;
	live_init(&s->live);
	s->record.details.max = JOURNAL_DETAILS_MAX;
	s->record.position.max = s->record.identity.max = JOURNAL_POSITION_MAX;
	s->pass.text.max = JOURNAL_POSITION_MAX;
	return s;
}

static void close_fd(int fd)
{
	if (fd >= 0)
		(void)close(fd);
}

void journal_free(struct journal *s)
{
	if (!s)
		return;
	cursor_reader_close(&s->reader);
	duplicates_forget(&s->duplicates);
	orphans_done(&s->orphans);
	close_fd(s->wait.epoll_fd);
	close_fd(s->wait.hint_fd);
	close_fd(s->wait.roots.fd);
	live_done(&s->live);
	new_files_done(&s->new_files);
	skipped_done(&s->skipped);
	free(s->directory);
	free(s->paths);
	buffer_done(&s->pass.text);
	buffer_done(&s->record.details);
	buffer_done(&s->record.position);
	buffer_done(&s->record.identity);
	free(s);
}
