/*
 * Resuming from a position, the queue is the file that it names, whatever its name is now, then
 * rotations that were written later, then the file that the path names. If the file no longer
 * exists, that is a gap, and records of its time and before are skipped in the others. A position
 * of another path is only a time.
 */
#include "source/logfile/open.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/timetext.h"
#include "source/logfile/compressed.h"
#include "source/logfile/rotations.h"
#include "source/logfile/since.h"

/* Times in a log file are whole seconds, and were set before the line was written. */
#define SINCE_SLACK_USEC USEC_PER_MIN

#define OPEN_TRIES 5 /* of a file that is truncated meanwhile */

/* Whether a copy was made just before the last lines were read: it has nothing to add. */
static bool was_copied_before(const struct path *path, const struct file_id *id, uint64_t read_usec,
			      uint64_t *ret_ino)
{
	struct file_id any = *id;
	struct open_file copy;
	uint64_t written_usec;

	any.offset = 0;
	if (rotations_find(path, &any, &copy) == 0)
		return false;
	written_usec = file_time_usec(&copy.st.st_mtim);
	(void)close(copy.fd);
	*ret_ino = copy.st.st_ino;
	return copy.st.st_ino != id->ino && written_usec + FILE_COPY_USEC >= read_usec;
}

/* Queues what follows the position @id. @now is what the path names; fd -1: nothing. */
static int resume(struct segments *s, const struct path *path, const struct file_id *id,
		  const struct open_file *now)
{
	uint64_t read_usec = id->until_usec > id->time_usec ? id->until_usec : id->time_usec;
	uint64_t since_usec =
		read_usec > SEGMENTS_CLOCK_SLACK_USEC ? read_usec - SEGMENTS_CLOCK_SLACK_USEC : 0;
	struct rotations_except except = {.copy_of = id,
					  .inos = {now->fd >= 0 ? now->st.st_ino : 0}};
	struct timespec since = file_written_since(id->until_usec > 0 ? id->until_usec : read_usec);
	struct open_file rotated;
	bool found, copied = false;
	int r = 0, k = 0;

	s->read_usec = read_usec;
	s->time_usec = id->time_usec;
	if (now->fd >= 0 && now->st.st_ino == id->ino && file_id_matches(id, now)) {
		/* It was nearly empty, and may have been written, copied and truncated since. */
		r = id->fingerprint_of < FILE_COPY_MIN && read_usec > 0
			    ? rotations_append(s, path, &since, &except, read_usec)
			    : 0;
		k = segments_append(s, now, id->offset, 0);
		return r < 0 ? r : k;
	}
	if (strcmp(id->path, path->name) != 0)
		return since_append(s, path, now, read_usec, 0);

	found = id->ino != 0 && rotations_find(path, id, &rotated) > 0;
	if (found) {
		if (now->fd >= 0 && rotated.st.st_ino == now->st.st_ino) {
			(void)close(rotated.fd);
			return segments_append(s, now, id->offset, 0);
		}
		/* Not every compression keeps the time of the last write. */
		if (rotated.compression == COMPRESSION_NONE || since.tv_sec == 0 ||
		    file_time_is_before(&rotated.st.st_mtim, &since))
			since = rotated.st.st_mtim;
		except.inos[1] = rotated.st.st_ino;
		r = segments_append(s, &rotated, id->offset, 0);
		since_usec = 0;
	} else if (now->fd >= 0 && now->st.st_ino == id->ino) {
		copied = was_copied_before(path, id, read_usec, &except.inos[1]);
	}
	if (r == 0 && (since.tv_sec > 0 || since_usec == 0))
		r = rotations_append(s, path, &since, &except, read_usec);
	/* A file that cannot be unpacked may be it, and is a gap of its own. */
	if (id->ino != 0 && !found && !copied && !compressed_have_unknown(s))
		segments_add_gap(s, id, read_usec, segments_now(s),
				 "the file that was %.300s no longer exists, and was not read to "
				 "its end",
				 path->name);
	if (now->fd >= 0)
		k = segments_append(s, now, 0, since_usec);
	return r < 0 ? r : k;
}

/* Whether the first segment was not truncated and written again while it was queued. */
static bool is_unchanged(const struct segments *s, const struct file_id *id)
{
	const struct segment *first = &s->queue[0];

	return s->n == 0 || first->offset == 0 || file_id_begins(id, &first->head);
}

/* The offset after the last newline. */
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

/* Without a position: rotations that exist already were made before. */
static int begin(struct segments *s, const struct open_file *now, uint64_t offset)
{
	struct timespec since = file_written_since(s->clock.start_usec);
	int r = segments_append(s, now, offset, 0);

	if (r == 0 && file_time_is_before(&s->queue[0].queued, &since))
		s->queue[0].queued = since;
	return r;
}

int open_stream(struct segments *s, bool follow, struct error *err)
{
	AUTO_CLOSE int fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0) {
		error_set(err, NULL, 0, 0, "standard input cannot be read: %s", strerror(errno));
		return SOURCE_E_UNREADABLE;
	}
	if (S_ISDIR(st.st_mode)) {
		error_set(err, NULL, 0, 0, "standard input is a directory");
		return SOURCE_E_UNREADABLE;
	}
	if (S_ISREG(st.st_mode) && compression_of(fd, "") != COMPRESSION_NONE) {
		error_set(err, NULL, 0, 0,
			  "standard input is compressed: pass it unpacked, as by zcat(1)");
		return SOURCE_E_UNREADABLE;
	}
	segments_set_stream(s, steal_fd(&fd), follow);
	return 0;
}

/* A path that names a compressed file can be read once, but not followed. */
static int check_compressed(const struct path *path, const struct source_options *options,
			    struct open_file *file, struct error *err)
{
	char storage[COMPRESSED_WHY];
	bool unknown;

	file->compression = compression_of(file->fd, path->base);
	if (file->compression == COMPRESSION_NONE)
		return 0;
	file_unpack_head(file);
	unknown = !unpack_program(file->compression);
	if (options->follow || options->from_end)
		error_set(err, path->name, 0, 0,
			  "is compressed: nothing more will be logged there; it can be read by "
			  "report, and by scan with --dry-run or --since=TIME");
	else if (unknown || (file->fault != 0 && file->head.n == 0))
		error_set(err, path->name, 0, 0, "cannot be unpacked: %s%s",
			  compressed_why(file->compression, file->fault, storage),
			  unknown ? "; pass it unpacked on standard input, with --log-file=-" : "");
	else
		return 0;
	return SOURCE_E_UNREADABLE;
}

/* @now is what the path names, fd -1: nothing; it belongs to the segments from now on. */
static int queue(struct segments *s, const struct path *path, const struct source_options *options,
		 const struct file_id *id, const struct open_file *now)
{
	uint64_t offset = 0;
	int r = 0;

	if (options->resume) {
		r = resume(s, path, id, now);
		return r == 0 && !is_unchanged(s, id) ? -EAGAIN : r;
	}
	if (options->go_on_usec > 0)
		return since_append(s, path, now, options->go_on_usec, SINCE_SLACK_USEC);
	if (now->fd < 0)
		return 0;
	if (options->from_end)
		r = find_last_line(now->fd, (uint64_t)now->st.st_size, &offset);
	if (r < 0) {
		(void)close(now->fd);
		return r;
	}
	return begin(s, now, offset);
}

static int open_once(struct segments *s, struct path *path, const struct source_options *options,
		     struct error *err)
{
	AUTO_FILE_ID struct file_id id = {0};
	struct open_file now = {.fd = -1};
	int r;

	if (options->resume) {
		r = file_id_parse(slice_of(options->resume), &id, err);
		if (r < 0)
			return r == -EINVAL ? SOURCE_E_POSITION : r;
	}
	r = path_open(path, &now, err);
	if (r < 0 && r != -ENOENT && r != -ENOTDIR)
		return SOURCE_E_UNREADABLE;
	if (now.fd >= 0 && check_compressed(path, options, &now, err) != 0) {
		(void)close(now.fd);
		return SOURCE_E_UNREADABLE;
	}
	r = queue(s, path, options, &id, &now);
	if (r < 0) {
		error_set(err, path->name, 0, 0, "cannot be read: %s", strerror(-r));
		return r;
	}
	if (now.fd >= 0)
		return 0;
	path->missing_usec = segments_now(s);
	return options->follow || s->n > 0 ? 0 : SOURCE_E_UNREADABLE;
}

int open_files(struct segments *s, struct path *path, const struct source_options *options,
	       struct error *err)
{
	int r = -EAGAIN;

	for (unsigned i = 0; i < OPEN_TRIES && r == -EAGAIN; i++) {
		if (i > 0)
			segments_clear(s);
		r = open_once(s, path, options, err);
	}
	return r;
}
