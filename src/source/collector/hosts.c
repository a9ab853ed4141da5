/*
 * journal-remote ends each entry with an ftruncate(2), and so inotify(7) names the file in that
 * moment: one watch tells of any number of hosts, and a host that is silent costs nothing.
 *
 * A rotation is a rename and a new file, a vacuum a removal. What is unread in a file that goes is
 * still read where its lane is open; where not, it is lost, and the lane's next opening tells of
 * the gap if its first entry is then later than what was read.
 */
#include "source/collector/hosts.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <sys/inotify.h>

#include "source/collector/names.h"

#define EVENTS                                                                                     \
	(IN_MODIFY | IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_DELETE_SELF |        \
	 IN_MOVE_SELF | IN_ONLYDIR)

/* ---- lanes by name ---- */

static size_t place_of(const struct lanes *ls, const char *name)
{
	size_t low = 0, high = ls->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(ls->all[middle]->name, name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct lane *lanes_get(struct lanes *ls, const char *name, const struct slice *stem)
{
	size_t i = place_of(ls, name);
	struct lane *l;

	if (i < ls->n && strcmp(ls->all[i]->name, name) == 0)
		return ls->all[i];
	if (!stem)
		return NULL;
	if (ls->n == ls->size) {
		size_t size = ls->size ? 2 * ls->size : 16;
		struct lane **all = reallocarray(ls->all, size, sizeof(struct lane *));

		if (!all)
			return NULL;
		ls->all = all;
		ls->size = size;
	}
	l = lane_new(name, *stem);
	if (!l)
		return NULL;
	memmove(ls->all + i + 1, ls->all + i, (ls->n - i) * sizeof(struct lane *));
	ls->all[i] = l;
	ls->n++;
	return l;
}

/* The lane of a file; its stem goes into a position, which is one line. */
static struct lane *lane_of_file(struct lanes *ls, const char *machine, const char *file, bool make)
{
	char name[LANE_NAME_MAX];
	struct slice stem;
	int n;

	if (!collection_name_stem(file, &stem))
		return NULL;
	n = snprintf(name, sizeof(name), "%s%s%.*s", machine, *machine ? "/" : "", (int)stem.n,
		     stem.p);
	if (n < 0 || (size_t)n >= sizeof(name))
		return NULL;
	for (char *c = name; *c; c++)
		if (*c == '\n')
			*c = ' ';
	return lanes_get(ls, name, make ? &stem : NULL);
}

static int path_of(const struct lanes *ls, const char *machine, const char *file, char *ret)
{
	int n = snprintf(ret, PATH_MAX, "%s/%s%s%s", ls->directory, machine, *machine ? "/" : "",
			 file);

	return n < 0 || n >= PATH_MAX ? -ENAMETOOLONG : 0;
}

static int add_file(struct lanes *ls, const char *machine, const char *file)
{
	char path[PATH_MAX];
	struct slice stem;
	struct lane *l;

	if (!collection_name_stem(file, &stem) || path_of(ls, machine, file, path) < 0)
		return 0;
	l = lane_of_file(ls, machine, file, true);
	return l ? lane_add_file(l, path) : -ENOMEM;
}

/* ---- directories ---- */

static int watch(struct lanes *ls, const char *path, const char *machine)
{
	struct lanes_watch *watches, *w;
	int wd;

	if (ls->inotify_fd < 0)
		return 0;
	wd = inotify_add_watch(ls->inotify_fd, path, EVENTS);
	if (wd < 0)
		return -errno;
	for (size_t i = 0; i < ls->n_watches; i++)
		if (ls->watches[i].wd == wd)
			return 0;
	watches = reallocarray(ls->watches, ls->n_watches + 1, sizeof(*watches));
	if (!watches)
		return -ENOMEM;
	ls->watches = watches;
	w = &watches[ls->n_watches++];
	w->wd = wd;
	(void)snprintf(w->machine, sizeof(w->machine), "%s", machine);
	return 0;
}

/* Watched before it is read, so that no file comes in between. */
static int scan(struct lanes *ls, const char *machine)
{
	char path[PATH_MAX];
	struct dirent *entry;
	DIR *dir;
	int r = path_of(ls, machine, "", path);

	if (r == 0)
		r = watch(ls, path, machine);
	if (r < 0)
		return r;
	dir = opendir(path);
	if (!dir)
		return -errno;
	while (r == 0 && (entry = readdir(dir))) {
		if (!*machine && collection_name_is_machine(entry->d_name)) {
			r = scan(ls, entry->d_name);
			if (r == -ENOENT || r == -ENOTDIR) /* gone meanwhile; or no directory */
				r = 0;
		} else
			r = add_file(ls, machine, entry->d_name);
	}
	(void)closedir(dir);
	return r;
}

int lanes_init(struct lanes *ls, const char *directory, bool follow)
{
	*ls = (struct lanes){.inotify_fd = -1};
	ls->directory = strdup(directory);
	if (!ls->directory)
		return -ENOMEM;
	if (follow) {
		ls->inotify_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
		if (ls->inotify_fd < 0)
			return -errno;
	}
	return scan(ls, "");
}

void lanes_done(struct lanes *ls)
{
	for (size_t i = 0; i < ls->n; i++)
		(void)lane_free(ls->all[i]);
	free(ls->all);
	free(ls->watches);
	free(ls->directory);
	if (ls->inotify_fd >= 0)
		(void)close(ls->inotify_fd);
}

/* ---- events ---- */

/* Events were lost: everything is looked at. */
static int look_at_all(struct lanes *ls)
{
	for (size_t i = 0; i < ls->n; i++) {
		struct lane *l = ls->all[i];

		l->lost = true;
		for (size_t k = l->n_files; k-- > 0;)
			if (access(l->files[k], F_OK) < 0)
				lane_remove_file(l, l->files[k]);
	}
	return scan(ls, "");
}

static int take_event(struct lanes *ls, const struct lanes_watch *w, const struct inotify_event *e)
{
	char path[PATH_MAX];
	struct lane *l;

	if (e->mask & IN_ISDIR) {
		if (!*w->machine && (e->mask & (IN_CREATE | IN_MOVED_TO)) &&
		    collection_name_is_machine(e->name))
			return scan(ls, e->name);
		return 0;
	}
	l = lane_of_file(ls, w->machine, e->name, false);
	if (l && (e->mask & IN_MODIFY) && !l->partial) {
		l->unread = true;
		return 0;
	}
	if (!(e->mask & (IN_MOVED_FROM | IN_DELETE)))
		return add_file(ls, w->machine, e->name);
	if (l && path_of(ls, w->machine, e->name, path) == 0)
		lane_remove_file(l, path);
	return 0;
}

static const struct lanes_watch *watch_of(const struct lanes *ls, int wd)
{
	for (size_t i = 0; i < ls->n_watches; i++)
		if (ls->watches[i].wd == wd)
			return &ls->watches[i];
	return NULL;
}

static void forget_watch(struct lanes *ls, int wd)
{
	for (size_t i = 0; i < ls->n_watches; i++)
		if (ls->watches[i].wd == wd)
			ls->watches[i] = ls->watches[--ls->n_watches];
}

int lanes_process(struct lanes *ls)
{
	_Alignas(struct inotify_event) char events[16384];
	int r = 0;
	ssize_t n;

	while ((n = read(ls->inotify_fd, events, sizeof(events))) > 0) {
		for (char *at = events; at < events + n && r == 0;) {
			const struct inotify_event *e = (const struct inotify_event *)(void *)at;
			const struct lanes_watch *w = watch_of(ls, e->wd);

			at += sizeof(*e) + e->len;
			if (e->mask & IN_Q_OVERFLOW)
				r = look_at_all(ls);
			else if (w && !*w->machine && (e->mask & (IN_DELETE_SELF | IN_MOVE_SELF)))
				ls->gone = true;
			else if (e->mask & IN_IGNORED)
				forget_watch(ls, e->wd);
			else if (w && e->len > 0)
				r = take_event(ls, w, e);
		}
		if (r < 0)
			return r;
	}
	if (n < 0 && errno != EAGAIN && errno != EINTR)
		return -errno;
	return ls->gone ? -ENOENT : 0;
}
