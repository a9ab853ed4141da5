/*
 * The file is held open, and with it a reader, because libsystemd does not open a deleted file
 * (-EIDRM), and reads a file only up to the size that it had when it was opened. journald enlarges
 * a file by 8 MiB at a time, and checks then whether it was deleted; so a reader that is reopened
 * at each of these steps can read all that journald writes into a deleted file.
 *
 * The kernel knows the name of an open file (/proc/self/fd). journald itself renames the file to
 * system@….journal in its directory and then closes it. When journald flushes /run to /var, it
 * deletes the file in /run.
 */
#include "source/journal/live.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <systemd/sd-journal.h>

#include "base/cleanup.h"
#include "base/slice.h"
#include "base/timetext.h"

#define MISSING_USEC (10 * USEC_PER_SEC) /* journald makes a file sooner, also under load */

#define NAME	 "system.journal"
#define ARCHIVED "system@"
#define DELETED	 " (deleted)"

/* In the header of a file (systemd's JOURNAL_FILE_FORMAT). */
#define STATE_AT 16
enum state { STATE_OFFLINE, STATE_ONLINE, STATE_ARCHIVED };

enum whereabouts { AT_HOME, ARCHIVED_BY_JOURNALD, ORPHANED };

static const struct live_file no_file = {.fd = -1, .reader_fd = -1};

void live_file_close(struct live_file *f)
{
	sd_journal_close(f->j);
	if (f->fd >= 0)
		(void)close(f->fd);
	free(f->path);
	*f = no_file;
}

void live_init(struct live *l)
{
	*l = (struct live){.on = false};
	for (size_t i = 0; i < JOURNAL_ROOTS; i++)
		l->files[i] = no_file;
}

void live_begin(struct live *l)
{
	char directory[JOURNAL_MACHINE_PATH];

	for (size_t i = 0; i < JOURNAL_ROOTS; i++) {
		journal_machine_directory((enum journal_root)i, directory);
		(void)snprintf(l->homes[i], sizeof(l->homes[i]), "%s/" NAME, directory);
	}
	l->on = true;
}

void live_done(struct live *l)
{
	for (size_t i = 0; i < JOURNAL_ROOTS; i++)
		live_file_close(&l->files[i]);
}

/* ---- what a file is ---- */

/* The kernel's name of it; of a deleted one, the last name and DELETED. -errno. */
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

static enum whereabouts whereabouts_of(const struct live_file *f)
{
	size_t directory = (size_t)(strrchr(f->path, '/') + 1 - f->path);
	char now[PATH_MAX];

	if (path_of(f->fd, now) < 0 || strcmp(now, f->path) == 0)
		return AT_HOME;
	if (strncmp(now, f->path, directory) == 0 &&
	    strncmp(now + directory, ARCHIVED, strlen(ARCHIVED)) == 0 &&
	    !strchr(now + directory, '/'))
		return ARCHIVED_BY_JOURNALD;
	return ORPHANED;
}

int live_file_path(const struct live_file *f, char ret[PATH_MAX])
{
	struct slice path;
	int r = path_of(f->fd, ret);

	if (r < 0)
		return r;
	path = slice_of(ret);
	return !slice_skip_end(&path, DELETED);
}

/* STATE_ONLINE if it cannot be read. */
static enum state state_of(const struct live_file *f)
{
	unsigned char state;

	return pread(f->fd, &state, 1, STATE_AT) == 1 ? state : STATE_ONLINE;
}

bool live_closed(const struct live *l, const struct live_file *orphan)
{
	enum state state = state_of(orphan);

	if (whereabouts_of(orphan) == AT_HOME)
		return true;
	/* A file that journald has not written to for five minutes is offline too. */
	for (size_t i = 0; i < JOURNAL_ROOTS && state == STATE_OFFLINE; i++)
		if (l->files[i].fd >= 0 && state_of(&l->files[i]) == STATE_ONLINE)
			return true;
	return state == STATE_ARCHIVED;
}

/* ---- holding the live files ---- */

/* Opens the reader, or reopens it if the file has grown since. */
static void renew_reader(struct live_file *f)
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
		(void)close(fd); /* deleted meanwhile, or its header is not written yet */
		return;
	}
	sd_journal_close(f->j);
	f->j = j;
	f->reader_fd = fd;
	f->size = (uint64_t)st.st_size;
}

static void open_file(struct live_file *f, const char *home)
{
	char path[PATH_MAX];

	f->fd = open(home, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (f->fd >= 0 && path_of(f->fd, path) == 0)
		f->path = strdup(path);
	if (f->fd >= 0 && (!f->path || !strchr(f->path, '/')))
		live_file_close(f);
}

/* Whether journald has moved /run's to /var; it deletes it after everything is written there. */
static bool is_flushed(const struct live *l, enum journal_root root)
{
	return root == JOURNAL_ROOT_VOLATILE && state_of(&l->files[root]) != STATE_ONLINE &&
	       access(l->homes[JOURNAL_ROOT_STORED], F_OK) == 0;
}

bool live_look(struct live *l, enum journal_root root, struct live_file *ret_orphan)
{
	struct live_file *f = &l->files[root];
	enum whereabouts at;
	bool orphaned;

	if (!l->on)
		return false;
	at = f->fd >= 0 ? whereabouts_of(f) : AT_HOME;
	orphaned = at == ORPHANED && !is_flushed(l, root);
	if (orphaned) {
		*ret_orphan = *f;
		*f = no_file;
	} else if (at != AT_HOME)
		live_file_close(f);
	if (f->fd < 0)
		open_file(f, l->homes[root]);
	if (f->fd >= 0)
		renew_reader(f);
	return orphaned;
}

void live_note_missing(struct live *l, bool orphans, uint64_t now_usec)
{
	bool missing = l->on && !orphans; /* an orphan was reported, and is read */

	for (size_t i = 0; i < JOURNAL_ROOTS; i++)
		missing &= l->files[i].fd < 0;
	if (!missing) {
		l->missing_usec = 0;
		l->missing_reported = false;
	} else if (!l->missing_usec)
		l->missing_usec = now_usec;
}

uint64_t live_missing_due(const struct live *l)
{
	return l->missing_usec && !l->missing_reported ? l->missing_usec + MISSING_USEC
						       : UINT64_MAX;
}

bool live_holds(const struct live *l, int fd)
{
	for (size_t i = 0; i < JOURNAL_ROOTS; i++)
		if (fd == l->files[i].fd || (l->files[i].j && fd == l->files[i].reader_fd))
			return true;
	return false;
}
