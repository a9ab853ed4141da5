/*
 * The files beside the path: where the file that was read is now, and which came between it and the
 * one that the path names. They lie in the path's directory, or in that of what a link there names,
 * where they may be called after the link or after what it names.
 *
 * readdir(3) may miss a file that is renamed meanwhile, as rotation does with all of them. So a
 * directory is listed until a listing finds nothing that those before it did not find: what is once
 * open stays known, whatever it is called by then.
 */
#include "source/logfile/rotations.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/cleanup.h"

#define FIND_TRIES 8
#define LIST_TRIES 8

struct rotations {
	struct open_file files[ROTATIONS_MAX]; /* the oldest first */
	int n;
	bool full; /* older ones were left out */
};

/* Leaves the files alone: they are much memory, of which little is used. */
static void rotations_init(struct rotations *l)
{
	l->n = 0;
	l->full = false;
}

static int find_once(const struct path *path, const struct file_id *id, enum find_what what,
		     struct open_file *ret)
{
	AUTO_FREE char *dir = NULL;
	const char *base;
	int r;

	r = file_id_find(id, path->dir, path->base, what, ret);
	if (r > 0)
		return 1;
	path_link(path, &dir, &base);
	if (!dir || strcmp(dir, path->dir) == 0)
		return 0;
	return file_id_find(id, dir[0] ? dir : "/", path->base, what, ret) > 0;
}

int rotations_find(const struct path *path, const struct file_id *id, struct open_file *ret)
{
	int r = 0;

	for (unsigned i = 0; i < FIND_TRIES && r == 0; i++)
		r = find_once(path, id, FIND_PLAIN, ret);
	return r > 0 ? r : find_once(path, id, FIND_COMPRESSED, ret);
}

/* Whether a file is in the list under another name, or was compressed since it was listed. */
static bool is_listed(const struct rotations *l, const struct open_file *file)
{
	struct file_head head, other;

	for (int i = 0; i < l->n; i++) {
		const struct open_file *f = &l->files[i];

		if ((f->st.st_ino == file->st.st_ino && f->st.st_dev == file->st.st_dev) ||
		    ((file->compression == COMPRESSION_NONE) !=
			     (f->compression == COMPRESSION_NONE) &&
		     file_head_of(f, &head) == 0 && file_head_of(file, &other) == 0 &&
		     file_head_alike(&head, &other)))
			return true;
	}
	return false;
}

/* Adds a file, which is the list's from now on. Whether it is new there. */
static bool add(struct rotations *l, const struct open_file *file)
{
	int at;

	if (is_listed(l, file)) {
		(void)close(file->fd);
		return false;
	}
	if (l->n == ROTATIONS_MAX) {
		l->full = true;
		(void)close(file->fd);
		return false;
	}
	for (at = l->n++; at > 0 && file_is_older(file, &l->files[at - 1]); at--)
		l->files[at] = l->files[at - 1];
	l->files[at] = *file;
	return true;
}

/* Adds those of one directory: whether there may be more, or -errno. */
static int list_once(const char *dir, const char *base, const struct timespec *since,
		     const struct rotations_except *except, struct rotations *l)
{
	struct open_file files[ROTATIONS_MAX];
	struct rotations_except and_these = *except;
	bool changed = false;
	int n, r = 0;

	and_these.known = l->files;
	and_these.n_known = (size_t)l->n;
	n = file_id_rotations(dir, base, since, &and_these, files, &l->full, &changed);
	if (n == -ENOENT || n == -EACCES)
		return 0;
	for (int i = 0; i < n; i++)
		r |= add(l, &files[i]);
	return n < 0 ? n : r | changed;
}

static int list(const struct path *path, const struct timespec *since,
		const struct rotations_except *except, struct rotations *l)
{
	AUTO_FREE char *dir = NULL;
	const char *base;
	int r = 1;

	path_link(path, &dir, &base);
	for (unsigned i = 0; i < LIST_TRIES && r > 0; i++) {
		const char *names[] = {path->base, base};

		r = list_once(path->dir, path->base, since, except, l);
		for (size_t k = 0; k < ARRAY_SIZE(names) && dir && r >= 0; k++) {
			int more = list_once(dir[0] ? dir : "/", names[k], since, except, l);

			r = more < 0 ? more : r | more;
		}
		/* Once is not enough, also where it found nothing. */
		r = r < 0 ? r : r | (i == 0);
	}
	return r < 0 ? r : 0;
}

static void add_gap_of_many(struct segments *s, const struct path *path,
			    const struct open_file *first)
{
	struct file_id id = {.ino = first->st.st_ino};
	char reason[512];

	(void)snprintf(reason, sizeof(reason),
		       "of the rotations of %.300s only the newest %d were read: there are more "
		       "that were not",
		       path->name, ROTATIONS_MAX);
	segments_add_gap(s, &id, s->read_usec, file_time_usec(&first->st.st_mtim), reason);
}

/* Queues what was listed before segment @at. Their number, or -errno. */
static int queue(struct segments *s, const struct path *path, size_t at, struct rotations *l,
		 uint64_t since_usec)
{
	int r = 0;

	if (l->full && l->n > 0)
		add_gap_of_many(s, path, &l->files[0]);
	for (int i = 0; i < l->n; i++) {
		int k = segments_insert(s, at + (size_t)i, &l->files[i], 0, since_usec);

		if (r == 0)
			r = k;
	}
	return r < 0 ? r : l->n;
}

/* Whether @file was compressed from a file that is queued, late or @now. */
static bool was_compressed(const struct segments *s, const struct open_file *file,
			   const struct open_file *now)
{
	return file->compression != COMPRESSION_NONE &&
	       (segments_open_begin(s, &file->head) ||
		(now && file_begins_now(now->fd, &file->head)));
}

int rotations_append(struct segments *s, const struct path *path, const struct timespec *since,
		     const struct rotations_except *except, uint64_t since_usec)
{
	struct rotations l;
	int n = 0, r;

	rotations_init(&l);
	r = list(path, since, except, &l);
	for (int i = 0; i < l.n; i++) {
		if (r < 0 || was_compressed(s, &l.files[i], NULL))
			(void)close(l.files[i].fd);
		else
			l.files[n++] = l.files[i];
	}
	l.n = n;
	if (r == 0)
		r = queue(s, path, s->n, &l, since_usec);
	return r < 0 ? r : 0;
}

/*
 * Lists until the path names the same file with the same begin before and after. A copy of that, as
 * far as it is made, tells nothing new; one of what was in the file before is whole.
 */
static int list_until(const struct path *path, const struct timespec *since, struct rotations *l,
		      struct path_state *ret)
{
	static const struct rotations_except none;
	bool same = false;
	int r = 0;

	path_look(path, ret);
	for (unsigned i = 0; i < LIST_TRIES && r == 0 && !same; i++) {
		struct path_state was = *ret;

		r = list(path, since, &none, l);
		path_look(path, ret);
		same = was.dev == ret->dev && was.ino == ret->ino &&
		       file_head_grew(&was.head, &ret->head) &&
		       (was.head.n > 0 || ret->head.n == 0);
	}
	return r;
}

enum what { NEW, KNOWN, UNCLEAR };

static bool is_same(const struct stat *st, uint64_t dev, uint64_t ino)
{
	return st->st_dev == dev && st->st_ino == ino;
}

/*
 * Whether a file is in the queue, or was read, or is a copy of one that is, also half a copy. One
 * that holds next to nothing may become a copy, or a slow writer may still come to write to it. One
 * that has grown since it was listed may be a copy of what the path held only after the look at it.
 */
static enum what judge(const struct segments *s, const struct open_file *file,
		       const struct path_state *path, const struct open_file *now)
{
	struct file_head head;

	if (is_same(&file->st, path->dev, path->ino) ||
	    (now && is_same(&file->st, now->st.st_dev, now->st.st_ino)))
		return KNOWN;
	if (file_head_of(file, &head) < 0)
		return NEW;
	if (file_head_alike(&head, &path->head) || segments_know(s, &file->st, &head) ||
	    was_compressed(s, file, now))
		return KNOWN;
	if (file->compression != COMPRESSION_NONE)
		return NEW;
	return (uint64_t)file->st.st_size < head.n ||
			       (head.n < FILE_COPY_MIN && file_head_grew(&head, &path->head))
		       ? UNCLEAR
		       : NEW;
}

int rotations_insert(struct segments *s, const struct path *path, size_t at,
		     const struct timespec *since, const struct timespec *until,
		     const struct open_file *now, struct path_state *ret)
{
	struct rotations l;
	int n = 0, r;

	rotations_init(&l);
	r = list_until(path, since, &l, ret);
	for (int i = 0; i < l.n; i++) {
		const struct open_file *file = &l.files[i];
		enum what what = r < 0 ? KNOWN : judge(s, file, ret, now);

		if (what == NEW && !(until && file_time_compare(&file->st.st_mtim, until) > 0))
			l.files[n++] = *file;
		else if (what == UNCLEAR)
			segments_leave_unread(s, file);
		else
			(void)close(file->fd);
	}
	l.n = n;
	return r < 0 ? r : queue(s, path, at, &l, 0);
}

bool rotations_have_copy(const struct path *path, const struct file_head *head,
			 uint64_t changed_usec)
{
	const struct rotations_except except = {.changed_usec = changed_usec};
	const struct timespec always = {.tv_sec = 0};
	struct rotations l;
	struct file_head copy;
	bool has = false;

	rotations_init(&l);
	(void)list(path, &always, &except, &l);
	for (int i = 0; i < l.n; i++) {
		has |= file_head_of(&l.files[i], &copy) == 0 && file_head_alike(head, &copy);
		(void)close(l.files[i].fd);
	}
	return has;
}

bool rotations_have_older(const struct path *path, const struct timespec *since)
{
	static const struct rotations_except none;
	const struct timespec always = {.tv_sec = 0};
	struct rotations l;
	bool has = false;

	rotations_init(&l);
	(void)list(path, &always, &none, &l);
	for (int i = 0; i < l.n; i++) {
		has |= file_time_is_before(&l.files[i].st.st_mtim, since);
		(void)close(l.files[i].fd);
	}
	return has;
}
