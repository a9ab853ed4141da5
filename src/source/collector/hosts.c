/*
 * journal-remote ends each entry with an ftruncate(2), for which inotify(7) names the file: one
 * watch reports any number of hosts, and a silent host costs nothing.
 *
 * A rotation is a rename and a new file, a vacuum a removal. What is unread in a file that is
 * removed is still read if its host is open. If not, it is lost, and when the host is opened next,
 * the journal's source reports the gap.
 */
#include "source/collector/hosts.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>

#include "base/inotify.h"
#include "source/collector/names.h"
#include "source/collector/text.h"

#define EVENTS                                                                                     \
	(IN_MODIFY | IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_DELETE_SELF |        \
	 IN_MOVE_SELF | IN_ONLYDIR)

/* ---- hosts by name ---- */

static size_t index_of(const struct hosts *hs, const char *name)
{
	size_t low = 0, high = hs->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(hs->all[middle]->name, name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct host *hosts_get(struct hosts *hs, const char *name, const struct slice *stem)
{
	size_t i = index_of(hs, name);
	struct host *h;

	if (i < hs->n && strcmp(hs->all[i]->name, name) == 0)
		return hs->all[i];
	if (!stem)
		return NULL;
	if (hs->n == hs->size) {
		size_t size = hs->size ? 2 * hs->size : 16;
		struct host **all = reallocarray(hs->all, size, sizeof(struct host *));

		if (!all)
			return NULL;
		hs->all = all;
		hs->size = size;
	}
	h = host_new(name, *stem);
	if (!h)
		return NULL;
	memmove(hs->all + i + 1, hs->all + i, (hs->n - i) * sizeof(struct host *));
	hs->all[i] = h;
	hs->n++;
	return h;
}

/* The host of a file. A newline in its stem would end the line of a position. */
static struct host *host_of_file(struct hosts *hs, const char *machine, const char *file, bool make)
{
	char name[HOST_ID_MAX];
	struct slice stem;

	if (!collector_name_stem(file, &stem))
		return NULL;
	(void)snprintf(name, sizeof(name), "%s%s%.*s", machine, *machine ? "/" : "", (int)stem.n,
		       stem.p);
	for (char *c = name; *c; c++)
		if (*c == '\n')
			*c = ' ';
	return hosts_get(hs, name, make ? &stem : NULL);
}

static int path_of(const struct hosts *hs, const char *machine, const char *file, char *ret)
{
	int n = snprintf(ret, PATH_MAX, "%s/%s%s%s", hs->directory, machine, *machine ? "/" : "",
			 file);

	return n < 0 || n >= PATH_MAX ? -ENAMETOOLONG : 0;
}

static int add_file(struct hosts *hs, const char *machine, const char *file)
{
	char path[PATH_MAX];
	struct slice stem;
	struct host *h;

	if (!collector_name_stem(file, &stem) || path_of(hs, machine, file, path) < 0)
		return 0;
	h = host_of_file(hs, machine, file, true);
	return h ? host_add_file(h, path) : -ENOMEM;
}

/* ---- directories ---- */

static int watch(struct hosts *hs, const char *path, const char *machine)
{
	struct hosts_watch *watches, *w;
	int wd;

	if (hs->inotify_fd < 0)
		return 0;
	wd = inotify_add_watch(hs->inotify_fd, path, EVENTS);
	if (wd < 0)
		return -errno;
	for (size_t i = 0; i < hs->n_watches; i++)
		if (hs->watches[i].wd == wd)
			return 0;
	watches = reallocarray(hs->watches, hs->n_watches + 1, sizeof(*watches));
	if (!watches)
		return -ENOMEM;
	hs->watches = watches;
	w = &watches[hs->n_watches++];
	w->wd = wd;
	(void)snprintf(w->machine, sizeof(w->machine), "%s", machine);
	return 0;
}

/* Watched before it is read, so that no new file is missed. */
static int scan(struct hosts *hs, const char *machine)
{
	char path[PATH_MAX];
	struct dirent *entry;
	DIR *dir;
	int r = path_of(hs, machine, "", path);

	if (r == 0)
		r = watch(hs, path, machine);
	if (r < 0)
		return r;
	dir = opendir(path);
	if (!dir)
		return -errno;
	while (r == 0 && (entry = readdir(dir))) {
		if (!*machine && collector_name_is_machine(entry->d_name)) {
			r = scan(hs, entry->d_name);
			if (r == -ENOENT || r == -ENOTDIR) /* removed meanwhile, or a file */
				r = 0;
		} else
			r = add_file(hs, machine, entry->d_name);
	}
	(void)closedir(dir);
	return r;
}

int hosts_init(struct hosts *hs, const char *directory, bool follow)
{
	*hs = (struct hosts){.inotify_fd = -1};
	hs->directory = strdup(directory);
	if (!hs->directory)
		return -ENOMEM;
	if (follow) {
		hs->inotify_fd = inotify_open();
		if (hs->inotify_fd < 0)
			return hs->inotify_fd;
	}
	return scan(hs, "");
}

void hosts_done(struct hosts *hs)
{
	for (size_t i = 0; i < hs->n; i++)
		(void)host_free(hs->all[i]);
	free(hs->all);
	free(hs->watches);
	free(hs->directory);
	if (hs->inotify_fd >= 0)
		(void)close(hs->inotify_fd);
}

/* ---- events ---- */

/* Events were lost: every file may have changed. */
static int rescan(struct hosts *hs)
{
	for (size_t i = 0; i < hs->n; i++) {
		struct host *h = hs->all[i];

		h->lost = true;
		for (size_t k = h->n_files; k-- > 0;)
			if (access(h->files[k], F_OK) < 0)
				host_remove_file(h, h->files[k]);
	}
	return scan(hs, "");
}

static int apply(struct hosts *hs, const struct hosts_watch *w, const struct inotify_event *e)
{
	char path[PATH_MAX];
	struct host *h;

	if (e->mask & IN_ISDIR) {
		if (!*w->machine && (e->mask & (IN_CREATE | IN_MOVED_TO)) &&
		    collector_name_is_machine(e->name))
			return scan(hs, e->name);
		return 0;
	}
	h = host_of_file(hs, w->machine, e->name, false);
	if (h && (e->mask & IN_MODIFY) && !h->bad.partial) {
		h->unread = true;
		return 0;
	}
	if (!(e->mask & (IN_MOVED_FROM | IN_DELETE)))
		return add_file(hs, w->machine, e->name);
	if (h && path_of(hs, w->machine, e->name, path) == 0)
		host_remove_file(h, path);
	return 0;
}

static const struct hosts_watch *watch_of(const struct hosts *hs, int wd)
{
	for (size_t i = 0; i < hs->n_watches; i++)
		if (hs->watches[i].wd == wd)
			return &hs->watches[i];
	return NULL;
}

static void forget_watch(struct hosts *hs, int wd)
{
	for (size_t i = 0; i < hs->n_watches; i++)
		if (hs->watches[i].wd == wd)
			hs->watches[i] = hs->watches[--hs->n_watches];
}

struct drain {
	struct hosts *hs;
	int result; /* of the first event that failed */
};

static void on_event(void *userdata, const struct inotify_event *e)
{
	struct drain *d = userdata;
	const struct hosts_watch *w = watch_of(d->hs, e->wd);

	if (d->result < 0)
		return;
	if (e->mask & IN_Q_OVERFLOW)
		d->result = rescan(d->hs);
	else if (w && !*w->machine && (e->mask & (IN_DELETE_SELF | IN_MOVE_SELF)))
		d->hs->gone = true;
	else if (e->mask & IN_IGNORED)
		forget_watch(d->hs, e->wd);
	else if (w && e->len > 0)
		d->result = apply(d->hs, w, e);
}

int hosts_process(struct hosts *hs)
{
	struct drain d = {.hs = hs};
	int r = inotify_drain(hs->inotify_fd, on_event, &d);

	if (r < 0 || d.result < 0)
		return r < 0 ? r : d.result;
	return hs->gone ? -ENOENT : 0;
}

int hosts_format(const struct hosts *hs, uint64_t until_usec, struct buffer *ret)
{
	int r = collector_text_format_head(until_usec, hs->n, ret);

	for (size_t i = 0; i < hs->n && r == 0; i++)
		r = host_format(hs->all[i], ret);
	return r;
}
