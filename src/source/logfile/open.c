/*
 * Opens a chain: builds its queue from the position, or from the path alone.
 *
 * From a position it is the file that this names, under whatever name it has now, then rotations
 * that were written later, then the path. Where the file is gone a gap is told, and records of its
 * time and before are left out of the others; an hour is rather read twice than lost when clocks
 * were set back. The position of another path is only a time.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/timetext.h"
#include "source/logfile/segments.h"

/* Times in a log file are of whole seconds, and of when the line was written. */
#define GO_ON_SLACK_USEC USEC_PER_MIN

#define OPEN_TRIES 5 /* at a file that is truncated just then */

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

int chain_open_path(const struct chain *c, struct place_file *ret, struct error *err)
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
	ret->compression = COMPRESSION_NONE;
	ret->fd = steal_fd(&fd);
	return 0;
}

void chain_reopen(struct chain *c)
{
	const struct segment *s = &c->queue[c->n - 1];
	struct place_file now;
	struct stat st;

	if (chain_open_path(c, &now, NULL) < 0)
		return;
	if (fstat(s->fd, &st) == 0 && st.st_dev == now.st.st_dev && st.st_ino == now.st.st_ino)
		(void)dup3(now.fd, s->fd, O_CLOEXEC);
	(void)close(now.fd);
}

static void set_gap_of_lost(struct chain *c, const struct place *p)
{
	char reason[512];

	(void)snprintf(reason, sizeof(reason),
		       "the file that was %.300s is gone, and was not read to its end", c->path);
	chain_set_gap(c, p, p->until_usec > p->time_usec ? p->until_usec : p->time_usec,
		      chain_now(c), reason);
}

/*
 * Whether the file was copied and truncated just when its last lines were read: the copy lacks
 * them, and there is nothing more that it could give.
 */
static bool was_copied_before(const struct chain *c, const struct place *p, uint64_t read_usec,
			      uint64_t *ret_ino)
{
	struct place any = *p;
	struct place_file copy;
	uint64_t written_usec;

	any.offset = 0;
	if (chain_find(c, &any, &copy) == 0)
		return false;
	written_usec = chain_usec_of(&copy.st.st_mtim);
	(void)close(copy.fd);
	*ret_ino = copy.st.st_ino;
	return copy.st.st_ino != p->ino && written_usec + CHAIN_COPY_USEC >= read_usec;
}

/* Queues what @p says is still to read. @now is what the path names, fd -1: nothing. */
static int resume(struct chain *c, const struct place *p, const struct place_file *now)
{
	uint64_t read_usec = p->until_usec > p->time_usec ? p->until_usec : p->time_usec;
	uint64_t since_usec =
		read_usec > CHAIN_CLOCK_SLACK_USEC ? read_usec - CHAIN_CLOCK_SLACK_USEC : 0;
	uint64_t inos[2] = {now->fd >= 0 ? now->st.st_ino : 0, 0};
	struct place_except except = {.copy_of = p, .inos = inos, .n_inos = ARRAY_SIZE(inos)};
	struct timespec since = place_written_since(p->until_usec > 0 ? p->until_usec : read_usec);
	struct place_file rotated;
	bool found, copied = false;
	int r = 0, k = 0;

	c->read_usec = read_usec;
	c->time_usec = p->time_usec;
	if (now->fd >= 0 && now->st.st_ino == p->ino && place_matches(p, now)) {
		/* It was empty, and may have been copied and truncated since. */
		r = p->fingerprint_of < PLACE_COPY_MIN && read_usec > 0
			    ? chain_append_rotations(c, &since, &except, read_usec)
			    : 0;
		k = chain_append(c, now, p->offset, 0);
		return r < 0 ? r : k;
	}
	if (strcmp(p->path, c->path) != 0)
		return chain_go_on_at(c, now, read_usec, 0);

	found = p->ino != 0 && chain_find(c, p, &rotated) > 0;
	if (found) {
		if (now->fd >= 0 && rotated.st.st_ino == now->st.st_ino) {
			(void)close(rotated.fd);
			return chain_append(c, now, p->offset, 0);
		}
		/* Not every way of compressing keeps the time of the last write. */
		if (rotated.compression == COMPRESSION_NONE || since.tv_sec == 0 ||
		    place_is_before(&rotated.st.st_mtim, &since))
			since = rotated.st.st_mtim;
		inos[1] = rotated.st.st_ino;
		r = chain_append(c, &rotated, p->offset, 0);
		since_usec = 0;
	} else if (now->fd >= 0 && now->st.st_ino == p->ino) {
		copied = was_copied_before(c, p, read_usec, &inos[1]);
	}
	if (r == 0 && (since.tv_sec > 0 || since_usec == 0))
		r = chain_append_rotations(c, &since, &except, read_usec);
	/* What cannot be unpacked may be the file, and tells a gap of its own. */
	if (p->ino != 0 && !found && !copied && !chain_has_unknown(c))
		set_gap_of_lost(c, p);
	if (now->fd >= 0)
		k = chain_append(c, now, 0, since_usec);
	return r < 0 ? r : k;
}

/* Whether what is read first was not truncated and written anew since it was looked at. */
static bool is_still(const struct chain *c, const struct place *p)
{
	const struct segment *s = &c->queue[0];

	return c->n == 0 || s->offset == 0 ||
	       (s->head.n >= p->fingerprint_of &&
		hash128_eq(place_head_hash(&s->head, p->fingerprint_of), p->fingerprint));
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

/* Begins without a position: rotations that are there already are none that come later. */
static int begin_anew(struct chain *c, const struct place_file *now, uint64_t offset)
{
	struct timespec since = place_written_since(c->opened_usec);
	int r = chain_append(c, now, offset, 0);

	if (r == 0 && place_is_before(&c->queue[0].queued, &since))
		c->queue[0].queued = since;
	return r;
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
	file.compression =
		S_ISREG(file.st.st_mode) ? compression_of(file.fd, "") : COMPRESSION_NONE;
	if (file.compression != COMPRESSION_NONE) {
		(void)close(file.fd);
		error_set(err, NULL, 0, 0,
			  "standard input is compressed: give it unpacked, as by zcat(1)");
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

/*
 * A compressed file that was named itself can be gone through, but it has no end that grows.
 * SOURCE_E_UNREADABLE with *err set where it cannot be read.
 */
static int check_packed(const struct chain *c, const struct source_options *options,
			struct place_file *file, struct error *err)
{
	const char *program;

	file->compression = compression_of(file->fd, c->base);
	if (file->compression == COMPRESSION_NONE)
		return 0;
	program = unpack_program(file->compression);
	place_unpack_head(file);
	if (options->follow || options->from_end)
		error_set(err, c->path, 0, 0,
			  "is compressed: nothing more will be logged there; it can be read by "
			  "report, and by scan with --dry-run or --since=TIME");
	else if (!program)
		error_set(err, c->path, 0, 0,
			  "is compressed, and neither by gzip nor by xz nor by zstd: give it "
			  "unpacked on standard input, with --log-file=-");
	else if (file->fault == UNPACK_E_DAMAGED && file->head.n == 0)
		error_set(err, c->path, 0, 0, "cannot be unpacked: %s says that it is damaged",
			  program);
	else if (file->fault == UNPACK_E_MISSING)
		error_set(err, c->path, 0, 0,
			  "is compressed, and %s is not installed, or may not be run", program);
	else
		return 0;
	return SOURCE_E_UNREADABLE;
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
	reading = chain_open_path(c, &now, err);
	absent = reading == -ENOENT || reading == -ENOTDIR;
	if (reading < 0 && !absent) {
		place_done(&p);
		return SOURCE_E_UNREADABLE;
	}
	r = absent ? 0 : check_packed(c, options, &now, err);
	if (r != 0) {
		(void)close(now.fd);
		place_done(&p);
		return r;
	}
	if (options->resume) {
		r = resume(c, &p, &now);
		if (r == 0 && !is_still(c, &p))
			r = -EAGAIN;
	} else if (options->go_on_usec > 0) {
		r = chain_go_on_at(c, &now, options->go_on_usec, GO_ON_SLACK_USEC);
	} else if (absent) {
		r = 0;
	} else {
		r = options->from_end ? find_last_line(now.fd, (uint64_t)now.st.st_size, &offset)
				      : 0;
		if (r < 0)
			(void)close(now.fd);
		else
			r = begin_anew(c, &now, offset);
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
		.looked_usec = options->now_usec,
		.whole_usec = options->now_usec,
		.watch = {.fd = -1},
		.unpack = UNPACK_INIT,
		.before = BUFFER_INIT(LINES_LONGEST),
		.prefix = BUFFER_INIT(16384),
	};
	c->opened_boottime = chain_now(c) - c->opened_usec;
	r = lines_init(&c->lines, block);
	if (r == 0 && strcmp(path, "-") == 0) {
		return open_stream(c, err);
	} else if (r == 0) {
		r = set_path(c, path);
	}
	if (r == 0 && c->following) {
		r = watch_init(&c->watch, c->path);
		if (r == 0)
			watch_directory(&c->watch);
	}
	if (r < 0) {
		error_set(err, path, 0, 0, "cannot be read: %s", strerror(-r));
		return r;
	}
	for (unsigned i = 0; i < OPEN_TRIES; i++) {
		r = open_files(c, options, err);
		if (r != -EAGAIN)
			break;
		chain_clear(c);
	}
	return r;
}
