/*
 * The chain is a queue of open files. The first is read; at its end the next one takes its place,
 * but only once that holds something, because a writer goes on with the old file until it opens
 * the new one. So the old file is looked at once more after the new one was seen to be written.
 *
 * When following, whatever inotify tells leads to one check, before anything more is read: was the
 * file that is read truncated, and does the path name another one now? A truncated file's rest is
 * looked for in a copy (copytruncate). While the path names nothing, the old file is still read.
 *
 * After a restart the queue is built from the position: the file it names under whatever name it
 * has, rotations that were written later, and the path. Where the file is gone, a gap is told, and
 * records of its time and before are left out of the others; an hour is read twice rather than
 * lost when clocks are set back.
 */
#include "source/logfile_chain.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/timetext.h"

#define CLOCK_SLACK_USEC (60 * 60 * UINT64_C(1000000))

static uint64_t usec_of(const struct timespec *t)
{
	return t->tv_sec < 0 ? 0 : (uint64_t)t->tv_sec * USEC_PER_SEC + (uint64_t)t->tv_nsec / 1000;
}

static uint64_t boottime(void)
{
	struct timespec t = {0};

	(void)clock_gettime(CLOCK_BOOTTIME, &t);
	return usec_of(&t);
}

uint64_t chain_now(const struct chain *c)
{
	return c->opened_usec + (boottime() - c->opened_boottime);
}

uint64_t chain_written_usec(const struct chain *c)
{
	uint64_t now = chain_now(c), written;
	struct stat st;

	if (c->n == 0 || c->lines.stream || fstat(c->queue[0].fd, &st) < 0)
		return now;
	written = usec_of(&st.st_mtim);
	return written < now ? written : now;
}

static bool is_file(const struct segment *s, const struct stat *st)
{
	return s->dev == st->st_dev && s->ino == st->st_ino;
}

/* Why the path cannot be read, and what to do. @st may be NULL. */
static void describe(const char *path, int code, const struct stat *st, struct error *err)
{
	char group[64];
	struct group entry, *found = NULL;
	char storage[1024];

	switch (code) {
	case -ENOENT:
		error_set(err, path, 0, 0, "there is no such file");
		break;
	case -EISDIR:
		error_set(err, path, 0, 0, "is a directory: name a log file in it");
		break;
	case -ESPIPE:
		error_set(err, path, 0, 0,
			  "is a pipe, a socket or a device: give it on standard input, as "
			  "--log-file=-");
		break;
	case -EACCES:
	case -EPERM:
		if (st && !(st->st_mode & S_IRGRP)) {
			error_set(err, path, 0, 0,
				  "permission denied: only its owner may read it; run as root, or "
				  "make it readable for group adm and add the user to group adm");
			break;
		}
		(void)snprintf(group, sizeof(group), "adm");
		if (st && getgrgid_r(st->st_gid, &entry, storage, sizeof(storage), &found) == 0 &&
		    found && st->st_gid != 0)
			(void)snprintf(group, sizeof(group), "%s", found->gr_name);
		error_set(err, path, 0, 0, "permission denied: add the user to group %s", group);
		break;
	default:
		error_set(err, path, 0, 0, "cannot be read: %s", strerror(-code));
	}
}

static int check_type(const struct stat *st)
{
	if (S_ISDIR(st->st_mode))
		return -EISDIR;
	return S_ISREG(st->st_mode) ? 0 : -ESPIPE;
}

/* Opens what the path names. -errno, with *err set where not NULL. */
static int open_path(const struct chain *c, struct place_file *ret, struct error *err)
{
	AUTO_CLOSE int fd = -1;
	struct stat st;
	int r;

	if (stat(c->path, &st) < 0) {
		r = -errno;
		describe(c->path, r, NULL, err);
		return r;
	}
	r = check_type(&st);
	if (r == 0) {
		fd = open(c->path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
		if (fd < 0 || fstat(fd, &st) < 0)
			r = -errno;
		else
			r = check_type(&st);
	}
	if (r < 0) {
		describe(c->path, r, &st, err);
		return r;
	}
	ret->st = st;
	ret->fd = take_fd(&fd);
	return 0;
}

/* Begins with the first segment. */
static void begin(struct chain *c)
{
	struct segment *s = &c->queue[0];

	buffer_clear(&c->prefix);
	c->closing = false;
	/* It may have been empty when it was queued. */
	(void)place_head_read(s->fd, &s->head);
	lines_begin(&c->lines, s->fd, s->offset);
}

/* Puts a file into the queue at @at; the queue owns it from now on, also on error. */
static int insert(struct chain *c, size_t at, const struct place_file *file, uint64_t offset,
		  uint64_t since_usec)
{
	struct segment s = {
		.fd = file->fd,
		.watch = -1,
		.dev = file->st.st_dev,
		.ino = file->st.st_ino,
		.offset = offset,
		.since_usec = since_usec,
	};
	int r;

	r = c->n == ARRAY_SIZE(c->queue) ? -EOVERFLOW : place_head_read(s.fd, &s.head);
	if (r < 0) {
		(void)close(s.fd);
		return r;
	}
	if (c->following)
		s.watch = follow_file(&c->follow, s.fd);
	memmove(&c->queue[at + 1], &c->queue[at], (c->n - at) * sizeof(s));
	c->queue[at] = s;
	c->n++;
	if (at == 0)
		begin(c);
	return 0;
}

static int append(struct chain *c, const struct place_file *file, uint64_t offset,
		  uint64_t since_usec)
{
	return insert(c, c->n, file, offset, since_usec);
}

/* The first segment's place; its path is the chain's. */
static struct place place_of_first(const struct chain *c)
{
	const struct segment *s = &c->queue[0];

	return (struct place){
		.path = c->path,
		.dev = s->dev,
		.ino = s->ino,
		.fingerprint_of = s->head.n,
		.fingerprint = place_head_hash(&s->head, s->head.n),
		.offset = c->lines.offset,
	};
}

/* A truncated file is queued twice, and has one watch. */
static void unwatch_first(struct chain *c)
{
	for (size_t i = 1; i < c->n; i++)
		if (c->queue[i].watch == c->queue[0].watch)
			return;
	follow_forget(&c->follow, c->queue[0].watch);
}

/* Leaves the first segment for the next one. */
static void shift(struct chain *c)
{
	c->previous = place_of_first(c);
	c->finished += c->lines.offset;
	if (c->following)
		unwatch_first(c);
	(void)close(c->queue[0].fd);
	memmove(&c->queue[0], &c->queue[1], --c->n * sizeof(c->queue[0]));
	begin(c);
}

/* Appends rotations that were written since, and records since which matter. */
static int append_rotations(struct chain *c, const struct timespec *since,
			    const struct place_except *except, uint64_t since_usec)
{
	struct place_file files[PLACE_ROTATIONS_MAX];
	int n = place_rotations(c->dir, c->base, since, except, files), r = 0;

	for (int i = 0; i < n; i++) {
		int k = append(c, &files[i], 0, since_usec);

		if (r == 0)
			r = k;
	}
	return n == -ENOENT || n == -EACCES ? 0 : n < 0 ? n : r;
}

/* Looks for the file of @p beside the path, then beside what a link at the path names. */
static int find(const struct chain *c, const struct place *p, struct place_file *ret,
		bool *ret_compressed)
{
	AUTO_FREE char *target = realpath(c->path, NULL);
	char *slash = target ? strrchr(target, '/') : NULL;
	int r;

	*ret_compressed = false;
	r = place_find(p, c->dir, ret, ret_compressed);
	if (r > 0 || !slash)
		return r < 0 ? 0 : r;
	*slash = '\0';
	if (strcmp(target, c->dir) == 0)
		return 0;
	r = place_find(p, target[0] ? target : "/", ret, ret_compressed);
	return r < 0 ? 0 : r;
}

static void set_gap(struct chain *c, const struct place *p, uint64_t from_usec, const char *reason)
{
	c->gap = true;
	c->gap_from_usec = from_usec;
	c->gap_to_usec = chain_now(c);
	(void)snprintf(c->gap_reason, sizeof(c->gap_reason), "%s", reason);
	(void)snprintf(c->gap_identity, sizeof(c->gap_identity), "gap:%llu:%016llx%016llx:%llu",
		       (unsigned long long)p->ino, (unsigned long long)p->fingerprint.high,
		       (unsigned long long)p->fingerprint.low, (unsigned long long)p->offset);
}

static void set_gap_of_lost(struct chain *c, const struct place *p, bool compressed)
{
	char reason[512];

	(void)snprintf(reason, sizeof(reason),
		       compressed
			       ? "%.300s was rotated and compressed before it was read to its end"
			       : "the file that was %.300s is gone, and was not read to its end",
		       c->path);
	set_gap(c, p, p->until_usec > p->time_usec ? p->until_usec : p->time_usec, reason);
}

/* Queues what @p says is still to read. @now is what the path names, fd -1: nothing. */
static int resume(struct chain *c, const struct place *p, const struct place_file *now)
{
	uint64_t read_usec = p->until_usec > p->time_usec ? p->until_usec : p->time_usec;
	uint64_t since_usec = read_usec > CLOCK_SLACK_USEC ? read_usec - CLOCK_SLACK_USEC : 0;
	uint64_t inos[2] = {now->fd >= 0 ? now->st.st_ino : 0, 0};
	struct place_except except = {{p, NULL}, inos, ARRAY_SIZE(inos)};
	struct timespec since = {(time_t)(read_usec / USEC_PER_SEC), 0};
	struct place_file rotated;
	bool compressed = false;
	int r;

	if (now->fd >= 0 && now->st.st_ino == p->ino && place_is_in(p, now->fd, &now->st))
		return append(c, now, p->offset, 0);
	if (strcmp(p->path, c->path) != 0)
		return now->fd >= 0 ? append(c, now, 0, read_usec) : 0;

	if (p->ino != 0 && find(c, p, &rotated, &compressed) > 0) {
		if (now->fd >= 0 && rotated.st.st_ino == now->st.st_ino) {
			(void)close(rotated.fd);
			return append(c, now, p->offset, 0);
		}
		since = rotated.st.st_mtim;
		inos[1] = rotated.st.st_ino;
		r = append(c, &rotated, p->offset, 0);
		since_usec = 0;
	} else {
		r = 0;
		if (p->ino != 0)
			set_gap_of_lost(c, p, compressed);
	}
	if (r == 0 && (since.tv_sec > 0 || since_usec == 0))
		r = append_rotations(c, &since, &except, read_usec);
	if (now->fd >= 0) {
		int k = append(c, now, 0, since_usec);

		if (r == 0)
			r = k;
	}
	return r;
}

/* The offset behind the last newline. */
static int find_last_line(int fd, uint64_t size, uint64_t *ret)
{
	char block[4096];

	while (size > 0) {
		size_t want = size < sizeof(block) ? (size_t)size : sizeof(block);
		ssize_t n = pread(fd, block, want, (off_t)(size - want));
		const char *p;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		p = memrchr(block, '\n', (size_t)n);
		if (p) {
			*ret = size - want + (uint64_t)(p + 1 - block);
			return 0;
		}
		size -= want;
	}
	*ret = 0;
	return 0;
}

static int open_stream(struct chain *c, struct error *err)
{
	struct place_file file;
	int r;

	file.fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
	if (file.fd < 0 || fstat(file.fd, &file.st) < 0) {
		r = -errno;
		if (file.fd >= 0)
			(void)close(file.fd);
		error_set(err, NULL, 0, 0, "standard input cannot be read: %s", strerror(-r));
		return SOURCE_E_UNREADABLE;
	}
	if (S_ISDIR(file.st.st_mode)) {
		(void)close(file.fd);
		error_set(err, NULL, 0, 0, "standard input is a directory");
		return SOURCE_E_UNREADABLE;
	}
	c->queue[0] = (struct segment){.fd = file.fd, .watch = -1};
	c->n = 1;
	lines_begin(&c->lines, file.fd, 0);
	c->lines.stream = true;
	c->lines.wait = c->following;
	return 0;
}

static int set_path(struct chain *c, const char *path)
{
	AUTO_FREE char *cwd = path[0] == '/' ? NULL : getcwd(NULL, 0);
	char *slash;

	if (path[0] != '/' && !cwd)
		return -errno;
	if (asprintf(&c->path, "%s%s%s", cwd ? cwd : "", cwd ? "/" : "", path) < 0) {
		c->path = NULL;
		return -ENOMEM;
	}
	c->dir = strdup(c->path);
	if (!c->dir)
		return -ENOMEM;
	slash = strrchr(c->dir, '/');
	slash[slash == c->dir] = '\0';
	c->base = strrchr(c->path, '/') + 1;
	return 0;
}

/* Queues what the path names, or what is left of what it named. */
static int open_files(struct chain *c, const struct source_options *options, struct error *err)
{
	struct place p = {0};
	struct place_file now = {.fd = -1};
	bool absent;
	uint64_t offset = 0;
	int r, reading;

	if (options->resume) {
		r = place_parse(slice_of(options->resume), &p, err);
		if (r < 0)
			return r == -EINVAL ? SOURCE_E_POSITION : r;
	}
	reading = open_path(c, &now, err);
	absent = reading == -ENOENT || reading == -ENOTDIR;
	if (reading < 0 && !absent) {
		place_done(&p);
		return SOURCE_E_UNREADABLE;
	}
	if (options->resume) {
		r = resume(c, &p, &now);
	} else if (absent) {
		r = 0;
	} else {
		r = options->from_end ? find_last_line(now.fd, (uint64_t)now.st.st_size, &offset)
				      : 0;
		if (r < 0)
			(void)close(now.fd);
		else
			r = append(c, &now, offset, 0);
	}
	place_done(&p);
	if (r < 0) {
		error_set(err, c->path, 0, 0, "cannot be read: %s", strerror(-r));
		return r;
	}
	if (absent) {
		if (!c->following && c->n == 0)
			return SOURCE_E_UNREADABLE;
		c->missing_usec = chain_now(c);
		c->missing_told = c->n == 0;
	}
	return 0;
}

int chain_open(struct chain *c, const char *path, const struct source_options *options,
	       size_t block, struct error *err)
{
	int r;

	*c = (struct chain){
		.following = options->follow,
		.opened_usec = options->now_usec,
		.opened_boottime = boottime(),
		.follow = {.fd = -1},
		.prefix = BUFFER_INIT(16384),
	};
	r = lines_init(&c->lines, block);
	if (r == 0 && strcmp(path, "-") == 0) {
		return open_stream(c, err);
	} else if (r == 0) {
		r = set_path(c, path);
	}
	if (r == 0 && c->following) {
		r = follow_init(&c->follow, c->path);
		if (r == 0)
			follow_directory(&c->follow);
	}
	if (r < 0) {
		error_set(err, path, 0, 0, "cannot be read: %s", strerror(-r));
		return r;
	}
	return open_files(c, options, err);
}

void chain_done(struct chain *c)
{
	for (size_t i = 0; i < c->n; i++)
		(void)close(c->queue[i].fd);
	c->n = 0;
	lines_done(&c->lines);
	follow_done(&c->follow);
	buffer_done(&c->prefix);
	free(c->dir);
	free(c->path);
	c->dir = c->path = NULL;
}

/* The path names no file that can be read. */
static void note_missing(struct chain *c, int code)
{
	uint64_t now = chain_now(c);
	struct place p = {0};
	char reason[512];

	if (c->missing_usec == 0)
		c->missing_usec = now;
	if (c->missing_told || now - c->missing_usec < CHAIN_MISSING_USEC)
		return;
	if (c->n > 0)
		p = place_of_first(c);
	if (code == -ENOENT || code == -ENOTDIR)
		(void)snprintf(reason, sizeof(reason), "%.300s is missing", c->path);
	else
		(void)snprintf(reason, sizeof(reason), "%.300s cannot be read: %s", c->path,
			       strerror(-code));
	c->missing_told = true;
	set_gap(c, &p, c->missing_usec, reason);
}

/* Whether the file being read lost what was read of it. Learns more of its begin otherwise. */
static bool was_truncated(struct chain *c)
{
	struct segment *s = &c->queue[0];
	struct place_head head;
	struct stat st;

	if (s->dead || fstat(s->fd, &st) < 0)
		return false;
	if ((uint64_t)st.st_size < c->lines.read_offset)
		return true;
	if (place_head_read(s->fd, &head) < 0)
		return false;
	if (!place_head_grew(&s->head, &head))
		return true;
	if (head.n > s->head.n) {
		s->head = head;
		buffer_clear(&c->prefix);
	}
	return false;
}

/* Queues the rest of what was truncated, where a copy of it can be found, and the file anew. */
static int queue_truncated(struct chain *c)
{
	struct place p = place_of_first(c);
	struct place_file copy, anew;
	bool compressed, copied;
	int r;

	c->queue[0].dead = true;
	lines_finish(&c->lines);
	anew.fd = fcntl(c->queue[0].fd, F_DUPFD_CLOEXEC, 3);
	if (anew.fd < 0)
		return -errno;
	if (fstat(anew.fd, &anew.st) < 0) {
		r = -errno;
		(void)close(anew.fd);
		return r;
	}
	r = insert(c, 1, &anew, 0, 0);
	if (r < 0)
		return r;
	copied = find(c, &p, &copy, &compressed) > 0;
	if (copied) {
		r = insert(c, 1, &copy, p.offset, 0);
		if (r < 0)
			return r;
		shift(c);
	}
	/* Without a copy the line that was being written is all that is left. */
	c->closing = true;
	return 0;
}

/* Queues what was written between the file that is read and @now, which is closed on error. */
static int queue_between(struct chain *c, const struct place_file *now)
{
	struct place first = place_of_first(c);
	uint64_t inos[ARRAY_SIZE(c->queue) + 1];
	struct place_except except = {{&first, &c->previous}, inos, c->n + 1};
	struct stat st;
	int r;

	for (size_t i = 0; i < c->n; i++)
		inos[i] = c->queue[i].ino;
	inos[c->n] = now->st.st_ino;
	r = fstat(c->queue[0].fd, &st) < 0 ? -errno : 0;
	if (r == 0)
		r = append_rotations(c, &st.st_mtim, &except, 0);
	if (r < 0)
		(void)close(now->fd);
	return r;
}

/* Looks at what became of the file and the path, and queues what is to be read next. */
static int check(struct chain *c)
{
	struct place_file now;
	int r;

	c->check = false;
	follow_directory(&c->follow);
	if (c->n > 0 && was_truncated(c)) {
		r = queue_truncated(c);
		if (r < 0)
			return r;
	}
	r = open_path(c, &now, NULL);
	if (r < 0) {
		note_missing(c, r);
		return 0;
	}
	c->missing_usec = 0;
	c->missing_told = false;
	if (c->n > 0 && is_file(&c->queue[c->n - 1], &now.st)) {
		(void)close(now.fd);
		return 0;
	}
	r = c->n > 0 ? queue_between(c, &now) : 0;
	return r < 0 ? r : append(c, &now, 0, 0);
}

/* Whether the second segment's writer left the first one. */
static bool next_is_written(const struct chain *c)
{
	struct stat st;

	if (c->n < 2)
		return false;
	return c->n > 2 || c->queue[0].dead || fstat(c->queue[1].fd, &st) < 0 || st.st_size > 0;
}

int chain_next(struct chain *c, enum lines_want want, struct line *ret)
{
	int r;

	if (c->check && !c->lines.stream) {
		r = check(c);
		if (r < 0)
			return r;
	}
	if (c->gap) {
		c->gap = false;
		return CHAIN_GAP;
	}
	for (;;) {
		bool last = !c->following || c->lines.stream || c->closing;

		r = lines_next(&c->lines, want, last, ret);
		if (r != 0)
			return r;
		if (!next_is_written(c))
			return 0;
		/* What was written to the old file meanwhile was written before this look. */
		if (last)
			shift(c);
		else
			c->closing = true;
	}
}

/* Learns the begin of the file up to @offset, as far as its fingerprint wants it. */
static void learn_head(struct chain *c, uint64_t offset)
{
	struct segment *s = &c->queue[0];
	struct place_head head;

	if (s->head.n == PLACE_HEAD || offset <= s->head.n || s->dead ||
	    place_head_read(s->fd, &head) < 0 || !place_head_grew(&s->head, &head))
		return;
	s->head = head;
	buffer_clear(&c->prefix);
}

int chain_write_position(struct chain *c, uint64_t offset, uint64_t time_usec, uint64_t until_usec,
			 struct buffer *ret)
{
	static const struct segment none;
	const struct segment *s = &c->queue[0];
	struct stat st;
	int r;

	if (c->lines.stream)
		return 0;
	if (c->n == 0) {
		s = &none;
		offset = 0;
	} else if (c->n == 2 && !next_is_written(c) && fstat(s->fd, &st) == 0 && st.st_nlink == 0) {
		/* The old file cannot be found again, and the new one is there. */
		s = &c->queue[1];
		offset = 0;
	} else {
		learn_head(c, offset);
	}
	if (s != c->prefix_of)
		buffer_clear(&c->prefix);
	c->prefix_of = s;
	r = c->prefix.len > 0 ? 0 : place_write_file(c->path, s->dev, s->ino, &s->head, &c->prefix);
	if (r == 0)
		r = buffer_append_slice(ret, buffer_slice(&c->prefix));
	if (r == 0)
		r = place_write_offset(offset, time_usec, until_usec, ret);
	return r;
}

int chain_write_identity(struct chain *c, const struct line *line, struct buffer *ret)
{
	const struct segment *s = &c->queue[0];
	struct hash128 h;

	if (c->lines.stream)
		return buffer_printf(ret, "stdin:%llu:%llu", (unsigned long long)c->opened_usec,
				     (unsigned long long)line->offset);
	learn_head(c, line->end_offset);
	h = place_head_hash(&s->head,
			    line->end_offset < PLACE_HEAD ? (size_t)line->end_offset : PLACE_HEAD);
	return buffer_printf(ret, "file:%llu:%016llx%016llx:%llu", (unsigned long long)s->ino,
			     (unsigned long long)h.high, (unsigned long long)h.low,
			     (unsigned long long)line->offset);
}

int chain_wait_fd(struct chain *c, short *ret_events, uint64_t *ret_timeout_usec)
{
	uint64_t timeout = UINT64_MAX;

	if (c->lines.stream) {
		if (c->lines.ended)
			return -ENODATA;
		*ret_events = POLLIN;
		*ret_timeout_usec = timeout;
		return c->queue[0].fd;
	}
	if (c->missing_usec > 0 && !c->missing_told) {
		uint64_t now = chain_now(c), due = c->missing_usec + CHAIN_MISSING_USEC;

		timeout = due > now ? due - now : 0;
	}
	if (c->follow.poll && timeout > FOLLOW_POLL_USEC)
		timeout = FOLLOW_POLL_USEC;
	*ret_events = POLLIN;
	*ret_timeout_usec = timeout;
	return c->follow.fd;
}

int chain_process(struct chain *c)
{
	if (c->lines.stream)
		return 0;
	follow_drain(&c->follow);
	c->check = true;
	return 0;
}

void chain_progress(const struct chain *c, uint64_t *ret_done, uint64_t *ret_total)
{
	struct stat st;

	*ret_done = c->finished + c->lines.offset;
	*ret_total = c->finished;
	for (size_t i = 0; i < c->n; i++)
		if (fstat(c->queue[i].fd, &st) == 0 && S_ISREG(st.st_mode))
			*ret_total += (uint64_t)st.st_size;
	if (*ret_total < *ret_done)
		*ret_total = 0;
}
