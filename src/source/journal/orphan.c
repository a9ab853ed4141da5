#include "source/journal/orphan.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "source/journal/seek.h"
#include "source/journal/sigbus.h"

void orphans_done(struct orphans *o)
{
	while (o->n > 0)
		orphans_drop(o, &o->list[0]);
}

void orphans_drop(struct orphans *o, struct orphan *t)
{
	size_t after = (size_t)(&o->list[o->n] - (t + 1));

	if (t->watch >= 0)
		(void)inotify_rm_watch(o->fd, t->watch);
	cursor_reader_close(&t->reader);
	live_file_close(&t->file);
	memmove(t, t + 1, after * sizeof(*t));
	o->n--;
}

/* Watched before it is read, so that what is appended later wakes. */
static void add(struct orphans *o, const struct live_file *file, const struct cursor_reader *r)
{
	struct orphan *t;
	char link[32];

	if (o->n == ORPHANS_MAX)
		orphans_drop(o, &o->list[0]);
	t = &o->list[o->n++];
	*t = (struct orphan){.file = *file};
	t->reader = (struct cursor_reader){
		.j = STEAL_PTR(t->file.j), .programs = r->programs, .place = r->place};
	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", file->fd);
	t->watch = inotify_add_watch(o->fd, link, IN_MODIFY);
}

void orphans_look(struct orphans *o, struct live *l, const struct cursor_reader *r,
		  uint64_t now_usec)
{
	for (size_t i = 0; i < JOURNAL_ROOTS; i++) {
		struct live_file file;

		if (live_look(l, (enum journal_root)i, &file))
			add(o, &file, r);
	}
	live_note_missing(l, o->n > 0, now_usec);
}

struct orphan *orphans_unreported(struct orphans *o)
{
	for (size_t i = 0; i < o->n; i++)
		if (!o->list[i].reported) {
			o->list[i].reported = true;
			return &o->list[i];
		}
	return NULL;
}

/* One entry further: 1, 0 at the end, -errno. */
static int step(struct orphan *t)
{
	if (!t->reader.j)
		return 0;
	if (!t->begun) {
		int k = cursor_reader_match(&t->reader, t->reader.place.bound);

		t->begun = true;
		cursor_reader_note_bounds(&t->reader);
		if (k >= 0)
			k = journal_seek_place(&t->reader);
		if (k < 0)
			return k;
	}
	return cursor_reader_next(&t->reader);
}

struct orphan *orphans_next(struct orphans *o, const struct live *l)
{
	for (size_t i = 0; i < o->n;) {
		struct orphan *t = &o->list[i];
		bool closed = live_closed(l, &t->file); /* asked first: nothing comes after it */
		int k = step(t);

		if (journal_sigbus_seen()) {
			journal_sigbus_forget();
			k = -EIO;
		}
		if (k > 0)
			return t;
		if (k < 0 || closed)
			orphans_drop(o, t); /* that logins may be missing was reported */
		else
			i++;
	}
	return NULL;
}

int orphan_identify(const struct orphan *t, struct buffer *ret)
{
	struct stat st;

	if (fstat(t->file.fd, &st) < 0)
		return -errno;
	return buffer_printf(ret, "gap orphan %" PRIu64 " %s", (uint64_t)st.st_ino,
			     t->reader.place.cursor);
}

int orphan_describe(const struct orphan *t, struct buffer *ret)
{
	char now[PATH_MAX];
	int r = live_file_path(&t->file, now);

	r = r == 1 ? buffer_printf(ret, "the journal file %s was moved to %s", t->file.path, now)
		   : buffer_printf(ret, "the journal file %s was deleted", t->file.path);
	return r < 0 ? r
		     : buffer_append_str(ret,
					 " while journald writes to it: logins may be missing "
					 "until it begins another one");
}
