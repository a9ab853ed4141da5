/*
 * The reading side: one file is open at a time, the ledger or ledger.1, and numbers that were given
 * already are passed over, so that a file may be begun again whenever that is simpler.
 *
 * At a file's end the name "ledger" is looked at. When it is another file, the writer has finished
 * with this one; it may have appended once more before that, so this one is read to its end a
 * last time before the other is opened. Where the other begins behind what has been read, ledger.1
 * is read in between: there may have been two rotations.
 *
 * A number to start after that lies beyond anything the ledger can have given out cannot be of this
 * ledger: it was put back from an older copy. Waiting for its numbers to catch up would silence
 * every alert until then.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "store/file.h"
#include "store/ledger/format.h"
#include "store/ledger/reader.h"

struct ledger_reader {
	int dirfd;
	int fd; /* -1 where there is no file yet */
	dev_t dev;
	ino_t ino;
	struct ledger_scan scan;
	struct buffer storage;
	char id[LEDGER_ID_MAX];
	uint64_t after_seq;
	struct ledger_reach reach;
	uint64_t damaged;
	bool last_look; /* the file is no longer "ledger": what is there now is all */
};

struct ledger_reader *ledger_reader_free(struct ledger_reader *r)
{
	if (!r)
		return NULL;
	if (r->fd >= 0)
		(void)close(r->fd);
	if (r->dirfd >= 0)
		(void)close(r->dirfd);
	ledger_scan_done(&r->scan);
	buffer_done(&r->storage);
	free(r);
	return NULL;
}

static void free_reader(struct ledger_reader **r)
{
	*r = ledger_reader_free(*r);
}

struct candidate {
	int fd;
	struct stat st;
	struct ledger_header header;
};

static void drop(struct candidate *c)
{
	if (c->fd >= 0)
		(void)close(c->fd);
}

static int look_at(int dirfd, const char *name, struct candidate *ret)
{
	AUTO_CLOSE int fd = dirfd < 0 ? -ENOENT : file_open(dirfd, name, O_RDONLY, 0);
	struct ledger_header header = {0};
	struct ledger_scan scan;
	struct slice body;
	int found, r = 0;

	if (fd < 0)
		return fd;
	if (fstat(fd, &ret->st) < 0)
		return -errno;
	ledger_scan_init(&scan, fd);
	found = ledger_scan_next(&scan, &body);
	if (found == LEDGER_SCAN_BLOCK)
		r = ledger_header_read(body, &header);
	if (found == LEDGER_SCAN_DAMAGED || r == -EINVAL)
		ledger_header_guess(body, &header);
	ledger_scan_done(&scan);
	if (found < 0)
		return found;
	if (r == -EPROTONOSUPPORT)
		return r;
	ret->fd = steal_fd(&fd);
	ret->header = header;
	return 0;
}

static void take(struct ledger_reader *r, struct candidate *c)
{
	if (r->fd >= 0)
		(void)close(r->fd);
	r->fd = steal_fd(&c->fd);
	r->dev = c->st.st_dev;
	r->ino = c->st.st_ino;
	r->last_look = false;
	ledger_scan_done(&r->scan);
	ledger_scan_init(&r->scan, r->fd);
	if (c->header.id[0] != '\0')
		memcpy(r->id, c->header.id, sizeof(r->id));
	if (c->header.first_seq > 0)
		ledger_reach_block(&r->reach, c->header.first_seq - 1);
}

static bool is_open(const struct ledger_reader *r, const struct stat *st)
{
	return r->fd >= 0 && r->dev == st->st_dev && r->ino == st->st_ino;
}

/* Begins again with the first alert that there is. */
static int begin_anew(struct ledger_reader *r)
{
	if (r->fd >= 0)
		(void)close(r->fd);
	r->fd = -1;
	r->after_seq = 0;
	r->reach = (struct ledger_reach){0};
	return LEDGER_E_REPLACED;
}

/*
 * Opens the file to be read next. 1; 0 where there is none; LEDGER_E_REPLACED; -errno. A reader
 * that is about to be opened (@waited false) takes whatever it finds.
 */
static int open_next(struct ledger_reader *r, bool waited)
{
	CLEANUP(drop) struct candidate now = {.fd = -1};
	CLEANUP(drop) struct candidate old = {.fd = -1};
	bool missing;
	int k;

	k = look_at(r->dirfd, LEDGER_NAME, &now);
	missing = k == -ENOENT;
	if (k < 0 && !missing)
		return k;
	if (missing && r->fd >= 0)
		return 0;
	if (now.header.id[0] != '\0') {
		bool other =
			r->id[0] != '\0' ? strcmp(r->id, now.header.id) != 0 : r->after_seq > 0;

		memcpy(r->id, now.header.id, sizeof(r->id));
		if (waited && other)
			return begin_anew(r);
	}
	if (missing || now.header.first_seq == 0 || now.header.first_seq - 1 > r->after_seq) {
		k = look_at(r->dirfd, LEDGER_OLD_NAME, &old);
		if (k < 0 && k != -ENOENT)
			return k;
		if (k == 0 && !is_open(r, &old.st) &&
		    (missing || now.header.id[0] == '\0' || old.header.id[0] == '\0' ||
		     strcmp(now.header.id, old.header.id) == 0)) {
			take(r, &old);
			return 1;
		}
	}
	if (missing)
		return 0;
	take(r, &now);
	return 1;
}

int ledger_reader_open(int dirfd, uint64_t after_seq, struct ledger_reader **ret, struct error *err)
{
	CLEANUP(free_reader) struct ledger_reader *r = calloc(1, sizeof(*r));
	int k;

	if (!r) {
		error_set(err, LEDGER_NAME, 0, 0, "out of memory");
		return -ENOMEM;
	}
	r->fd = -1;
	r->storage.max = ALERT_BLOCK_MAX;
	r->after_seq = after_seq;
	ledger_scan_init(&r->scan, -1);
	r->dirfd = dirfd < 0 ? -1 : fcntl(dirfd, F_DUPFD_CLOEXEC, 0);
	k = dirfd >= 0 && r->dirfd < 0 ? -errno : open_next(r, false);
	if (k == -EPROTONOSUPPORT)
		error_set(err, LEDGER_NAME, 0, 0, "written by a later version of loginbell");
	else if (k < 0)
		error_set(err, LEDGER_NAME, 0, 0, "cannot open the ledger: %s", strerror(-k));
	if (k < 0)
		return k;
	*ret = STEAL_PTR(r);
	return 0;
}

/* 1 and *ret; 0 where the block is no alert that is wanted; -ENOMEM. */
static int read_block(struct ledger_reader *r, struct slice body, struct alert *ret)
{
	uint64_t seq;
	int k;

	if (ledger_header_is(body))
		return 0;
	if (ledger_block_seq(body, &seq) < 0) {
		r->damaged++;
		ledger_reach_damaged(&r->reach, r->scan.piece_len);
		return 0;
	}
	ledger_reach_block(&r->reach, seq);
	if (seq <= r->after_seq)
		return 0;
	if (r->storage.cap > LEDGER_WINDOW)
		buffer_done(&r->storage);
	k = alert_read(body, &r->storage, ret);
	if (k == -EINVAL) {
		r->damaged++;
		return 0;
	}
	if (k < 0)
		return k;
	r->after_seq = seq;
	return 1;
}

/* At the end of the open file: 1 where it is to be read on, 0 to wait, LEDGER_E_REPLACED. */
static int at_end(struct ledger_reader *r)
{
	struct stat named, open;

	if (fstatat(r->dirfd, LEDGER_NAME, &named, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!is_open(r, &named)) {
		r->last_look = !r->last_look;
		return r->last_look ? 1 : open_next(r, true);
	}
	r->last_look = false;
	if (fstat(r->fd, &open) < 0)
		return -errno;
	if ((uint64_t)open.st_size < ledger_scan_offset(&r->scan)) {
		ledger_scan_seek(&r->scan, 0);
		return 1;
	}
	return r->after_seq > r->reach.seq ? begin_anew(r) : 0;
}

int ledger_reader_next(struct ledger_reader *r, struct alert *ret)
{
	for (;;) {
		uint64_t before = ledger_scan_offset(&r->scan);
		struct slice body;
		int k;

		if (r->fd < 0) {
			k = open_next(r, true);
			if (k != 1)
				return k;
			continue;
		}
		k = ledger_scan_next(&r->scan, &body);
		if (k == LEDGER_SCAN_BLOCK) {
			k = read_block(r, body, ret);
			if (k < 0)
				ledger_scan_seek(&r->scan, before);
			if (k != 0)
				return k;
		} else if (k == LEDGER_SCAN_DAMAGED) {
			r->damaged++;
			ledger_reach_damaged(&r->reach, r->scan.piece_len);
		} else if (k == LEDGER_SCAN_END) {
			k = at_end(r);
			if (k != 1)
				return k;
		} else
			return k;
	}
}

int ledger_reader_sync(struct ledger_reader *r)
{
	return r->fd >= 0 && fdatasync(r->fd) < 0 ? -errno : 0;
}

uint64_t ledger_reader_damaged(const struct ledger_reader *r)
{
	return r->damaged;
}

const char *ledger_reader_id(const struct ledger_reader *r)
{
	return r->id;
}

uint64_t ledger_first_seq(int dirfd)
{
	CLEANUP(drop) struct candidate c = {.fd = -1};

	return look_at(dirfd, LEDGER_NAME, &c) == 0 ? c.header.first_seq : 0;
}

int ledger_each(int dirfd, ledger_alert each, void *userdata, uint64_t *ret_damaged)
{
	CLEANUP(free_reader) struct ledger_reader *r = NULL;
	struct alert a;
	int k = ledger_reader_open(dirfd, 0, &r, NULL);

	if (k < 0)
		return k;
	while ((k = ledger_reader_next(r, &a)) > 0) {
		if (k == LEDGER_E_REPLACED)
			continue;
		k = each(userdata, &a);
		if (k < 0)
			return k;
	}
	if (ret_damaged)
		*ret_damaged = r->damaged;
	return k;
}
