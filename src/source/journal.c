/*
 * The journal as a source. What sd_journal(3) does not promise is made good here: readability is
 * checked first (journal_access), resuming takes more than seek_cursor() (journal_seek), followers
 * are told of new entries late (connection), and an error of one file is got over by process(), or
 * by opening anew.
 *
 * The fast path is next(): one sd_journal_next() and one sd_journal_get_data("MESSAGE"). Data of
 * sd_journal lives until its next call only, so details() copies what it takes.
 */
#include "source/journal.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <systemd/sd-id128.h>
#include <systemd/sd-journal.h>
#include <time.h>

#include "base/buffer.h"
#include "base/number.h"
#include "base/timetext.h"
#include "source/connection.h"
#include "source/journal_access.h"
#include "source/journal_boots.h"
#include "source/journal_fault.h"
#include "source/journal_position.h"
#include "source/journal_record.h"
#include "source/journal_seek.h"
#include "text/login.h"

#define PROCESS_EVERY	1000		   /* entries of a catch-up between two process() */
#define AGAIN_EVERY	16384		   /* entries between two SOURCE_AGAIN; a power of 2 */
#define AGAIN_MAX	20		   /* times in a row; then the caller has to see to it */
#define REOPEN_AFTER	5000		   /* entries whose mappings are worth giving back */
#define LOOK_USEC	(3 * USEC_PER_SEC) /* after a connection, look often as long */
#define LOOK_EVERY_USEC UINT64_C(20000)

struct journal {
	struct source source;
	sd_journal *j;
	char *directory; /* NULL: this machine's journal */
	const char *const *programs;
	uint64_t until_usec;
	bool follow;

	bool pending; /* the entry that a seek ended on is the next one */
	bool ended;   /* until_usec was reached */
	bool gap;     /* a RECORD_GAP is the next record */
	uint64_t gap_from_usec, gap_to_usec;
	uint64_t begin_usec, end_usec; /* what the journal holds, for progress() */
	uint64_t gone_over;	       /* entries since the journal was opened */
	uint64_t since_usec;	       /* where reading began, while no entry was read */
	unsigned again;		       /* times in a row that it had to be opened anew */
	unsigned since_process;	       /* entries since process() was called */

	int epoll_fd;		  /* of what wait_fd() gives: journal and connections; -1: none */
	int connection_fd;	  /* connection_watch(); -1: none */
	uint64_t look_until_usec; /* look often until then; CLOCK_MONOTONIC */

	/*
	 * The place that positions tell of. While boots are read apart (next_pass()), it stays
	 * before them, and the place in their boot is apart_last.
	 */
	struct journal_position last, apart_last;
	struct journal_boots boots, apart; /* in the journal; those to be read apart */
	size_t at_apart;		   /* apart.n: the main pass */
	uint64_t main_entries;		   /* entries of the main pass */
	struct buffer boots_text;	   /* what last.boots is a part of */

	struct buffer details, position, identity;
};

static struct journal *journal_of(struct source *s)
{
	return (struct journal *)s;
}

static bool reads_apart(const struct journal *s)
{
	return s->at_apart < s->apart.n;
}

static struct journal_position *place_of(struct journal *s)
{
	return reads_apart(s) ? &s->apart_last : &s->last;
}

/* ---- opening ---- */

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
	return reads_apart(s) ? s->apart.ids[s->at_apart] : s->last.bound;
}

/* (_COMM of the programs) or (SYSLOG_IDENTIFIER of the programs) or (journald's drop notice);
 * and (the boot). */
static int add_matches(struct journal *s)
{
	static const char *const fields[] = {"_COMM", "SYSLOG_IDENTIFIER"};
	int r;

	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		for (const char *const *p = s->programs; *p; p++) {
			r = add_match(s->j, fields[i], *p);
			if (r < 0)
				return r;
		}
		r = sd_journal_add_disjunction(s->j);
		if (r < 0)
			return r;
	}
	r = add_match(s->j, "MESSAGE_ID", JOURNAL_MESSAGE_ID_DROPPED);
	if (r >= 0)
		r = add_match(s->j, "_TRANSPORT", "driver");
	if (r < 0 || !*boot_of(s))
		return r;
	r = sd_journal_add_conjunction(s->j);
	return r < 0 ? r : add_match(s->j, "_BOOT_ID", boot_of(s));
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
	if (r == 0 && s->connection_fd >= 0)
		r = epoll_add(s->epoll_fd, s->connection_fd, EPOLLIN);
	return r;
}

/* The order matters: taking the fd late leaks deleted files (systemd issue 14695). */
static int open_journal(struct journal *s)
{
	int r;

	sd_journal_close(s->j);
	s->j = NULL;
	s->pending = false;
	s->gone_over = 0;
	s->since_process = 0;
	r = s->directory ? sd_journal_open_directory(&s->j, s->directory, 0)
			 : sd_journal_open(&s->j, SD_JOURNAL_LOCAL_ONLY);
	if (r < 0)
		return r;
	r = add_matches(s);
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

static int remember_current(struct journal *s)
{
	AUTO_FREE char *cursor = NULL;
	struct journal_position *place = place_of(s);
	uint64_t usec;
	int r;

	r = sd_journal_get_cursor(s->j, &cursor);
	if (r < 0)
		return r;
	r = sd_journal_get_realtime_usec(s->j, &usec);
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

static int seek_position(struct journal *s)
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

/* Behind the last entry. Without any, at the head: else entries to come are never seen (254). */
static int seek_end(struct journal *s)
{
	int r = sd_journal_seek_tail(s->j);

	if (r >= 0)
		r = sd_journal_previous(s->j);
	if (r > 0)
		return remember_current(s);
	return r < 0 ? r : sd_journal_seek_head(s->j);
}

/* ---- boots ---- */

static int note_boots(struct journal *s)
{
	int r;

	buffer_clear(&s->boots_text);
	r = journal_boots_format(&s->boots, &s->boots_text);
	if (r == 0)
		s->last.boots = buffer_slice(&s->boots_text);
	return r;
}

/* Whether the current entry was written behind the place, so that going on from there finds it. */
static bool is_behind(struct journal *s)
{
	AUTO_FREE char *cursor = NULL;

	return sd_journal_get_cursor(s->j, &cursor) >= 0 &&
	       journal_cursor_behind(slice_of(s->last.cursor), slice_of(cursor));
}

/*
 * Finds the boots that are new and lie, by their time, before what was read last: the order of
 * sd_journal would never come to them, unless they are of the same sequence of numbers. That of this machine comes last, since it goes on. Moves
 * the place and the matches.
 */
static int find_apart(struct journal *s)
{
	char current[SD_ID128_STRING_MAX] = "";
	sd_id128_t id;
	int r;

	s->apart.n = s->at_apart = 0;
	for (size_t i = 0; i < s->boots.n; i++) {
		const char *boot = s->boots.ids[i];
		uint64_t begin;

		if (journal_boots_named(s->last.boots, boot) ||
		    journal_position_in_boot(&s->last, boot))
			continue;
		r = journal_boots_begin(s->j, boot, &begin);
		if (r == -ENODATA || (r == 0 && !*s->last.bound &&
				      (begin > s->last.time_usec || is_behind(s))))
			continue;
		if (r < 0)
			return r;
		memcpy(s->apart.ids[s->apart.n++], boot, JOURNAL_BOOT_ID);
	}
	if (!s->directory && sd_id128_get_boot(&id) >= 0)
		(void)sd_id128_to_string(id, current);
	for (size_t i = 0; i + 1 < s->apart.n; i++)
		if (strcmp(s->apart.ids[i], current) == 0) {
			memcpy(s->apart.ids[i], s->apart.ids[s->apart.n - 1], JOURNAL_BOOT_ID);
			memcpy(s->apart.ids[s->apart.n - 1], current, JOURNAL_BOOT_ID);
		}
	return 0;
}

/* Takes the matches of the pass that begins, and goes to where it does. */
static int begin_pass(struct journal *s)
{
	int r;

	sd_journal_flush_matches(s->j);
	r = add_matches(s);
	if (r < 0)
		return r;
	s->pending = false;
	if (reads_apart(s)) {
		s->apart_last = (struct journal_position){.cursor = ""};
		return sd_journal_seek_head(s->j);
	}
	s->main_entries = 0;
	if (!*s->last.cursor && !s->last.until_usec)
		return s->since_usec ? sd_journal_seek_realtime_usec(s->j, s->since_usec)
				     : sd_journal_seek_head(s->j);
	return seek_position(s);
}

/*
 * Whether the boot that was read apart last is the one that goes on, so that from now on only it
 * is read: it is this machine's current one, or in a directory of one machine, nothing came of
 * the boot that was read before.
 */
static bool goes_on_apart(struct journal *s)
{
	const char *boot = s->apart.ids[s->apart.n - 1];
	char current[SD_ID128_STRING_MAX];
	sd_id128_t id;

	if (!s->directory)
		return sd_id128_get_boot(&id) >= 0 &&
		       strcmp(sd_id128_to_string(id, current), boot) == 0;
	return s->main_entries == 0 && journal_boots_one_machine(s->j);
}

/* The end of a pass was reached: 1 if another one begins, 0 if it was the last, -errno. */
static int next_pass(struct journal *s)
{
	int r;

	if (s->apart.n == 0)
		return 0;
	if (reads_apart(s)) {
		s->at_apart++;
		r = begin_pass(s);
		return r < 0 ? r : 1;
	}
	if (goes_on_apart(s)) {
		memcpy(s->last.bound, s->apart.ids[s->apart.n - 1], JOURNAL_BOOT_ID);
		if (*s->apart_last.cursor) {
			memcpy(s->last.cursor, s->apart_last.cursor, sizeof(s->last.cursor));
			s->last.time_usec = s->apart_last.time_usec;
		}
	}
	s->apart.n = s->at_apart = 0;
	r = note_boots(s);
	if (r == 0 && *s->last.bound)
		r = begin_pass(s);
	return r < 0 ? r : *s->last.bound != '\0';
}

/* ---- reading ---- */

/* Opens anew at the place that was reached. */
static int begin_again(struct journal *s)
{
	int r;

	if (++s->again > AGAIN_MAX)
		return -EIO;
	journal_fault_forget();
	r = open_journal(s);
	return r < 0 ? r : begin_pass(s);
}

/* Takes up again after an error of sd_journal: files may have gone (systemd issue 36247). */
static int recover(struct journal *s)
{
	int r = sd_journal_process(s->j);

	if (r >= 0)
		r = sd_journal_next(s->j);
	if (r >= 0)
		return r;
	r = begin_again(s);
	if (r < 0 || s->pending)
		return r < 0 ? r : 1;
	return sd_journal_next(s->j);
}

/* One entry on: 1, 0 at the end, -errno. */
static int step(struct journal *s)
{
	int r;

	if (++s->since_process >= PROCESS_EVERY) {
		s->since_process = 0;
		if (s->follow)
			(void)sd_journal_process(s->j);
		(void)remember_current(s);
	}
	for (;;) {
		if (s->pending) {
			s->pending = false;
			r = 1;
			break;
		}
		r = sd_journal_next(s->j);
		if (r < 0)
			r = recover(s);
		if (r == 0 && !journal_fault_seen()) {
			r = next_pass(s);
			if (r > 0)
				r = -EAGAIN;
		}
		if (journal_fault_seen())
			r = begin_again(s) < 0 ? -EIO : -EAGAIN;
		if (r == -EAGAIN)
			continue;
		s->pending = false;
		break;
	}
	if (r >= 0)
		s->again = 0;
	if (r > 0 && !reads_apart(s))
		s->main_entries++;
	return r;
}

/* What an entry that cannot be read is told as: it might have been a login. */
static int give_unreadable(struct journal *s, struct record *ret)
{
	s->gap_from_usec = s->gap_to_usec = 0;
	*ret = (struct record){.kind = RECORD_GAP};
	return 1;
}

static int journal_next(struct source *source, struct record *ret)
{
	struct journal *s = journal_of(source);

	if (s->gap) {
		s->gap = false;
		*ret = (struct record){.kind = RECORD_GAP};
		return 1;
	}
	if (s->ended)
		return 0;
	for (;;) {
		struct slice message;
		const void *data;
		size_t size;
		int r = step(s);

		if (r <= 0)
			return r;
		s->gone_over++;
		if (s->until_usec) {
			uint64_t usec;

			r = sd_journal_get_realtime_usec(s->j, &usec);
			if (r >= 0 && usec > s->until_usec && !journal_fault_seen()) {
				/* The position stays before it. */
				s->ended = true;
				s->gone_over--;
				(void)sd_journal_previous(s->j);
				return 0;
			}
		}
		r = sd_journal_get_data(s->j, "MESSAGE", &data, &size);
		if (journal_fault_seen()) {
			r = begin_again(s);
			if (r < 0)
				return r;
			continue;
		}
		if (r == -ENOENT)
			continue;
		if (r < 0)
			return give_unreadable(s, ret);
		message = journal_record_value(data, size, strlen("MESSAGE="));
		if (login_candidate(message)) {
			*ret = (struct record){.kind = RECORD_MESSAGE, .message = message};
			return 1;
		}
		if (slice_starts_with(message, "Suppressed ")) {
			*ret = (struct record){.kind = RECORD_DROPPED, .message = message};
			return 1;
		}
		if ((s->gone_over & (AGAIN_EVERY - 1)) == 0)
			return SOURCE_AGAIN;
	}
}

static int details_of_gap(struct journal *s, struct record *r)
{
	char id[64];
	int k;

	r->realtime_usec = s->gap_to_usec;
	r->from_usec = s->gap_from_usec;
	r->source = SLICE_LITERAL("journal");
	r->trusted = r->authenticated = true;
	r->reason = s->gap_to_usec ? SLICE_LITERAL(
					     "the journal was vacuumed before it was read: logins "
					     "in this time are not known")
				   : SLICE_LITERAL(
					     "a journal entry could not be read: it may have been "
					     "a login");
	if (!r->realtime_usec)
		(void)sd_journal_get_realtime_usec(s->j, &r->realtime_usec);
	buffer_clear(&s->identity);
	(void)snprintf(id, sizeof(id), "gap %" PRIu64 " %" PRIu64, r->from_usec, r->realtime_usec);
	k = buffer_append_str(&s->identity, id);
	if (k < 0)
		return k;
	r->identity = r->position = buffer_slice(&s->identity);
	return 0;
}

static int journal_details(struct source *source, struct record *r)
{
	struct journal *s = journal_of(source);
	const struct journal_position *place;
	int k;

	if (r->kind == RECORD_GAP)
		return details_of_gap(s, r);
	buffer_clear(&s->position);
	buffer_clear(&s->identity);
	k = journal_record_fill(s->j, s->programs, &s->details, r);
	if (k >= 0)
		k = remember_current(s);
	if (journal_fault_seen()) {
		k = begin_again(s);
		return k < 0 ? k : -EAGAIN;
	}
	if (k < 0)
		return k;
	place = place_of(s);
	k = journal_position_format(place, 0, &s->position);
	if (k >= 0)
		k = journal_cursor_identity(slice_of(place->cursor), &s->identity);
	if (k < 0)
		return k;
	r->realtime_usec = place->time_usec;
	r->position = buffer_slice(&s->position);
	r->identity = buffer_slice(&s->identity);
	return 0;
}

static uint64_t monotonic_usec(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * USEC_PER_SEC + (uint64_t)now.tv_nsec / 1000;
}

/* A catch-up is over: its mappings are given back by opening anew where it ended. */
static int give_mappings_back(struct journal *s)
{
	int r = remember_current(s);

	if (r >= 0)
		r = open_journal(s);
	if (r >= 0)
		r = seek_position(s);
	s->gap = false; /* nothing was lost in between */
	return r;
}

static int journal_wait_fd(struct source *source, short *ret_events, uint64_t *ret_timeout_usec)
{
	struct journal *s = journal_of(source);
	uint64_t due, now = monotonic_usec();
	int r;

	*ret_events = POLLIN;
	*ret_timeout_usec = UINT64_MAX;
	if (s->gone_over > REOPEN_AFTER) {
		r = give_mappings_back(s);
		if (r < 0)
			return r;
		*ret_timeout_usec = 0; /* what came in between is read at once */
	}
	r = sd_journal_get_timeout(s->j, &due);
	if (r < 0)
		return r;
	if (r > 0 && due != UINT64_MAX && *ret_timeout_usec)
		*ret_timeout_usec = due > now ? due - now : 0;
	if (now<s->look_until_usec && * ret_timeout_usec> LOOK_EVERY_USEC)
		*ret_timeout_usec = LOOK_EVERY_USEC;
	return s->epoll_fd;
}

static int journal_process(struct source *source)
{
	struct journal *s = journal_of(source);
	int r;

	if (s->connection_fd >= 0 && connection_happened(s->connection_fd))
		s->look_until_usec = monotonic_usec() + LOOK_USEC;
	r = sd_journal_process(s->j);
	if (journal_fault_seen())
		r = begin_again(s);
	return r < 0 ? r : 0;
}

static int journal_position(struct source *source, uint64_t read_until_usec, struct slice *ret)
{
	struct journal *s = journal_of(source);
	int r;

	/* Without a current entry (nothing read yet, or its file is gone) the last one stands. */
	if (!s->pending && s->gone_over > 0)
		(void)remember_current(s);
	/* When the journal has to be opened anew, what was vacuumed till then is no gap. */
	if (!reads_apart(s) && read_until_usec > s->last.until_usec)
		s->last.until_usec = read_until_usec;
	buffer_clear(&s->position);
	r = journal_position_format(&s->last, read_until_usec, &s->position);
	if (r < 0)
		return r;
	*ret = buffer_slice(&s->position);
	return 0;
}

static void journal_progress(struct source *source, struct source_progress *ret)
{
	struct journal *s = journal_of(source);
	uint64_t usec;

	*ret = (struct source_progress){.records = s->gone_over};
	if (s->end_usec <= s->begin_usec || sd_journal_get_realtime_usec(s->j, &usec) < 0)
		return;
	ret->total = s->end_usec - s->begin_usec;
	if (usec > s->begin_usec)
		ret->done = usec < s->end_usec ? usec - s->begin_usec : ret->total;
}

static void journal_free(struct source *source)
{
	struct journal *s = journal_of(source);

	sd_journal_close(s->j);
	if (s->epoll_fd >= 0)
		(void)close(s->epoll_fd);
	if (s->connection_fd >= 0)
		(void)close(s->connection_fd);
	free(s->directory);
	buffer_done(&s->boots_text);
	buffer_done(&s->details);
	buffer_done(&s->position);
	buffer_done(&s->identity);
	free(s);
}

/* A journal has many files, each a descriptor; with too few, entries are missing silently. */
static void raise_file_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
}

static int seek_begin(struct journal *s, const struct source_options *options)
{
	int r = journal_boots_list(s->j, &s->boots);

	if (r < 0)
		return r;
	if (options->resume) {
		if (*s->last.cursor && s->last.boots.n > 0) {
			r = find_apart(s);
			if (r < 0)
				return r;
		}
		if (s->apart.n == 0)
			r = note_boots(s);
		return r < 0 ? r : begin_pass(s);
	}
	r = note_boots(s);
	if (r < 0)
		return r;
	if (options->since_usec)
		return sd_journal_seek_realtime_usec(s->j, options->since_usec);
	if (options->from_end)
		return seek_end(s);
	return sd_journal_seek_head(s->j);
}

int journal_open(const char *directory, const struct source_options *options, struct source **ret,
		 struct error *err)
{
	static const struct source_ops ops = {
		.next = journal_next,
		.details = journal_details,
		.wait_fd = journal_wait_fd,
		.process = journal_process,
		.position = journal_position,
		.progress = journal_progress,
		.free = journal_free,
	};
	struct journal *s;
	int r;

	raise_file_limit();
	journal_fault_guard();
	r = journal_access_check(directory, err);
	if (r != 0)
		return r;
	s = calloc(1, sizeof(*s));
	if (!s) {
		error_set(err, directory, 0, 0, "out of memory");
		return -ENOMEM;
	}
	s->source.ops = &ops;
	s->programs = options->programs;
	s->since_usec = options->since_usec;
	s->until_usec = options->until_usec;
	s->follow = options->follow;
	s->epoll_fd = -1;
	s->connection_fd = s->follow && !directory ? connection_watch() : -1;
	s->details.max = JOURNAL_DETAILS_MAX;
	s->position.max = s->identity.max = JOURNAL_POSITION_MAX;
	s->boots_text.max = JOURNAL_POSITION_MAX;
	if (directory) {
		s->directory = strdup(directory);
		if (!s->directory) {
			error_set(err, directory, 0, 0, "out of memory");
			r = -ENOMEM;
			goto fail;
		}
	}
	if (options->resume) {
		r = journal_position_parse(slice_of(options->resume), &s->last, err);
		if (r != 0)
			goto fail;
	}
	do {
		journal_fault_forget();
		r = open_journal(s);
		if (r >= 0)
			r = seek_begin(s, options);
	} while (journal_fault_seen() && ++s->again < AGAIN_MAX);
	if (r < 0) {
		error_set(err, directory, 0, 0, "the journal cannot be opened: %s", strerror(-r));
		goto fail;
	}
	*ret = &s->source;
	return 0;
fail:
	journal_free(&s->source);
	return r;
}
