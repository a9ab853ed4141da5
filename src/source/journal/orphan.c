/*
 * Reading on in files that were taken away from under journald (journal_active), each by a reader
 * of its own, behind the place where it was let go. What is read there does not move the place of
 * the journal, which is none of these files.
 */
#include "source/journal/internal.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <sys/stat.h>
#include <systemd/sd-journal.h>

#include "source/journal/seek.h"
#include "source/journal/sigbus.h"

static int begin(struct journal *s, struct taken_file *t)
{
	struct journal_landing l;
	uint64_t from, to;
	int r;

	t->begun = true;
	r = journal_add_matches(s, t->file.j);
	if (r < 0)
		return r;
	if (!*t->place.cursor && !t->place.until_usec)
		return sd_journal_seek_head(t->file.j);
	if (sd_journal_get_cutoff_realtime_usec(t->file.j, &from, &to) <= 0)
		from = to = 0;
	r = journal_seek_position(t->file.j, &t->place, from, to, &l);
	t->pending = r == 0 && l.pending;
	return r;
}

/* One entry on: 1, 0 at the end, -errno. */
static int step(struct journal *s, struct taken_file *t)
{
	int r = t->begun ? 0 : begin(s, t);

	if (r < 0)
		return r;
	if (t->pending) {
		t->pending = false;
		return 1;
	}
	return sd_journal_next(t->file.j);
}

bool journal_taken_untold(struct journal *s)
{
	for (size_t i = 0; i < s->active.n_taken; i++) {
		struct taken_file *t = &s->active.taken[i];

		if (!t->told) {
			t->told = true;
			s->taken = t;
			return true;
		}
	}
	return false;
}

/* A file that cannot be read any further was told of before. */
int journal_taken_next(struct journal *s)
{
	for (size_t i = 0; i < s->active.n_taken;) {
		struct taken_file *t = &s->active.taken[i];
		bool closed = journal_active_closed(&s->active, t);
		int r = t->file.j ? step(s, t) : 0;

		if (journal_fault_seen()) {
			journal_fault_forget();
			r = -EIO;
		}
		if (r > 0) {
			s->taken = t;
			return 1;
		}
		if (r < 0 || closed)
			journal_active_drop(&s->active, t);
		else
			i++;
	}
	return 0;
}

int journal_taken_identify(struct journal *s)
{
	struct stat st;

	if (fstat(s->taken->file.fd, &st) < 0)
		return -errno;
	return buffer_printf(&s->identity, "gap taken %" PRIu64 " %s", (uint64_t)st.st_ino,
			     s->taken->place.cursor);
}

int journal_taken_describe(struct journal *s)
{
	const struct taken_file *t = s->taken;
	char now[PATH_MAX];
	int r = journal_active_whereabouts(t, now, sizeof(now));

	buffer_clear(&s->details);
	r = r == 1 ? buffer_printf(&s->details, "the journal file %s was moved to %s", t->file.home,
				   now)
		   : buffer_printf(&s->details, "the journal file %s was deleted", t->file.home);
	return r < 0 ? r
		     : buffer_append_str(&s->details,
					 " while journald writes to it: logins may be missing "
					 "until it begins another one");
}
