/*
 * The files beside the path: where the file that was read is now, and which came between it and the
 * one that the path names. They lie in the path's directory, or in that of what a link there names,
 * where they may be called after the link or after what it names.
 *
 * readdir(3) may miss a file that is renamed meanwhile, as rotation does with all of them. So a
 * directory is listed until a listing finds nothing that those before it did not find: what is once
 * open stays known, whatever it is called by then.
 */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "source/logfile/segments.h"

#define FIND_TRIES 8
#define LIST_TRIES 8

struct rotations {
	struct place_file files[PLACE_ROTATIONS_MAX]; /* the oldest first */
	int n;
	bool full; /* older ones were left out */
};

/* Leaves the files alone: they are much memory, of which little is used. */
static void rotations_init(struct rotations *l)
{
	l->n = 0;
	l->full = false;
}

/* The directory of what a link at the path names, and its name there; both NULL where it is not
 * one. @ret_dir is the caller's to free; the name lies behind it. */
static void target_of(const struct chain *c, char **ret_dir, const char **ret_base)
{
	AUTO_FREE char *target = realpath(c->path, NULL);
	char *slash = target ? strrchr(target, '/') : NULL;

	*ret_dir = NULL;
	*ret_base = NULL;
	if (!slash || strcmp(target, c->path) == 0)
		return;
	*slash = '\0';
	*ret_base = slash + 1;
	*ret_dir = STEAL_PTR(target);
}

static int find_once(const struct chain *c, const struct place *p, enum place_what what,
		     struct place_file *ret)
{
	AUTO_FREE char *dir = NULL;
	const char *base;
	int r;

	r = place_find(p, c->dir, what, ret);
	if (r > 0)
		return 1;
	target_of(c, &dir, &base);
	if (!dir || strcmp(dir, c->dir) == 0)
		return 0;
	return place_find(p, dir[0] ? dir : "/", what, ret) > 0;
}

int chain_find(const struct chain *c, const struct place *p, struct place_file *ret)
{
	int r = 0;

	for (unsigned i = 0; i < FIND_TRIES && r == 0; i++)
		r = find_once(c, p, PLACE_PLAIN, ret);
	return r > 0 ? r : find_once(c, p, PLACE_PACKED, ret);
}

static bool is_later(const struct timespec *x, const struct timespec *y)
{
	return x->tv_sec != y->tv_sec ? x->tv_sec > y->tv_sec : x->tv_nsec > y->tv_nsec;
}

/* Whether a file is in the list under another name, or was compressed since it was listed. */
static bool is_listed(const struct rotations *l, const struct place_file *file)
{
	struct place_head head, other;

	for (int i = 0; i < l->n; i++) {
		const struct place_file *f = &l->files[i];

		if ((f->st.st_ino == file->st.st_ino && f->st.st_dev == file->st.st_dev) ||
		    ((file->compression == COMPRESSION_NONE) !=
			     (f->compression == COMPRESSION_NONE) &&
		     place_head_of(f, &head) == 0 && place_head_of(file, &other) == 0 &&
		     chain_begins_alike(&head, &other)))
			return true;
	}
	return false;
}

/* Adds a file, which is the list's from now on. Whether it is new there. */
static bool add(struct rotations *l, const struct place_file *file)
{
	int at;

	if (is_listed(l, file)) {
		(void)close(file->fd);
		return false;
	}
	if (l->n == PLACE_ROTATIONS_MAX) {
		l->full = true;
		(void)close(file->fd);
		return false;
	}
	for (at = l->n++; at > 0 && place_is_older(file, &l->files[at - 1]); at--)
		l->files[at] = l->files[at - 1];
	l->files[at] = *file;
	return true;
}

/* Adds those of one directory: whether there may be more, or -errno. */
static int list_once(const char *dir, const char *base, const struct timespec *since,
		     const struct place_except *except, struct rotations *l)
{
	struct place_file files[PLACE_ROTATIONS_MAX];
	struct place_except and_these = *except;
	bool changed = false;
	int n, r = 0;

	and_these.known = l->files;
	and_these.n_known = (size_t)l->n;
	n = place_rotations(dir, base, since, &and_these, files, &l->full, &changed);
	if (n == -ENOENT || n == -EACCES)
		return 0;
	for (int i = 0; i < n; i++)
		r |= add(l, &files[i]);
	return n < 0 ? n : r | changed;
}

static int list(const struct chain *c, const struct timespec *since,
		const struct place_except *except, struct rotations *l)
{
	AUTO_FREE char *dir = NULL;
	const char *base;
	int r = 1;

	target_of(c, &dir, &base);
	for (unsigned i = 0; i < LIST_TRIES && r > 0; i++) {
		const char *names[] = {c->base, base};

		r = list_once(c->dir, c->base, since, except, l);
		for (size_t k = 0; k < ARRAY_SIZE(names) && dir && r >= 0; k++) {
			int more = list_once(dir[0] ? dir : "/", names[k], since, except, l);

			r = more < 0 ? more : r | more;
		}
		/* Once is not enough, also where it found nothing. */
		r = r < 0 ? r : r | (i == 0);
	}
	return r < 0 ? r : 0;
}

static void set_gap_of_many(struct chain *c, const struct place_file *first)
{
	struct place p = {.ino = first->st.st_ino};
	char reason[512];

	(void)snprintf(reason, sizeof(reason),
		       "of the rotations of %.300s only the newest %d were read: there are more "
		       "that were not",
		       c->path, PLACE_ROTATIONS_MAX);
	chain_set_gap(c, &p, c->read_usec, chain_usec_of(&first->st.st_mtim), reason);
}

/* Puts what was listed into the queue at @at. Their number, or -errno. */
static int queue(struct chain *c, size_t at, struct rotations *l, uint64_t since_usec)
{
	int r = 0;

	if (l->full && l->n > 0)
		set_gap_of_many(c, &l->files[0]);
	for (int i = 0; i < l->n; i++) {
		int k = chain_insert(c, at + (size_t)i, &l->files[i], 0, since_usec);

		if (r == 0)
			r = k;
	}
	return r < 0 ? r : l->n;
}

/* Whether an open file begins with @head now: what it began with when it was opened may be less. */
static bool begins_now(int fd, const struct place_head *head)
{
	struct place_head now;

	return fd >= 0 && place_head_read(fd, &now) == 0 && chain_begins_alike(&now, head);
}

static bool is_of_one(const struct segment *s, size_t n, const struct place_head *head)
{
	for (size_t i = 0; i < n; i++)
		if (s[i].compression == COMPRESSION_NONE && begins_now(s[i].fd, head))
			return true;
	return false;
}

/* Whether what @file unpacks to is open: in the queue, left, or @now. It was compressed since. */
static bool was_compressed(const struct chain *c, const struct place_file *file,
			   const struct place_file *now)
{
	return file->compression != COMPRESSION_NONE &&
	       (is_of_one(c->queue, c->n, &file->head) ||
		is_of_one(c->left, c->n_left, &file->head) ||
		(now && begins_now(now->fd, &file->head)));
}

int chain_append_rotations(struct chain *c, const struct timespec *since,
			   const struct place_except *except, uint64_t since_usec)
{
	struct rotations l;
	int n = 0, r;

	rotations_init(&l);
	r = list(c, since, except, &l);
	for (int i = 0; i < l.n; i++) {
		if (r < 0 || was_compressed(c, &l.files[i], NULL))
			(void)close(l.files[i].fd);
		else
			l.files[n++] = l.files[i];
	}
	l.n = n;
	if (r == 0)
		r = queue(c, c->n, &l, since_usec);
	return r < 0 ? r : 0;
}

bool chain_begins_alike(const struct place_head *a, const struct place_head *b)
{
	size_t n = a->n < b->n ? a->n : b->n;

	return n >= PLACE_COPY_MIN && memcmp(a->bytes, b->bytes, n) == 0;
}

static bool is_one_of(const struct segment *s, size_t n, const struct stat *st,
		      const struct place_head *head)
{
	for (size_t i = 0; i < n; i++)
		if (chain_begins_alike(&s[i].head, head) ||
		    (st && s[i].fd >= 0 && s[i].ino == st->st_ino && s[i].dev == st->st_dev))
			return true;
	return false;
}

bool chain_knows(const struct chain *c, const struct stat *st, const struct place_head *head)
{
	return is_one_of(c->queue, c->n, st, head) || is_one_of(c->left, c->n_left, st, head);
}

bool chain_holds_now(const struct chain *c, const struct place_head *head)
{
	return is_of_one(c->queue, c->n, head);
}

/* What the path names now: not even the inode of another one is left where that is nothing. */
static void look_at_path(const struct chain *c, struct chain_path *ret)
{
	struct place_file file;

	*ret = (struct chain_path){.ino = 0};
	if (chain_open_path(c, &file, NULL) < 0)
		return;
	if (place_head_read(file.fd, &ret->head) == 0) {
		ret->dev = file.st.st_dev;
		ret->ino = file.st.st_ino;
	}
	(void)close(file.fd);
}

/*
 * Lists until the path names the same file with the same begin before and after. A copy of that, as
 * far as it is made, tells nothing new; one of what was in the file before is whole.
 */
static int list_until(const struct chain *c, const struct timespec *since, struct rotations *l,
		      struct chain_path *ret)
{
	static const struct place_except none;
	bool same = false;
	int r = 0;

	look_at_path(c, ret);
	for (unsigned i = 0; i < LIST_TRIES && r == 0 && !same; i++) {
		struct chain_path was = *ret;

		r = list(c, since, &none, l);
		look_at_path(c, ret);
		same = was.dev == ret->dev && was.ino == ret->ino &&
		       place_head_grew(&was.head, &ret->head) &&
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
static enum what judge(const struct chain *c, const struct place_file *file,
		       const struct chain_path *path, const struct place_file *now)
{
	struct place_head head;

	if (is_same(&file->st, path->dev, path->ino) ||
	    (now && is_same(&file->st, now->st.st_dev, now->st.st_ino)))
		return KNOWN;
	if (place_head_of(file, &head) < 0)
		return NEW;
	if (chain_begins_alike(&head, &path->head) || chain_knows(c, &file->st, &head) ||
	    was_compressed(c, file, now))
		return KNOWN;
	if (file->compression != COMPRESSION_NONE)
		return NEW;
	return (uint64_t)file->st.st_size < head.n ||
			       (head.n < PLACE_COPY_MIN && place_head_grew(&head, &path->head))
		       ? UNCLEAR
		       : NEW;
}

int chain_insert_rotations(struct chain *c, size_t at, const struct timespec *since,
			   const struct timespec *until, const struct place_file *now,
			   struct chain_path *ret)
{
	struct rotations l;
	int n = 0, r;

	rotations_init(&l);
	r = list_until(c, since, &l, ret);
	for (int i = 0; i < l.n; i++) {
		const struct place_file *file = &l.files[i];
		enum what what = r < 0 ? KNOWN : judge(c, file, ret, now);

		if (what == NEW && !(until && is_later(&file->st.st_mtim, until)))
			l.files[n++] = *file;
		else if (what == UNCLEAR)
			chain_leave_unread(c, file);
		else
			(void)close(file->fd);
	}
	l.n = n;
	return r < 0 ? r : queue(c, at, &l, 0);
}

bool chain_has_copy(const struct chain *c, const struct place_head *head, uint64_t until_usec,
		    uint64_t usec)
{
	const struct place_except except = {.changed_usec =
						    until_usec > usec ? until_usec - usec : 0};
	const struct timespec always = {.tv_sec = 0};
	struct rotations l;
	struct place_head copy;
	bool has = false;

	rotations_init(&l);
	(void)list(c, &always, &except, &l);
	for (int i = 0; i < l.n; i++) {
		has |= place_head_of(&l.files[i], &copy) == 0 && chain_begins_alike(head, &copy);
		(void)close(l.files[i].fd);
	}
	return has;
}

bool chain_has_older(const struct chain *c, const struct timespec *since)
{
	static const struct place_except none;
	const struct timespec always = {.tv_sec = 0};
	struct rotations l;
	bool has = false;

	rotations_init(&l);
	(void)list(c, &always, &none, &l);
	for (int i = 0; i < l.n; i++) {
		has |= place_is_before(&l.files[i].st.st_mtim, since);
		(void)close(l.files[i].fd);
	}
	return has;
}
