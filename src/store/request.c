/* Names are parsed strictly: no other file in the directory is a request. */
#include "store/request.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/timetext.h"
#include "store/fields.h"
#include "store/file.h"

#define ANSWER_PREFIX  "answer."
#define NAME_SIZE      64
#define ANSWER_MAX_AGE USEC_PER_HOUR
#define FLUSH	       REQUEST_PREFIX "flush"
#define MAGIC	       "LOGINBELL_ANSWER=1"
#define ANSWER_MAX     (4 * REQUEST_TEXT_MAX + 256) /* escaped */

static const char *const words[REQUEST_KINDS] = {"retry", "drop"};

const char *request_kind_text(enum request_kind kind)
{
	return words[kind];
}

static void name_of(const char *prefix, const struct request *q, char ret[NAME_SIZE])
{
	(void)snprintf(ret, NAME_SIZE, "%s%s.%s", prefix, words[q->kind], q->id);
}

bool request_parse(const char *name, struct request *ret)
{
	struct slice rest = slice_of(name);

	if (!slice_skip(&rest, REQUEST_PREFIX))
		return false;
	for (int kind = 0; kind < REQUEST_KINDS; kind++) {
		struct slice id = rest;

		if (!slice_skip(&id, words[kind]) || !slice_skip(&id, ".") ||
		    id.n != REQUEST_ID_MAX - 1 || strspn(id.p, "0123456789abcdef") != id.n)
			continue;
		ret->kind = (enum request_kind)kind;
		(void)snprintf(ret->id, sizeof(ret->id), "%s", id.p);
		return true;
	}
	return false;
}

int request_make(int dirfd, const struct request *q)
{
	AUTO_CLOSE int fd = -1;
	char name[NAME_SIZE];

	name_of(ANSWER_PREFIX, q, name);
	if (unlinkat(dirfd, name, 0) < 0 && errno != ENOENT)
		return -errno;
	name_of(REQUEST_PREFIX, q, name);
	fd = file_open(dirfd, name, O_WRONLY | O_CREAT | O_EXCL, 0640);
	if (fd < 0)
		return fd == -EEXIST ? 0 : fd;
	return fsync(fd) < 0 || fsync(dirfd) < 0 ? -errno : 0;
}

int request_make_flush(int dirfd)
{
	AUTO_CLOSE int fd = file_open(dirfd, FLUSH, O_WRONLY | O_CREAT | O_EXCL, 0640);

	return fd < 0 && fd != -EEXIST ? fd : 0;
}

bool request_fetch_flush(int dirfd)
{
	return unlinkat(dirfd, FLUSH, 0) == 0;
}

bool request_waits(int dirfd, const struct request *q)
{
	char name[NAME_SIZE];

	name_of(REQUEST_PREFIX, q, name);
	return faccessat(dirfd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static void remove_old_answer(int dirfd, const char *name, uint64_t now_usec)
{
	struct stat st;

	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_mtime > 0 &&
	    (uint64_t)st.st_mtime * USEC_PER_SEC + ANSWER_MAX_AGE < now_usec)
		(void)unlinkat(dirfd, name, 0);
}

int request_list(int dirfd, uint64_t now_usec, struct request **ret, size_t *ret_n)
{
	int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct request *list = NULL, q;
	const struct dirent *e;
	size_t n = 0;
	int r = 0;
	DIR *dir;

	if (fd < 0)
		return -errno;
	dir = fdopendir(fd);
	if (!dir) {
		r = -errno;
		(void)close(fd);
		return r;
	}
	while (r == 0 && (e = readdir(dir))) {
		struct request *more;

		if (strncmp(e->d_name, ANSWER_PREFIX, sizeof(ANSWER_PREFIX) - 1) == 0)
			remove_old_answer(dirfd, e->d_name, now_usec);
		if (!request_parse(e->d_name, &q))
			continue;
		more = reallocarray(list, n + 1, sizeof(*list));
		if (more) {
			list = more;
			list[n++] = q;
		} else
			r = -ENOMEM;
	}
	(void)closedir(dir);
	if (r < 0) {
		free(list);
		return r;
	}
	*ret = list;
	*ret_n = n;
	return 0;
}

int request_answer(int dirfd, const struct request *q, bool done, const char *text)
{
	AUTO_BUFFER struct buffer answer = BUFFER_INIT(ANSWER_MAX);
	struct fields_writer w;
	char name[NAME_SIZE];
	int r;

	name_of(ANSWER_PREFIX, q, name);
	fields_begin(&w, &answer, MAGIC);
	fields_add(&w, "DONE", "%d", done);
	fields_add(&w, "TEXT", "%s", text);
	r = fields_end(&w);
	if (r == 0)
		r = file_replace(dirfd, name, buffer_slice(&answer));
	name_of(REQUEST_PREFIX, q, name);
	if (unlinkat(dirfd, name, 0) < 0 && errno != ENOENT && r == 0)
		r = -errno;
	return r;
}

int request_read_answer(int dirfd, const struct request *q, bool *ret_done, struct buffer *ret)
{
	AUTO_BUFFER struct buffer answer = BUFFER_INIT(ANSWER_MAX);
	AUTO_FIELDS struct fields_reader f = {0};
	struct slice key, value;
	char name[NAME_SIZE];
	int r;

	name_of(ANSWER_PREFIX, q, name);
	r = file_load(dirfd, name, &answer);
	if (r < 0)
		return r;
	(void)unlinkat(dirfd, name, 0);
	if (fields_open(&f, buffer_slice(&answer), MAGIC, NULL) != 0)
		return -EBADMSG;
	*ret_done = false;
	while ((r = fields_next(&f, &key, &value)) > 0) {
		if (slice_eq_str(key, "DONE"))
			*ret_done = slice_eq_str(value, "1");
		else if (slice_eq_str(key, "TEXT"))
			r = buffer_append_slice(ret, value);
		if (r < 0)
			break;
	}
	return r;
}
