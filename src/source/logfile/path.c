#include "source/logfile/path.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"

#define MISSING_USEC UINT64_C(60000000) /* a path without a file for so long is a gap */

static int set_names(struct path *path, const char *name)
{
	AUTO_FREE char *cwd = name[0] == '/' ? NULL : getcwd(NULL, 0);
	char *slash;

	if (name[0] != '/' && !cwd)
		return -errno;
	if (asprintf(&path->name, "%s%s%s", cwd ? cwd : "", cwd ? "/" : "", name) < 0) {
		path->name = NULL;
		return -ENOMEM;
	}
	path->dir = strdup(path->name);
	if (!path->dir)
		return -ENOMEM;
	slash = strrchr(path->dir, '/');
	slash[slash == path->dir] = '\0';
	path->base = strrchr(path->name, '/') + 1;
	return 0;
}

int path_init(struct path *path, const char *name, bool follow, uint64_t now_usec)
{
	int r;

	*path = (struct path){.looked_usec = now_usec, .watch.fd = -1};
	if (!name)
		return 0;
	r = set_names(path, name);
	if (r < 0 || !follow)
		return r;
	r = watch_init(&path->watch, path->name);
	if (r == 0)
		watch_directory(&path->watch);
	return r;
}

void path_done(struct path *path)
{
	watch_done(&path->watch);
	free(path->dir);
	free(path->name);
	path->dir = path->name = NULL;
}

/* Why the path cannot be read, and what to do. @st may be NULL. */
static void describe(const char *name, int code, const struct stat *st, struct error *err)
{
	char group[64] = "adm";
	struct group entry, *found = NULL;
	char storage[1024];

	switch (code) {
	case -ENOENT:
		error_set(err, name, 0, 0, "no such file");
		break;
	case -EISDIR:
		error_set(err, name, 0, 0, "is a directory: name a log file in it");
		break;
	case -ESPIPE:
		error_set(err, name, 0, 0,
			  "is a pipe, a socket or a device: pass it on standard input, with "
			  "--log-file=-");
		break;
	case -EACCES:
	case -EPERM:
		if (st && !(st->st_mode & S_IRGRP)) {
			error_set(err, name, 0, 0,
				  "permission denied: only its owner may read it; run as root, or "
				  "make it readable for group adm and add the user to group adm");
			break;
		}
		if (st && getgrgid_r(st->st_gid, &entry, storage, sizeof(storage), &found) == 0 &&
		    found && st->st_gid != 0)
			(void)snprintf(group, sizeof(group), "%s", found->gr_name);
		error_set(err, name, 0, 0, "permission denied: add the user to group %s", group);
		break;
	default:
		error_set(err, name, 0, 0, "cannot be read: %s", strerror(-code));
	}
}

static int check_type(const struct stat *st)
{
	if (S_ISDIR(st->st_mode))
		return -EISDIR;
	return S_ISREG(st->st_mode) ? 0 : -ESPIPE;
}

int path_open(const struct path *path, struct open_file *ret, struct error *err)
{
	AUTO_CLOSE int fd = -1;
	struct stat st;
	int r;

	if (stat(path->name, &st) < 0) {
		r = -errno;
		describe(path->name, r, NULL, err);
		return r;
	}
	r = check_type(&st);
	if (r == 0) {
		fd = open(path->name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
		if (fd < 0 || fstat(fd, &st) < 0)
			r = -errno;
		else
			r = check_type(&st);
	}
	if (r < 0) {
		describe(path->name, r, &st, err);
		return r;
	}
	ret->st = st;
	ret->compression = COMPRESSION_NONE;
	ret->fd = steal_fd(&fd);
	return 0;
}

void path_look(const struct path *path, struct path_state *ret)
{
	struct open_file file;

	*ret = (struct path_state){.ino = 0};
	if (path_open(path, &file, NULL) < 0)
		return;
	if (file_head_read(file.fd, &ret->head) == 0) {
		ret->dev = file.st.st_dev;
		ret->ino = file.st.st_ino;
	}
	(void)close(file.fd);
}

void path_set_head(const struct path_state *state, struct segment *segment)
{
	if (segment->dev == state->dev && segment->ino == state->ino)
		segment->head = state->head;
}

bool path_names(const struct path *path, int fd)
{
	struct stat named, st;

	/* Both are asked again: the numbers of an overlay's file change at its first write. */
	return stat(path->name, &named) == 0 && fstat(fd, &st) == 0 && named.st_dev == st.st_dev &&
	       named.st_ino == st.st_ino;
}

void path_reopen(const struct path *path, int fd)
{
	struct open_file now;
	struct stat st;

	if (path_open(path, &now, NULL) < 0)
		return;
	if (fstat(fd, &st) == 0 && st.st_dev == now.st.st_dev && st.st_ino == now.st.st_ino)
		(void)dup3(now.fd, fd, O_CLOEXEC);
	(void)close(now.fd);
}

void path_link(const struct path *path, char **ret_dir, const char **ret_base)
{
	AUTO_FREE char *target = realpath(path->name, NULL);
	char *slash = target ? strrchr(target, '/') : NULL;

	*ret_dir = NULL;
	*ret_base = NULL;
	if (!slash || strcmp(target, path->name) == 0)
		return;
	*slash = '\0';
	*ret_base = slash + 1;
	*ret_dir = STEAL_PTR(target);
}

void path_note_missing(struct path *path, struct segments *s, int code, const struct error *err)
{
	uint64_t now = segments_now(s);
	bool missing = code == -ENOENT || code == -ENOTDIR;
	struct file_id id = {0};

	if (path->missing_usec == 0)
		path->missing_usec = now;
	if (path->missing_reported || now - path->missing_usec < MISSING_USEC)
		return;
	if (s->n > 0)
		id = segments_first_id(s);
	path->missing_reported = true;
	segments_add_gap(s, &id, path->missing_usec, now, "%.300s%s%.200s", path->name,
			 missing ? " is missing" : ": ", missing ? "" : err->text);
}

void path_note_found(struct path *path)
{
	path->missing_usec = 0;
	path->missing_reported = false;
}

uint64_t path_missing_due(const struct path *path)
{
	if (path->missing_usec == 0 || path->missing_reported)
		return UINT64_MAX;
	return path->missing_usec + MISSING_USEC;
}
