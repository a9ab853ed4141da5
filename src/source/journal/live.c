/*
 * The file is held open, and so is a reader of it, since libsystemd opens no file that has no name
 * (-EIDRM), and reads none further than it was when it looked at its size. As journald makes a file
 * larger by 8 MiB at a time, and looks then whether it still has a name, a reader that is opened
 * anew at each of these steps can read all that journald writes into a file that was deleted.
 *
 * Where a file is, its descriptor tells (/proc/self/fd). journald itself renames it in its
 * directory, to system@….journal, and then closes it; what happens to it behind that is no concern
 * of ours. And when /run is flushed to /var, that of /run is deleted.
 */
#include "source/journal/live.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <systemd/sd-id128.h>
#include <systemd/sd-journal.h>

#include "base/cleanup.h"
#include "base/timetext.h"

#define MISSING_USEC (10 * USEC_PER_SEC) /* a loaded machine, and journald begins a file */

#define NAME	 "system.journal"
#define ARCHIVED "system@"
#define DELETED	 " (deleted)"

/* Of the head of a file (systemd's JOURNAL_FILE_FORMAT). */
#define STATE_AT 16
enum state { STATE_OFFLINE, STATE_ONLINE, STATE_ARCHIVED };

enum { ROOT_STORED, ROOT_VOLATILE };
static const char *const roots[ACTIVE_ROOTS] = {
	[ROOT_STORED] = "/var/log/journal",
	[ROOT_VOLATILE] = "/run/log/journal",
};

enum whereabouts { AT_HOME, ARCHIVED_BY_JOURNALD, TAKEN_AWAY };

static void close_file(struct active_file *f)
{
	sd_journal_close(f->j);
	if (f->fd >= 0)
		(void)close(f->fd);
	free(f->path);
	*f = (struct active_file){.home = f->home, .fd = -1, .reader_fd = -1};
}

void journal_active_init(struct journal_active *a)
{
	*a = (struct journal_active){.fd = -1};
	for (size_t i = 0; i < ACTIVE_ROOTS; i++)
		a->files[i] = (struct active_file){.home = a->homes[i], .fd = -1, .reader_fd = -1};
}

void journal_active_begin(struct journal_active *a)
{
	char machine[SD_ID128_STRING_MAX] = "";
	sd_id128_t id;

	if (sd_id128_get_machine(&id) >= 0)
		(void)sd_id128_to_string(id, machine);
	for (size_t i = 0; i < ACTIVE_ROOTS; i++) {
		close_file(&a->files[i]);
		(void)snprintf(a->homes[i], sizeof(a->homes[i]), "%s%s%s/" NAME, roots[i],
			       *machine ? "/" : "", machine);
	}
	if (a->fd < 0)
		a->fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
}

void journal_active_done(struct journal_active *a)
{
	while (a->n_taken > 0)
		journal_active_drop(a, &a->taken[0]);
	for (size_t i = 0; i < ACTIVE_ROOTS; i++)
		close_file(&a->files[i]);
	if (a->fd >= 0)
		(void)close(a->fd);
}

/* ---- where a file is ---- */

/* What the kernel calls it; of one without a name, its last one and DELETED. -errno. */
static int path_of(int fd, char ret[PATH_MAX])
{
	char link[32];
	ssize_t n;

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, ret, PATH_MAX - 1);
	if (n < 0)
		return -errno;
	ret[n] = '\0';
	return 0;
}

static enum whereabouts look_for(const struct active_file *f)
{
	size_t directory = (size_t)(strrchr(f->path, '/') + 1 - f->path);
	char now[PATH_MAX];

	if (path_of(f->fd, now) < 0 || strcmp(now, f->path) == 0)
		return AT_HOME;
	if (strncmp(now, f->path, directory) == 0 &&
	    strncmp(now + directory, ARCHIVED, strlen(ARCHIVED)) == 0 &&
	    !strchr(now + directory, '/'))
		return ARCHIVED_BY_JOURNALD;
	return TAKEN_AWAY;
}

int journal_active_whereabouts(const struct taken_file *t, char *ret, size_t size)
{
	char now[PATH_MAX];
	size_t n = strlen(DELETED), len;
	int r = path_of(t->file.fd, now);

	if (r < 0)
		return r;
	len = strlen(now);
	if (len >= n && strcmp(now + len - n, DELETED) == 0)
		return 0;
	(void)snprintf(ret, size, "%s", now);
	return 1;
}

/* STATE_ONLINE where that cannot be read. */
static enum state state_of(const struct active_file *f)
{
	unsigned char state;

	return pread(f->fd, &state, 1, STATE_AT) == 1 ? state : STATE_ONLINE;
}

/* ---- holding the active ones ---- */

/* Opens the reader, or opens it anew, where it does not know of all that was appended. */
static void renew_reader(struct active_file *f)
{
	struct sd_journal *j;
	struct stat st;
	int fd;

	if (fstat(f->fd, &st) < 0 || (f->j && (uint64_t)st.st_size == f->size))
		return;
	fd = fcntl(f->fd, F_DUPFD_CLOEXEC, 0);
	if (fd < 0)
		return;
	if (sd_journal_open_files_fd(&j, &fd, 1, 0) < 0) {
		(void)close(fd); /* deleted meanwhile, or without a head yet */
		return;
	}
	sd_journal_close(f->j);
	f->j = j;
	f->reader_fd = fd;
	f->size = (uint64_t)st.st_size;
}

static void open_file(struct active_file *f)
{
	char path[PATH_MAX];

	f->fd = open(f->home, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (f->fd >= 0 && path_of(f->fd, path) == 0)
		f->path = strdup(path);
	if (f->fd >= 0 && (!f->path || !strchr(f->path, '/')))
		close_file(f);
}

/* journald has moved /run's to /var: it wrote all of it there before it deleted it. */
static bool is_flushed(const struct journal_active *a, const struct active_file *f)
{
	return f == &a->files[ROOT_VOLATILE] && state_of(f) != STATE_ONLINE &&
	       access(a->homes[ROOT_STORED], F_OK) == 0;
}

/* Watched from before it is read on: what comes later wakes. */
static void take(struct journal_active *a, struct active_file *f,
		 const struct journal_position *place)
{
	struct taken_file *t;
	char link[32];

	if (a->n_taken == ACTIVE_TAKEN_MAX)
		journal_active_drop(a, &a->taken[0]);
	t = &a->taken[a->n_taken++];
	*t = (struct taken_file){.file = *f, .place = *place};
	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", f->fd);
	t->watch = inotify_add_watch(a->fd, link, IN_MODIFY);
	*f = (struct active_file){.home = f->home, .fd = -1, .reader_fd = -1};
}

/* One that was taken away is told of, and read. */
static void note_missing(struct journal_active *a, uint64_t now_usec)
{
	bool missing = a->fd >= 0 && a->n_taken == 0;

	for (size_t i = 0; i < ACTIVE_ROOTS; i++)
		missing &= a->files[i].fd < 0;
	if (!missing) {
		a->missing_usec = 0;
		a->missing_told = false;
	} else if (!a->missing_usec)
		a->missing_usec = now_usec;
}

void journal_active_look(struct journal_active *a, const struct journal_position *place,
			 uint64_t now_usec)
{
	for (size_t i = 0; a->fd >= 0 && i < ACTIVE_ROOTS; i++) {
		struct active_file *f = &a->files[i];
		enum whereabouts at = f->fd >= 0 ? look_for(f) : AT_HOME;

		if (at == TAKEN_AWAY && !is_flushed(a, f))
			take(a, f, place);
		else if (at != AT_HOME)
			close_file(f);
		if (f->fd < 0)
			open_file(f);
		if (f->fd >= 0)
			renew_reader(f);
	}
	note_missing(a, now_usec);
}

uint64_t journal_active_missing_due(const struct journal_active *a)
{
	return a->missing_usec && !a->missing_told ? a->missing_usec + MISSING_USEC : UINT64_MAX;
}

bool journal_active_holds(const struct journal_active *a, int fd)
{
	for (size_t i = 0; i < ACTIVE_ROOTS; i++)
		if (fd == a->files[i].fd || (a->files[i].j && fd == a->files[i].reader_fd))
			return true;
	return false;
}

/* ---- those that were taken ---- */

void journal_active_process(struct journal_active *a)
{
	char events[4096];

	while (read(a->fd, events, sizeof(events)) > 0)
		;
}

/* Offline is also what journald has not written to for five minutes; not if it writes another. */
bool journal_active_closed(const struct journal_active *a, const struct taken_file *t)
{
	enum state state = state_of(&t->file);

	if (look_for(&t->file) == AT_HOME) /* it was put back: sd_journal reads it */
		return true;
	for (size_t i = 0; i < ACTIVE_ROOTS && state == STATE_OFFLINE; i++)
		if (a->files[i].fd >= 0 && state_of(&a->files[i]) == STATE_ONLINE)
			return true;
	return state == STATE_ARCHIVED;
}

void journal_active_drop(struct journal_active *a, struct taken_file *t)
{
	size_t behind = (size_t)(&a->taken[a->n_taken] - (t + 1));

	if (t->watch >= 0)
		(void)inotify_rm_watch(a->fd, t->watch);
	close_file(&t->file);
	memmove(t, t + 1, behind * sizeof(*t));
	a->n_taken--;
}
