/*
 * An inode number survives renaming, but inodes are reused, and copytruncate makes a new one. So
 * the hash of a file's first bytes goes with it. A file is the one that was read if it begins with
 * the same bytes and is not shorter than what was read of it; the same inode is preferred, a copy
 * will do. The device is recorded for people only: its number may change at each boot.
 *
 * Fingerprint and offset of a compressed file are those of its content.
 *
 * As text: "file v=1 path=… dev=… ino=… fingerprint=BYTES:HASH offset=… time=… until=…", the path
 * percent-escaped.
 */
#include "source/logfile/file_id.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/timetext.h"
#include "source/field.h"

#define COARSE_USEC 20000 /* two ticks of a kernel with HZ=100 */

static const char hex[] = "0123456789abcdef";

void file_id_done(struct file_id *id)
{
	free(id->path);
	id->path = NULL;
}

/* The hash is needed for every record, and is slow. */
static void set_size(struct file_head *h, size_t n)
{
	h->n = n;
	h->hash = hash_fnv_add(hash_fnv_init(), h->bytes, n);
}

int file_head_read(int fd, struct file_head *ret)
{
	ssize_t n;

	do {
		n = pread(fd, ret->bytes, sizeof(ret->bytes), 0);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	set_size(ret, (size_t)n);
	return 0;
}

struct hash128 file_head_hash(const struct file_head *h, size_t n)
{
	if (n >= h->n && h->n > 0)
		return h->hash;
	return hash_fnv_add(hash_fnv_init(), h->bytes, n < h->n ? n : h->n);
}

bool file_head_grew(const struct file_head *was, const struct file_head *is)
{
	return is->n >= was->n && memcmp(was->bytes, is->bytes, was->n) == 0;
}

bool file_head_alike(const struct file_head *a, const struct file_head *b)
{
	size_t n = a->n < b->n ? a->n : b->n;

	return n >= FILE_COPY_MIN && memcmp(a->bytes, b->bytes, n) == 0;
}

bool file_begins_now(int fd, const struct file_head *head)
{
	struct file_head now;

	return fd >= 0 && file_head_read(fd, &now) == 0 && file_head_alike(&now, head);
}

static int write_escaped(const char *s, struct buffer *ret)
{
	int r = 0;

	for (; *s && r == 0; s++) {
		unsigned char c = (unsigned char)*s;

		if (c > ' ' && c < 0x7f && c != '%')
			r = buffer_append_char(ret, *s);
		else
			r = buffer_append(ret, (char[]){'%', hex[c >> 4], hex[c & 15]}, 3);
	}
	return r;
}

int file_id_write(const struct file_id *id, struct buffer *ret)
{
	int r = buffer_append_str(ret, "file v=1 path=");

	if (r == 0)
		r = write_escaped(id->path, ret);
	if (r < 0)
		return r;
	return buffer_printf(ret,
			     " dev=%" PRIu64 " ino=%" PRIu64 " fingerprint=%" PRIu64 ":%016" PRIx64
			     "%016" PRIx64 " offset=%" PRIu64 " time=%" PRIu64 " until=%" PRIu64,
			     id->dev, id->ino, id->fingerprint_of, id->fingerprint.high,
			     id->fingerprint.low, id->offset, id->time_usec, id->until_usec);
}

static int parse_path(struct slice s, char **ret)
{
	AUTO_FREE char *path = malloc(s.n + 1);
	size_t n = 0;

	if (!path)
		return -ENOMEM;
	for (size_t i = 0; i < s.n; i++) {
		uint64_t c = (unsigned char)s.p[i];

		if (c == '%') {
			if (s.n - i < 3 ||
			    number_parse_hex((struct slice){s.p + i + 1, 2}, 255, &c) < 0 || c == 0)
				return -EINVAL;
			i += 2;
		}
		path[n++] = (char)c;
	}
	if (n == 0)
		return -EINVAL;
	path[n] = '\0';
	*ret = STEAL_PTR(path);
	return 0;
}

static int parse_fingerprint(struct slice s, struct file_id *id)
{
	const char *colon = memchr(s.p, ':', s.n);
	struct slice hash;

	if (!colon)
		return -EINVAL;
	hash = slice_from(s, (size_t)(colon + 1 - s.p));
	if (hash.n != 32 ||
	    number_parse_u64((struct slice){s.p, (size_t)(colon - s.p)}, FILE_HEAD_SIZE,
			     &id->fingerprint_of) < 0 ||
	    number_parse_hex((struct slice){hash.p, 16}, UINT64_MAX, &id->fingerprint.high) < 0 ||
	    number_parse_hex((struct slice){hash.p + 16, 16}, UINT64_MAX, &id->fingerprint.low) < 0)
		return -EINVAL;
	return 0;
}

/* *text is what follows the last value that was understood. */
static int parse(struct slice *text, struct file_id *id)
{
	struct slice value;
	int r;

	if (!slice_skip(text, "v=1 ") || !field_cut(text, "path=", &value))
		return -EINVAL;
	r = parse_path(value, &id->path);
	if (r < 0)
		return r;
	if (!field_cut_number(text, "dev=", UINT64_MAX, &id->dev) ||
	    !field_cut_number(text, "ino=", UINT64_MAX, &id->ino) ||
	    !field_cut(text, "fingerprint=", &value) || parse_fingerprint(value, id) < 0 ||
	    !field_cut_number(text, "offset=", INT64_MAX, &id->offset) ||
	    !field_cut_number(text, "time=", UINT64_MAX, &id->time_usec) ||
	    !field_cut_number(text, "until=", UINT64_MAX, &id->until_usec) || text->n > 0)
		return -EINVAL;
	return 0;
}

int file_id_parse(struct slice text, struct file_id *ret, struct error *err)
{
	struct file_id id = {0};
	int r;

	if (!slice_skip(&text, "file ")) {
		error_set(err, NULL, 0, 0, "not a position in a log file");
		return -EINVAL;
	}
	r = parse(&text, &id);
	if (r == 0) {
		*ret = id;
		return 0;
	}
	file_id_done(&id);
	if (r == -EINVAL)
		error_set(err, NULL, 0, 0, "the position in the log file is damaged%s%.*s",
			  text.n > 0 ? " before: " : ": it is incomplete", (int)text.n, text.p);
	return r;
}

void file_unpack_head(struct open_file *file)
{
	struct unpack u = UNPACK_INIT;

	file->head.n = 0;
	file->fault = 0;
	if (file->compression == COMPRESSION_NONE)
		return;
	unpack_start(&u, file->compression, file->fd, unpack_directories);
	set_size(&file->head, unpack_read(&u, file->head.bytes, sizeof(file->head.bytes)));
	if (file->head.n < sizeof(file->head.bytes))
		file->fault = unpack_end(&u);
	else
		unpack_stop(&u);
}

int file_head_of(const struct open_file *file, struct file_head *ret)
{
	if (file->compression == COMPRESSION_NONE)
		return file_head_read(file->fd, ret);
	*ret = file->head;
	return 0;
}

void file_name(int fd, char ret[FILE_NAME_SIZE])
{
	char link[32];
	ssize_t n;

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, ret, FILE_NAME_SIZE - 1);
	if (n > 0)
		ret[n] = '\0';
	else
		(void)snprintf(ret, FILE_NAME_SIZE, "a rotated file");
}

bool file_id_begins(const struct file_id *id, const struct file_head *h)
{
	return h->n >= id->fingerprint_of &&
	       hash128_eq(file_head_hash(h, id->fingerprint_of), id->fingerprint);
}

bool file_id_matches(const struct file_id *id, const struct open_file *file)
{
	struct file_head head;

	return (file->compression != COMPRESSION_NONE ||
		(uint64_t)file->st.st_size >= id->offset) &&
	       file_head_of(file, &head) == 0 && file_id_begins(id, &head);
}

uint64_t file_time_usec(const struct timespec *t)
{
	return t->tv_sec < 0 ? 0 : (uint64_t)t->tv_sec * USEC_PER_SEC + (uint64_t)t->tv_nsec / 1000;
}

int file_time_compare(const struct timespec *a, const struct timespec *b)
{
	if (a->tv_sec != b->tv_sec)
		return a->tv_sec < b->tv_sec ? -1 : 1;
	return (a->tv_nsec > b->tv_nsec) - (a->tv_nsec < b->tv_nsec);
}

struct timespec file_written_since(uint64_t usec)
{
	usec -= usec < COARSE_USEC ? usec : COARSE_USEC;
	return (struct timespec){(time_t)(usec / USEC_PER_SEC), (long)(usec % USEC_PER_SEC) * 1000};
}

bool file_time_is_before(const struct timespec *written, const struct timespec *since)
{
	bool same_second = written->tv_sec == since->tv_sec && written->tv_nsec == 0;

	return !same_second && file_time_compare(written, since) < 0;
}

bool file_is_older(const struct open_file *a, const struct open_file *b)
{
	int order = file_time_compare(&a->st.st_mtim, &b->st.st_mtim);

	return order ? order < 0 : a->number > b->number;
}
