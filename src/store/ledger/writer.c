/*
 * The writing side. Alerts are appended whole; what a failed write left behind is cut off before
 * anything else is written. Sequence numbers only grow: over rotation, over a crash in the middle
 * of one (then there is only ledger.1), over damage (ledger_reach), over the removal of the file.
 *
 * A new ledger is always a complete file renamed into place, so that nobody sees half a header.
 * Rotation renames the full file away first, makes that durable, and then puts the new one in its
 * place; when that fails the old one is renamed back.
 *
 * The ids of the alerts in ledger and ledger.1 are kept in two sets, so that a rotation forgets
 * those that left. Nobody asks for them: a ledger is rotated when the position is past its end.
 *
 * fdatasync(2) reports a failed write once, and the pages then count as clean (fsync(2), "Errors").
 * So after a failure what was not yet durable is read back and written over itself.
 *
 * Who removes the ledger, or puts another file in its place, may want to silence what was not
 * mailed yet. The writer still has the file open, and puts it back.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "store/file.h"
#include "store/ledger/format.h"
#include "store/ledger/ids.h"
#include "store/ledger/writer.h"

#define DAMAGED_NAME LEDGER_NAME ".damaged"
#define CLIP                                                                                       \
	12288		/* bytes of each text of an alert that is too long: four times this,       \
			     escaped, fits for all of them */
#define FORGED_UIDS 256 /* whose times are remembered; the oldest gives way */

struct ledger_writer {
	int dirfd; /* not owned */
	int fd;
	char id[LEDGER_ID_MAX];
	struct ledger_reach reach;
	struct ledger_ids known, known_old;
	struct {
		uint64_t uid, until_usec;
	} forged[FORGED_UIDS];
	size_t n_forged;
	struct buffer block;
	uint64_t size;	 /* what it should be; torn bytes behind it are cut off */
	uint64_t synced; /* durable up to here */
	bool dirty;
	bool torn;
	bool sync_failed;
	bool lost; /* alerts were gone; ledger_lost() has not told so yet */
};

struct ledger_writer *ledger_writer_free(struct ledger_writer *w)
{
	if (!w)
		return NULL;
	if (w->fd >= 0)
		(void)close(w->fd);
	ledger_ids_done(&w->known);
	ledger_ids_done(&w->known_old);
	buffer_done(&w->block);
	free(w);
	return NULL;
}

static void free_writer(struct ledger_writer **w)
{
	*w = ledger_writer_free(*w);
}

static void note_forged(struct ledger_writer *w, const struct alert *a)
{
	size_t oldest = 0, i;

	if (a->kind != ALERT_FORGED || !a->uid_known)
		return;
	for (i = 0; i < w->n_forged && w->forged[i].uid != a->uid; i++)
		if (w->forged[i].until_usec < w->forged[oldest].until_usec)
			oldest = i;
	if (i == FORGED_UIDS)
		i = oldest;
	else if (i < w->n_forged) {
		if (a->time_usec > w->forged[i].until_usec)
			w->forged[i].until_usec = a->time_usec;
		return;
	} else
		w->n_forged++;
	w->forged[i].uid = a->uid;
	w->forged[i].until_usec = a->time_usec;
}

/* What a file of the ledger was found to hold. */
struct content {
	struct ledger_header header;
	bool header_sound;
	uint64_t alerts;
	uint64_t damaged;
	uint64_t end; /* of the last whole block */
};

static int note_block(struct ledger_writer *w, struct slice body, uint64_t len,
		      struct ledger_ids *ids, struct content *c)
{
	AUTO_BUFFER struct buffer storage = BUFFER_INIT(ALERT_BLOCK_MAX);
	struct hash128 id;
	struct alert a;
	uint64_t seq;
	int r;

	if (ledger_block_seq(body, &seq) < 0) {
		ledger_reach_damaged(&w->reach, len);
		c->damaged++;
		return 0;
	}
	ledger_reach_block(&w->reach, seq);
	r = alert_read(body, &storage, &a);
	if (r == -EINVAL) {
		c->damaged++;
		return 0;
	}
	if (r < 0)
		return r;
	c->alerts++;
	note_forged(w, &a);
	if (ledger_id_parse(a.id, &id) < 0)
		return 0;
	r = ledger_ids_reserve(ids);
	if (r == 0)
		ledger_ids_add(ids, id);
	return r;
}

static int note_header(struct ledger_writer *w, struct slice body, enum ledger_scan_result found,
		       struct content *c)
{
	int r = found == LEDGER_SCAN_BLOCK ? ledger_header_read(body, &c->header) : -EINVAL;

	if (r == -EPROTONOSUPPORT)
		return r;
	c->header_sound = r == 0;
	if (r == 0)
		ledger_reach_block(&w->reach, c->header.first_seq - 1);
	else
		ledger_header_guess(body, &c->header);
	return 0;
}

static int read_content(struct ledger_writer *w, struct ledger_scan *scan, struct ledger_ids *ids,
			struct content *c)
{
	bool first = true;

	for (;;) {
		struct slice body;
		int found = ledger_scan_next(scan, &body), r = 0;

		if (found < 0)
			return found;
		if (found == LEDGER_SCAN_END)
			break;
		if (first)
			r = note_header(w, body, (enum ledger_scan_result)found, c);
		first = false;
		if (r < 0)
			return r;
		if (found == LEDGER_SCAN_DAMAGED) {
			ledger_reach_damaged(&w->reach, scan->piece_len);
			c->damaged++;
		} else if (!ledger_header_is(body))
			r = note_block(w, body, scan->piece_len, ids, c);
		if (r < 0)
			return r;
	}
	c->end = ledger_scan_offset(scan);
	return 0;
}

static int read_old(struct ledger_writer *w, struct content *c)
{
	AUTO_CLOSE int fd = file_open(w->dirfd, LEDGER_OLD_NAME, O_RDONLY, 0);
	struct ledger_scan scan;
	int r;

	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	ledger_scan_init(&scan, fd);
	r = read_content(w, &scan, &w->known_old, c);
	ledger_scan_done(&scan);
	return r;
}

/* The block at the file's end, without what is behind its CRC, is ended. */
static int end_block(struct ledger_writer *w, struct content *c)
{
	int r = io_write_all(w->fd, "\n\n", 2);

	if (r == 0)
		c->end += 2;
	return r;
}

/* Ends a last block that lacks nothing else, or cuts off what is behind the last whole one. */
static int mend_tail(struct ledger_writer *w, struct ledger_scan *scan, struct content *c,
		     uint64_t *ret_torn)
{
	struct slice body;
	struct stat st;
	size_t len;
	int r;

	if (fstat(w->fd, &st) < 0)
		return -errno;
	if ((uint64_t)st.st_size <= c->end)
		return 0;
	r = ledger_scan_unended(scan, &body, &len);
	if (r < 0)
		return r;
	if (r > 0 && !ledger_header_is(body)) {
		r = note_block(w, body, len, &w->known, c);
		if (r < 0)
			return r;
		c->end += len;
		return ftruncate(w->fd, (off_t)c->end) < 0 ? -errno : end_block(w, c);
	}
	/* What is cut off may begin with the damaged separator of a block that is kept. */
	if (scan->unended_at > 0)
		c->end = scan->unended_at;
	*ret_torn = (uint64_t)st.st_size - c->end;
	if (ftruncate(w->fd, (off_t)c->end) < 0)
		return -errno;
	return scan->unended_at > 0 ? end_block(w, c) : 0;
}

static int random_id(char ret[LEDGER_ID_MAX])
{
	unsigned char bytes[(LEDGER_ID_MAX - 1) / 2];

	if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
		return -errno;
	for (size_t i = 0; i < sizeof(bytes); i++)
		(void)snprintf(ret + 2 * i, 3, "%02x", bytes[i]);
	return 0;
}

/* Puts a new ledger without alerts in place, and goes on with it. */
static int begin(struct ledger_writer *w)
{
	AUTO_BUFFER struct buffer text = BUFFER_INIT(1024);
	struct ledger_header header = {.first_seq = w->reach.seq + 1};
	int fd, r;

	if (w->reach.seq == UINT64_MAX)
		return -EOVERFLOW;
	memcpy(header.id, w->id, sizeof(header.id));
	r = ledger_header_write(&header, &text);
	if (r == 0)
		r = file_replace(w->dirfd, LEDGER_NAME, buffer_slice(&text));
	if (r < 0)
		return r;
	fd = file_open(w->dirfd, LEDGER_NAME, O_RDWR | O_APPEND, 0);
	if (fd < 0)
		return fd;
	if (w->fd >= 0)
		(void)close(w->fd);
	w->fd = fd;
	w->size = w->synced = text.len;
	w->dirty = w->torn = w->sync_failed = false;
	return 0;
}

static int open_content(struct ledger_writer *w, struct content *c, struct ledger_report *report)
{
	struct ledger_scan scan;
	int r;

	w->fd = file_open(w->dirfd, LEDGER_NAME, O_RDWR | O_APPEND, 0);
	if (w->fd < 0)
		return w->fd;
	ledger_scan_init(&scan, w->fd);
	r = read_content(w, &scan, &w->known, c);
	if (r == 0)
		r = mend_tail(w, &scan, c, &report->torn_bytes);
	ledger_scan_done(&scan);
	if (r < 0)
		return r;
	report->header_damaged = !c->header_sound;
	report->damaged_blocks += c->damaged;
	w->size = c->end;
	w->dirty = true;
	return 0;
}

static int open_writer(struct ledger_writer *w, struct ledger_report *report)
{
	struct content old = {0}, content = {0};
	int r;

	r = read_old(w, &old);
	if (r < 0)
		return r;
	report->damaged_blocks = old.damaged;
	r = open_content(w, &content, report);
	if (r < 0 && r != -ENOENT)
		return r;
	report->made_new = r == -ENOENT;
	memcpy(w->id, content.header.id[0] ? content.header.id : old.header.id, sizeof(w->id));
	if (w->id[0] == '\0') {
		r = random_id(w->id);
		if (r < 0)
			return r;
	}
	if (content.header_sound)
		return 0;
	if (content.end > 0) {
		const char *aside = content.alerts > 0 ? LEDGER_OLD_NAME : DAMAGED_NAME;

		if (renameat(w->dirfd, LEDGER_NAME, w->dirfd, aside) < 0 || fsync(w->dirfd) < 0)
			return -errno;
	}
	return begin(w);
}

int ledger_writer_open(int dirfd, struct ledger_writer **ret, struct ledger_report *report,
		       struct error *err)
{
	CLEANUP(free_writer) struct ledger_writer *w = calloc(1, sizeof(*w));
	int r;

	*report = (struct ledger_report){0};
	if (!w) {
		error_set(err, LEDGER_NAME, 0, 0, "out of memory");
		return -ENOMEM;
	}
	w->dirfd = dirfd;
	w->fd = -1;
	w->block.max = ALERT_BLOCK_MAX;
	r = open_writer(w, report);
	if (r == -EPROTONOSUPPORT)
		error_set(err, LEDGER_NAME, 0, 0, "written by a later version of loginbell");
	else if (r < 0)
		error_set(err, LEDGER_NAME, 0, 0, "cannot open the ledger: %s", strerror(-r));
	if (r < 0)
		return r;
	*ret = STEAL_PTR(w);
	return 0;
}

static int write_block(const struct alert *a, struct buffer *ret)
{
	int r;

	buffer_clear(ret);
	r = alert_write(a, ret);
	return r < 0 ? r : ledger_block_end(ret, 0);
}

static int make_block(const struct alert *a, struct buffer *ret)
{
	struct alert cut = *a;
	int r = write_block(a, ret);

	if (r != -E2BIG)
		return r;
	alert_clip(&cut, CLIP);
	return write_block(&cut, ret);
}

/* Copies the bytes from @begin to @end to the same offsets; both may be of the same file. */
static int copy(int from, int to, uint64_t begin, uint64_t end)
{
	AUTO_FREE char *bytes = malloc(LEDGER_WINDOW);

	if (!bytes)
		return -ENOMEM;
	for (uint64_t at = begin; at < end;) {
		ssize_t n = pread(from, bytes, end - at < LEDGER_WINDOW ? end - at : LEDGER_WINDOW,
				  (off_t)at);
		int r;

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		r = io_pwrite_all(to, bytes, (size_t)n, (long long)at);
		if (r < 0)
			return r;
		at += (uint64_t)n;
	}
	return 0;
}

/* The open file no longer has its name: a copy of it gets that. */
static int put_back(struct ledger_writer *w)
{
	static const char temporary[] = LEDGER_NAME FILE_TEMPORARY_SUFFIX;
	AUTO_CLOSE int fd = -1;
	int r;

	if (unlinkat(w->dirfd, temporary, 0) < 0 && errno != ENOENT)
		return -errno;
	fd = openat(w->dirfd, temporary,
		    O_RDWR | O_APPEND | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0640);
	if (fd < 0 || fchmod(fd, 0640) < 0)
		return -errno;
	r = copy(w->fd, fd, 0, w->size);
	if (r == 0 && fsync(fd) < 0)
		r = -errno;
	if (r == 0 && renameat(w->dirfd, temporary, w->dirfd, LEDGER_NAME) < 0)
		r = -errno;
	if (r < 0) {
		(void)unlinkat(w->dirfd, temporary, 0);
		return r;
	}
	if (fsync(w->dirfd) < 0)
		return -errno;
	(void)close(w->fd);
	w->fd = steal_fd(&fd);
	w->synced = w->size;
	w->dirty = w->sync_failed = false;
	return 0;
}

static int cut_torn(struct ledger_writer *w)
{
	if (w->torn && ftruncate(w->fd, (off_t)w->size) < 0)
		return -errno;
	w->torn = false;
	return 0;
}

/*
 * Makes sure that the file is still the one of that name, and as long as it should be. Somebody
 * else's bytes at its end are kept apart by an empty line.
 */
static int prepare(struct ledger_writer *w)
{
	struct stat named, open;
	bool there;
	int r;

	r = cut_torn(w);
	if (r < 0)
		return r;
	if (fstat(w->fd, &open) < 0)
		return -errno;
	there = fstatat(w->dirfd, LEDGER_NAME, &named, AT_SYMLINK_NOFOLLOW) == 0;
	if (!there && errno != ENOENT)
		return -errno;
	if ((uint64_t)open.st_size < w->size)
		w->lost = true;
	if (open.st_size == 0)
		return begin(w);
	if ((uint64_t)open.st_size != w->size) {
		w->size = (uint64_t)open.st_size;
		w->synced = 0;
		r = io_write_all(w->fd, "\n\n", 2);
		if (r < 0)
			return r;
		w->size += 2;
	}
	if (there && named.st_ino == open.st_ino && named.st_dev == open.st_dev)
		return 0;
	return put_back(w);
}

int ledger_append(struct ledger_writer *w, struct alert *a)
{
	struct alert numbered = *a;
	struct hash128 id;
	ssize_t n;
	int r;

	r = ledger_id_parse(a->id, &id);
	if (r < 0)
		return r;
	if (ledger_ids_has(&w->known, id) || ledger_ids_has(&w->known_old, id))
		return LEDGER_E_KNOWN;
	if (w->reach.seq == UINT64_MAX)
		return -EOVERFLOW;
	numbered.seq = w->reach.seq + 1;
	r = ledger_ids_reserve(&w->known);
	if (r == 0)
		r = make_block(&numbered, &w->block);
	if (r == 0)
		r = prepare(w);
	if (r < 0)
		return r;
	do {
		n = write(w->fd, w->block.data, w->block.len);
	} while (n < 0 && errno == EINTR);
	if (n != (ssize_t)w->block.len) {
		r = n < 0 ? -errno : -ENOSPC;
		w->torn = true;
		(void)cut_torn(w);
		return r;
	}
	w->size += w->block.len;
	w->dirty = true;
	ledger_ids_add(&w->known, id);
	ledger_reach_block(&w->reach, numbered.seq);
	note_forged(w, &numbered);
	a->seq = numbered.seq;
	if (w->block.cap > LEDGER_WINDOW)
		buffer_done(&w->block);
	return 0;
}

/* Marks the pages since the last fdatasync(2) as dirty again. Not by the descriptor that appends:
 * on Linux pwrite(2) appends to such a one too. */
static int write_again(struct ledger_writer *w)
{
	AUTO_CLOSE int fd = file_open(w->dirfd, LEDGER_NAME, O_RDWR, 0);

	return fd < 0 ? fd : copy(fd, fd, w->synced, w->size);
}

int ledger_sync(struct ledger_writer *w)
{
	int r;

	if (!w->dirty)
		return 0;
	if (w->sync_failed) {
		r = write_again(w);
		if (r < 0)
			return r;
	}
	if (fdatasync(w->fd) < 0) {
		w->sync_failed = true;
		return -errno;
	}
	w->dirty = w->sync_failed = false;
	w->synced = w->size;
	return 0;
}

bool ledger_knows(const struct ledger_writer *w, struct slice id)
{
	struct hash128 h;

	return ledger_id_parse(id, &h) == 0 &&
	       (ledger_ids_has(&w->known, h) || ledger_ids_has(&w->known_old, h));
}

uint64_t ledger_forged_until(const struct ledger_writer *w, uint64_t uid)
{
	for (size_t i = 0; i < w->n_forged; i++)
		if (w->forged[i].uid == uid)
			return w->forged[i].until_usec;
	return 0;
}

bool ledger_lost(struct ledger_writer *w)
{
	bool lost = w->lost;

	w->lost = false;
	return lost;
}

const char *ledger_id(const struct ledger_writer *w)
{
	return w->id;
}

uint64_t ledger_last_seq(const struct ledger_writer *w)
{
	return w->reach.seq;
}

uint64_t ledger_size(const struct ledger_writer *w)
{
	return w->size;
}

int ledger_rotate(struct ledger_writer *w)
{
	int r;

	r = prepare(w);
	if (r == 0)
		r = ledger_sync(w);
	if (r < 0)
		return r;
	if (renameat(w->dirfd, LEDGER_NAME, w->dirfd, LEDGER_OLD_NAME) < 0)
		return -errno;
	r = fsync(w->dirfd) < 0 ? -errno : begin(w);
	if (r < 0) {
		(void)renameat(w->dirfd, LEDGER_OLD_NAME, w->dirfd, LEDGER_NAME);
		return r;
	}
	ledger_ids_done(&w->known_old);
	w->known_old = w->known;
	w->known = (struct ledger_ids){0};
	return 0;
}
