/*
 * Rotations lie in the directory of the path, or in that of its link's target, and are named after
 * the link or the target.
 *
 * readdir(3) may miss a file that is renamed meanwhile, and rotation renames all of them. So the
 * directories are read until two rounds in a row find nothing new and the path names the same file
 * before and after them. A file that was opened once stays in the list, whatever its name is then.
 */
#include "source/logfile/rotations.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "source/logfile/names.h"

#define ROUNDS	     16 /* of reading the directories, while they change */
#define QUIET_ROUNDS 2
#define LIST_STEP    8

/* A directory that may have rotations, and the name that they begin with. */
struct directory {
	const char *dir, *base;
};

#define DIRECTORIES_MAX 3

/* *ret_link is the caller's to free. */
static size_t list_directories(const struct path *path, char **ret_link,
			       struct directory ret[DIRECTORIES_MAX])
{
	const char *base;
	size_t n = 0;

	path_link(path, ret_link, &base);
	ret[n++] = (struct directory){path->dir, path->base};
	if (*ret_link && strcmp(*ret_link, path->dir) != 0)
		ret[n++] = (struct directory){*ret_link, path->base};
	if (*ret_link && strcmp(base, path->base) != 0)
		ret[n++] = (struct directory){*ret_link, base};
	return n;
}

static DIR *open_directory(const struct directory *directory)
{
	return opendir(directory->dir[0] ? directory->dir : "/");
}

/*
 * A fingerprint of FILE_COPY_MIN bytes decides alone. With a shorter one the inode must agree too,
 * and a compressed file, which has an inode of its own, does not count. With no fingerprint the
 * inode decides, if the name is the path's or a rotation's.
 */
static bool matches(DIR *d, const char *name, const char *base, const struct file_id *id,
		    bool compressed, struct open_file *file)
{
	bool named = names_is_rotation(name, base) || strcmp(name, base) == 0;
	bool by_inode = id->fingerprint_of == 0 ? named : !compressed;

	return (file->compression != COMPRESSION_NONE) == compressed &&
	       (id->fingerprint_of >= FILE_COPY_MIN || (by_inode && file->st.st_ino == id->ino)) &&
	       names_unpack(d, name, base, file) && file_id_matches(id, file);
}

/* The file with the same inode, else the longest. Sets *ret_changed if one may have been missed. */
static int find_in(const struct directory *directory, const struct file_id *id, bool compressed,
		   struct open_file *ret, bool *ret_changed)
{
	struct open_file best = {.fd = -1};
	struct dirent *e;
	DIR *d = open_directory(directory);

	while (d && (best.fd < 0 || best.st.st_ino != id->ino) && (e = readdir(d))) {
		struct open_file file;

		if ((compressed && !names_is_rotation(e->d_name, directory->base)) ||
		    names_open(d, e, &file, ret_changed) < 0)
			continue;
		if (!matches(d, e->d_name, directory->base, id, compressed, &file) ||
		    (best.fd >= 0 && file.st.st_ino != id->ino && !compressed &&
		     file.st.st_size <= best.st.st_size)) {
			(void)close(file.fd);
			continue;
		}
		if (best.fd >= 0)
			(void)close(best.fd);
		best = file;
	}
	if (d)
		(void)closedir(d);
	if (best.fd >= 0)
		*ret = best;
	return best.fd >= 0;
}

/*
 * The first half of the rounds looks for the file itself. Only the second half unpacks compressed
 * ones, and repeats while the directory changes.
 */
int rotations_find(const struct path *path, const struct file_id *id, struct open_file *ret)
{
	bool changed = false;

	for (unsigned i = 0; i < ROUNDS; i++) {
		bool compressed = i >= ROUNDS / 2;
		AUTO_FREE char *link = NULL;
		struct directory directories[DIRECTORIES_MAX];
		size_t n = list_directories(path, &link, directories);

		if (i > ROUNDS / 2 && !changed)
			break;
		changed = false;
		for (size_t k = 0; k < n; k++)
			if (find_in(&directories[k], id, compressed, ret, &changed))
				return 1;
	}
	return 0;
}

struct rotations {
	struct open_file *files; /* the oldest first */
	size_t n;
	bool full; /* older ones were left out */
};

static void drop(struct rotations *l, size_t at)
{
	(void)close(l->files[at].fd);
	memmove(&l->files[at], &l->files[at + 1], (--l->n - at) * sizeof(l->files[0]));
}

static void rotations_done(struct rotations *l)
{
	while (l->n > 0)
		(void)close(l->files[--l->n].fd);
	free(l->files);
}

#define AUTO_ROTATIONS CLEANUP(rotations_done)

static bool is_same(const struct stat *st, uint64_t dev, uint64_t ino)
{
	return st->st_dev == dev && st->st_ino == ino;
}

/* What can be decided without reading the file. */
static bool is_excepted(const struct rotations *l, const struct rotations_except *except,
			const struct stat *st)
{
	if (st->st_ino == except->inos[0] || st->st_ino == except->inos[1] ||
	    file_time_usec(&st->st_ctim) < except->changed_usec)
		return true;
	for (size_t i = 0; i < l->n; i++)
		if (is_same(st, l->files[i].st.st_dev, l->files[i].st.st_ino))
			return true;
	return false;
}

static bool is_copy(const struct rotations_except *except, const struct open_file *file)
{
	const struct file_id *id = except->copy_of;

	return id && id->fingerprint_of >= FILE_COPY_MIN && file_id_matches(id, file);
}

/* Whether a file was compressed after it was listed, or is what a listed one was made from. */
static bool is_listed(const struct rotations *l, const struct open_file *file)
{
	struct file_head head, other;

	for (const struct open_file *f = l->files; f < l->files + l->n; f++)
		if ((file->compression == COMPRESSION_NONE) !=
			    (f->compression == COMPRESSION_NONE) &&
		    file_head_of(f, &head) == 0 && file_head_of(file, &other) == 0 &&
		    file_head_alike(&head, &other))
			return true;
	return false;
}

/* Adds a file, which is the list's from now on, also on error. Whether it is new, or -ENOMEM. */
static int add(struct rotations *l, const struct open_file *file)
{
	size_t at;

	if (is_listed(l, file)) {
		(void)close(file->fd);
		return 0;
	}
	if (l->n == ROTATIONS_MAX) {
		l->full = true;
		if (!file_is_older(&l->files[0], file)) {
			(void)close(file->fd);
			return 0;
		}
		drop(l, 0);
	}
	if (l->n % LIST_STEP == 0) {
		struct open_file *files = reallocarray(l->files, l->n + LIST_STEP, sizeof(*files));

		if (!files) {
			(void)close(file->fd);
			return -ENOMEM;
		}
		l->files = files;
	}
	for (at = l->n++; at > 0 && file_is_older(file, &l->files[at - 1]); at--)
		l->files[at] = l->files[at - 1];
	l->files[at] = *file;
	return 1;
}

/* Adds the rotations of one directory. Sets *ret_changed if there may be more. -errno. */
static int list_in(const struct directory *directory, const struct timespec *since,
		   const struct rotations_except *except, struct rotations *l, bool *ret_changed)
{
	DIR *d = open_directory(directory);
	struct dirent *e;
	int r = 0;

	if (!d)
		return errno == ENOENT || errno == EACCES ? 0 : -errno;
	while (r >= 0 && (e = readdir(d))) {
		struct open_file file;

		if (!names_is_rotation(e->d_name, directory->base) ||
		    names_open(d, e, &file, ret_changed) < 0)
			continue;
		file.number = names_number(e->d_name, directory->base);
		if (file_time_is_before(&file.st.st_mtim, since) ||
		    is_excepted(l, except, &file.st) ||
		    !names_unpack(d, e->d_name, directory->base, &file) || is_copy(except, &file)) {
			(void)close(file.fd);
			continue;
		}
		r = add(l, &file);
		*ret_changed |= r > 0;
	}
	(void)closedir(d);
	return r < 0 ? r : 0;
}

/*
 * Whether the path still names the same file. One that grew from nothing may have been written,
 * copied and truncated meanwhile.
 */
static bool is_still(const struct path_state *was, const struct path_state *is)
{
	return was->dev == is->dev && was->ino == is->ino &&
	       file_head_grew(&was->head, &is->head) && (was->head.n > 0 || is->head.n == 0);
}

/* Lists the rotations, which were all made before the path came to name *ret. -errno. */
static int list(const struct path *path, const struct timespec *since,
		const struct rotations_except *except, struct rotations *l, struct path_state *ret)
{
	unsigned quiet = 0;
	int r = 0;

	path_look(path, ret);
	for (unsigned i = 0; i < ROUNDS && quiet < QUIET_ROUNDS && r == 0; i++) {
		AUTO_FREE char *link = NULL;
		struct directory directories[DIRECTORIES_MAX];
		size_t n = list_directories(path, &link, directories);
		struct path_state was = *ret;
		bool changed = false;

		for (size_t k = 0; k < n && r == 0; k++)
			r = list_in(&directories[k], since, except, l, &changed);
		path_look(path, ret);
		quiet = changed || !is_still(&was, ret) ? 0 : quiet + 1;
	}
	return r;
}

/* Queues what was listed before segment @at. Their number, or -errno. */
static int queue(struct segments *s, const struct path *path, size_t at, struct rotations *l,
		 uint64_t since_usec)
{
	size_t n = l->n;
	struct file_id id = {.ino = n > 0 ? l->files[0].st.st_ino : 0};
	int r = 0;

	if (l->full && n > 0)
		segments_add_gap(s, &id, s->read_usec, file_time_usec(&l->files[0].st.st_mtim),
				 "of the rotations of %.300s only the newest %d were read: older "
				 "ones exist",
				 path->name, ROTATIONS_MAX);
	l->n = 0;
	for (size_t i = 0; i < n; i++) {
		int k = segments_insert(s, at + i, &l->files[i], 0, since_usec);

		if (r == 0)
			r = k;
	}
	return r < 0 ? r : (int)n;
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
	AUTO_ROTATIONS struct rotations l = {0};
	struct path_state state;
	int r = list(path, since, except, &l, &state);

	for (size_t i = 0; i < l.n && r == 0;) {
		if (was_compressed(s, &l.files[i], NULL))
			drop(&l, i);
		else
			i++;
	}
	if (r == 0)
		r = queue(s, path, s->n, &l, since_usec);
	return r < 0 ? r : 0;
}

enum novelty { NEW, KNOWN, UNCLEAR };

/*
 * A file is known if it is queued, was read, or is a copy of such a file, even half a copy. One
 * that holds next to nothing may still become a copy, or belong to a slow writer. One that has
 * grown since it was listed may be a copy of what the path held only later.
 */
static enum novelty novelty_of(const struct segments *s, const struct open_file *file,
			       const struct path_state *state, const struct open_file *now)
{
	struct file_head head;

	if (is_same(&file->st, state->dev, state->ino) ||
	    (now && is_same(&file->st, now->st.st_dev, now->st.st_ino)))
		return KNOWN;
	if (file_head_of(file, &head) < 0)
		return NEW;
	if (file_head_alike(&head, &state->head) || segments_know(s, &file->st, &head) ||
	    was_compressed(s, file, now))
		return KNOWN;
	if (file->compression != COMPRESSION_NONE)
		return NEW;
	return (uint64_t)file->st.st_size < head.n ||
			       (head.n < FILE_COPY_MIN && file_head_grew(&head, &state->head))
		       ? UNCLEAR
		       : NEW;
}

int rotations_insert(struct segments *s, const struct path *path, size_t at,
		     const struct timespec *since, const struct timespec *until,
		     const struct open_file *now, struct path_state *ret)
{
	static const struct rotations_except none;
	AUTO_ROTATIONS struct rotations l = {0};
	size_t n = 0, listed;
	int r = list(path, since, &none, &l, ret);

	listed = r < 0 ? 0 : l.n;
	for (size_t i = 0; i < listed; i++) {
		const struct open_file *file = &l.files[i];
		enum novelty novelty = novelty_of(s, file, ret, now);

		if (novelty == NEW && !(until && file_time_compare(&file->st.st_mtim, until) > 0))
			l.files[n++] = *file;
		else if (novelty == UNCLEAR)
			segments_leave_unread(s, file);
		else
			(void)close(file->fd);
	}
	if (r == 0) {
		l.n = n;
		r = queue(s, path, at, &l, 0);
	}
	return r;
}

bool rotations_have_copy(const struct path *path, const struct file_head *head,
			 uint64_t changed_usec)
{
	const struct rotations_except except = {.changed_usec = changed_usec};
	const struct timespec always = {.tv_sec = 0};
	AUTO_ROTATIONS struct rotations l = {0};
	struct path_state state;
	struct file_head copy;

	(void)list(path, &always, &except, &l, &state);
	for (size_t i = 0; i < l.n; i++)
		if (file_head_of(&l.files[i], &copy) == 0 && file_head_alike(head, &copy))
			return true;
	return false;
}

bool rotations_have_older(const struct path *path, const struct timespec *since)
{
	static const struct rotations_except none;
	const struct timespec always = {.tv_sec = 0};
	AUTO_ROTATIONS struct rotations l = {0};
	struct path_state state;

	(void)list(path, &always, &none, &l, &state);
	for (size_t i = 0; i < l.n; i++)
		if (file_time_is_before(&l.files[i].st.st_mtim, since))
			return true;
	return false;
}
