/*
 * A file's inode number is its name: it survives renaming. But inodes are reused, and copytruncate
 * makes a new one, so a hash of the file's first bytes goes with it. A file is the one that was
 * read if it begins with the same bytes and is not shorter than what was read of it; one with the
 * same inode is preferred, a copy will do. The device is written down for people only: its number
 * may change whenever the machine starts.
 *
 * A compressed file is what it unpacks to: its fingerprint and offset are of that. Compression
 * takes a while, and then the file goes that it was made from; as long as that is there it is
 * taken, and never both.
 *
 * As text a place is "file v=1 path=… dev=… ino=… fingerprint=BYTES:HASH offset=… time=… until=…",
 * the path percent-escaped.
 */
#include "source/logfile/file_id.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/number.h"
#include "base/timetext.h"
#include "source/logfile/names.h"

#define LOOKS	    10	  /* at a directory that changes */
#define COARSE_USEC 20000 /* two ticks of the slowest kernel */

static const char hex[] = "0123456789abcdef";

void file_id_done(struct file_id *p)
{
	free(p->path);
	p->path = NULL;
}

int file_head_read(int fd, struct file_head *ret)
{
	ssize_t n;

	do {
		n = pread(fd, ret->bytes, sizeof(ret->bytes), 0);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	ret->n = (size_t)n;
	return 0;
}

struct hash128 file_head_hash(const struct file_head *h, size_t n)
{
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

int file_id_write(const char *path, uint64_t dev, uint64_t ino, const struct file_head *h,
		  struct buffer *ret)
{
	struct hash128 hash = file_head_hash(h, h->n);
	int r;

	r = buffer_append_str(ret, "file v=1 path=");
	if (r == 0)
		r = write_escaped(path, ret);
	if (r == 0)
		r = buffer_printf(ret, " dev=%llu ino=%llu fingerprint=%zu:%016llx%016llx",
				  (unsigned long long)dev, (unsigned long long)ino, h->n,
				  (unsigned long long)hash.high, (unsigned long long)hash.low);
	return r;
}

int file_id_write_number(const char *name, uint64_t v, struct buffer *ret)
{
	int r = buffer_append_str(ret, name);

	return r < 0 ? r : buffer_append_u64(ret, v);
}

int file_id_write_offset(uint64_t offset, uint64_t time_usec, uint64_t until_usec,
			 struct buffer *ret)
{
	int r;

	r = file_id_write_number(" offset=", offset, ret);
	if (r == 0)
		r = file_id_write_number(" time=", time_usec, ret);
	if (r == 0)
		r = file_id_write_number(" until=", until_usec, ret);
	return r;
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
	free(*ret);
	*ret = STEAL_PTR(path);
	return 0;
}

static int parse_fingerprint(struct slice s, struct file_id *p)
{
	const char *colon = memchr(s.p, ':', s.n);
	struct slice hash;

	if (!colon)
		return -EINVAL;
	hash = slice_from(s, (size_t)(colon + 1 - s.p));
	if (hash.n != 32 ||
	    number_parse_u64((struct slice){s.p, (size_t)(colon - s.p)}, FILE_HEAD_SIZE,
			     &p->fingerprint_of) < 0 ||
	    number_parse_hex((struct slice){hash.p, 16}, UINT64_MAX, &p->fingerprint.high) < 0 ||
	    number_parse_hex((struct slice){hash.p + 16, 16}, UINT64_MAX, &p->fingerprint.low) < 0)
		return -EINVAL;
	return 0;
}

static int parse_value(struct file_id *p, size_t key, struct slice value)
{
	uint64_t version;

	switch (key) {
	case 0:
		return number_parse_u64(value, 1, &version) == 0 && version == 1 ? 0 : -EINVAL;
	case 1:
		return parse_path(value, &p->path);
	case 2:
		return number_parse_u64(value, UINT64_MAX, &p->dev);
	case 3:
		return number_parse_u64(value, UINT64_MAX, &p->ino);
	case 4:
		return parse_fingerprint(value, p);
	case 5:
		return number_parse_u64(value, INT64_MAX, &p->offset);
	case 6:
		return number_parse_u64(value, UINT64_MAX, &p->time_usec);
	default:
		return number_parse_u64(value, UINT64_MAX, &p->until_usec);
	}
}

int file_id_parse(struct slice text, struct file_id *ret, struct error *err)
{
	static const char *const keys[] = {"v",		  "path",   "dev",  "ino",
					   "fingerprint", "offset", "time", "until"};
	struct file_id p = {0};
	unsigned seen = 0;
	int r = -EINVAL;

	if (!slice_starts_with(text, "file ")) {
		error_set(err, NULL, 0, 0, "the position is not one of a log file");
		return -EINVAL;
	}
	text = slice_from(text, 5);
	while (text.n > 0) {
		const char *space = memchr(text.p, ' ', text.n);
		struct slice word = {text.p, space ? (size_t)(space - text.p) : text.n};
		const char *equals = memchr(word.p, '=', word.n);
		struct slice key = {word.p, equals ? (size_t)(equals - word.p) : 0};
		size_t i = 0;

		while (i < ARRAY_SIZE(keys) && !slice_eq_str(key, keys[i]))
			i++;
		r = -EINVAL;
		if (i < ARRAY_SIZE(keys) && !(seen & 1u << i))
			r = parse_value(&p, i, slice_from(word, key.n + 1));
		if (r < 0)
			break;
		seen |= 1u << i;
		text = slice_from(text, word.n + (space ? 1 : 0));
	}
	if (r == 0 && seen != (1u << ARRAY_SIZE(keys)) - 1)
		r = -EINVAL;
	if (r < 0) {
		file_id_done(&p);
		if (r == -ENOMEM)
			return r;
		error_set(err, NULL, 0, 0, "the position in the log file is damaged%s%.*s",
			  text.n > 0 ? ": " : ", it is not whole", text.n > 0 ? (int)text.n : 0,
			  text.p);
		return -EINVAL;
	}
	*ret = p;
	return 0;
}

void file_unpack_head(struct open_file *file)
{
	struct unpack u = UNPACK_INIT;

	file->head.n = 0;
	file->fault = 0;
	if (file->compression == COMPRESSION_NONE)
		return;
	unpack_start(&u, file->compression, file->fd, unpack_directories);
	file->head.n = unpack_read(&u, file->head.bytes, sizeof(file->head.bytes));
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

bool file_id_begins(const struct file_id *p, const struct file_head *h)
{
	return h->n >= p->fingerprint_of &&
	       hash128_eq(file_head_hash(h, p->fingerprint_of), p->fingerprint);
}

bool file_id_matches(const struct file_id *p, const struct open_file *file)
{
	struct file_head head;

	return (file->compression != COMPRESSION_NONE || (uint64_t)file->st.st_size >= p->offset) &&
	       file_head_of(file, &head) == 0 && file_id_begins(p, &head);
}

/* Opens what is in a directory: only regular files, and no links, since both names would count. */
static int open_name(DIR *dir, const char *name, struct open_file *ret)
{
	AUTO_CLOSE int fd = -1;
	struct stat st;

	if (fstatat(dirfd(dir), name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	fd = openat(dirfd(dir), name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | O_NOFOLLOW);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &ret->st) < 0)
		return -errno;
	ret->compression = compression_of(fd, name);
	ret->fd = steal_fd(&fd);
	return 0;
}

/*
 * The same of an entry. *ret_changed is set where it is another file by now, or none: rotation
 * renames all of them, and one that took the name of a file that was read is missed.
 */
static int open_entry(DIR *dir, const struct dirent *e, struct open_file *ret, bool *ret_changed)
{
	int r = open_name(dir, e->d_name, ret);

	*ret_changed |= r == -ENOENT || (r == 0 && ret->st.st_ino != e->d_ino);
	return r;
}

/*
 * Whether what a compressed file is made from is still there, so that it may not be whole yet. The
 * log itself is not what rotation made; and a file of that name may be another, left over.
 */
static bool has_source(DIR *dir, const char *name, const char *base, const struct open_file *file)
{
	const char *dot = strrchr(name, '.');
	struct open_file source;
	struct file_head head;
	char source_name[NAME_MAX + 1];
	bool r;

	if (!dot)
		return false;
	(void)snprintf(source_name, sizeof(source_name), "%.*s", (int)(dot - name), name);
	if (strcmp(source_name, base) == 0 || open_name(dir, source_name, &source) < 0)
		return false;
	r = source.compression == COMPRESSION_NONE && file_head_read(source.fd, &head) == 0 &&
	    file_head_grew(&file->head, &head);
	(void)close(source.fd);
	return r;
}

/*
 * Looks into a compressed file; false where what it is made from is there. Once that is gone the
 * file is whole, which it may not have been at the look.
 */
static bool unpack_whole(DIR *dir, const char *name, const char *base, struct open_file *file)
{
	file_unpack_head(file);
	if (file->compression == COMPRESSION_NONE)
		return true;
	if (has_source(dir, name, base, file))
		return false;
	if (file->fault != 0)
		file_unpack_head(file);
	return true;
}

/* Whether a plain file is that of @p; @rotation: by its name, it may be without a fingerprint. */
static bool is_plain(const struct file_id *p, const struct open_file *file, bool rotation)
{
	bool same = file->st.st_ino == p->ino && (p->fingerprint_of > 0 || rotation);

	return file->compression == COMPRESSION_NONE &&
	       (same || p->fingerprint_of >= FILE_COPY_MIN) && file_id_matches(p, file);
}

/* The same of a compressed one. One that cannot be unpacked is known by its inode alone. */
static bool is_compressed(const struct file_id *p, const struct open_file *file)
{
	return file->compression != COMPRESSION_NONE &&
	       (p->fingerprint_of >= FILE_COPY_MIN ||
		(p->fingerprint_of == 0 && file->st.st_ino == p->ino)) &&
	       file_id_matches(p, file);
}

static int find(DIR *d, const char *base, const struct file_id *p, enum find_what what,
		struct open_file *ret, bool *ret_changed)
{
	struct open_file best = {.fd = -1};
	struct dirent *e;

	*ret_changed = false;
	while ((e = readdir(d))) {
		struct open_file file;
		bool same, taken, rotation = names_is_rotation(e->d_name, base);

		if ((what == FIND_COMPRESSED && !rotation) ||
		    open_entry(d, e, &file, ret_changed) < 0)
			continue;
		same = file.st.st_ino == p->ino;
		if (what == FIND_COMPRESSED) {
			taken = unpack_whole(d, e->d_name, base, &file) && is_compressed(p, &file);
		} else {
			taken = is_plain(p, &file, rotation || strcmp(e->d_name, base) == 0) &&
				(same || best.fd < 0 || file.st.st_size > best.st.st_size);
		}
		if (!taken) {
			(void)close(file.fd);
			continue;
		}
		if (best.fd >= 0)
			(void)close(best.fd);
		best = file;
		if (same)
			break;
	}
	if (best.fd < 0)
		return 0;
	*ret = best;
	return 1;
}

int file_id_find(const struct file_id *p, const char *dir, const char *base, enum find_what what,
		 struct open_file *ret)
{
	bool changed = true;
	int r = 0;

	for (unsigned i = 0; i < LOOKS && r == 0 && changed; i++) {
		DIR *d = opendir(dir);

		if (!d)
			return -errno;
		r = find(d, base, p, what, ret, &changed);
		(void)closedir(d);
	}
	return r;
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

/* What can be told without a look into the file. */
static bool is_excepted(const struct rotations_except *except, const struct stat *st)
{
	const struct timespec *changed = &st->st_ctim;

	for (size_t i = 0; i < except->n_inos; i++)
		if (except->inos[i] == st->st_ino)
			return true;
	for (size_t i = 0; i < except->n_known; i++)
		if (except->known[i].st.st_ino == st->st_ino &&
		    except->known[i].st.st_dev == st->st_dev)
			return true;
	return (uint64_t)changed->tv_sec * USEC_PER_SEC + (uint64_t)changed->tv_nsec / 1000 <
	       except->changed_usec;
}

static bool is_copy(const struct rotations_except *except, const struct open_file *file)
{
	const struct file_id *p = except->copy_of;

	return p && p->fingerprint_of >= FILE_COPY_MIN && file_id_matches(p, file);
}

/* Puts @file into @ret in order of time; where there are too many, the oldest one is closed. */
static int insert(struct open_file ret[], int n, const struct open_file *file, bool *ret_more)
{
	int at;

	if (n == ROTATIONS_MAX) {
		*ret_more = true;
		if (file_is_older(file, &ret[0])) {
			(void)close(file->fd);
			return n;
		}
		(void)close(ret[0].fd);
		memmove(ret, ret + 1, (size_t)--n * sizeof(*ret));
	}
	for (at = n; at > 0 && file_is_older(file, &ret[at - 1]); at--)
		ret[at] = ret[at - 1];
	ret[at] = *file;
	return n + 1;
}

static int list_rotations(DIR *d, const char *base, const struct timespec *since,
			  const struct rotations_except *except, struct open_file ret[],
			  bool *ret_more, bool *ret_changed)
{
	struct dirent *e;
	int n = 0;

	while ((e = readdir(d))) {
		struct open_file file;

		if (!names_is_rotation(e->d_name, base) || open_entry(d, e, &file, ret_changed) < 0)
			continue;
		file.number = names_number(e->d_name, base);
		if (file_time_is_before(&file.st.st_mtim, since) || is_excepted(except, &file.st)) {
			(void)close(file.fd);
			continue;
		}
		if (!unpack_whole(d, e->d_name, base, &file) || is_copy(except, &file))
			(void)close(file.fd);
		else
			n = insert(ret, n, &file, ret_more);
	}
	return n;
}

int file_id_rotations(const char *dir, const char *base, const struct timespec *since,
		      const struct rotations_except *except, struct open_file ret[ROTATIONS_MAX],
		      bool *ret_more, bool *ret_changed)
{
	DIR *d = opendir(dir);
	int n;

	if (!d)
		return -errno;
	n = list_rotations(d, base, since, except, ret, ret_more, ret_changed);
	(void)closedir(d);
	return n;
}
