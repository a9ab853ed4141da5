/*
 * The head is text, the mail stands behind it as it is. In doubt is one byte at a known offset,
 * written before the first byte of the mail goes out. All else is replaced as a whole.
 */
#include "store/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/number.h"
#include "store/fields.h"
#include "store/file.h"

#define MAGIC	     "LOGINBELL_OUTGOING=1\n"
#define DOUBT	     "IN_DOUBT="
#define DOUBT_OFFSET (sizeof(MAGIC) - 1 + sizeof(DOUBT) - 1)
#define HEAD_OFFSET  (DOUBT_OFFSET + 2)

static const char *const rcpt_states[SPOOL_RCPT_STATES] = {"open", "accepted", "refused",
							   "deferred"};

struct spool_message *spool_new(void)
{
	struct spool_message *o = calloc(1, sizeof(*o));

	if (o)
		o->mail = (struct buffer)BUFFER_INIT(MESSAGE_MAX);
	return o;
}

struct spool_message *spool_free(struct spool_message *o)
{
	if (!o)
		return NULL;
	for (size_t i = 0; i < o->n_rcpts; i++)
		free(o->rcpts[i].addr);
	free(o->rcpts);
	free(o->ranges);
	free(o->repeats);
	buffer_done(&o->mail);
	free(o);
	return NULL;
}

/* The list with room for one more element: it grows by doubling from 8. NULL: out of memory. */
static void *grown(void *list, size_t n, size_t size)
{
	if (n != 0 && (n < 8 || (n & (n - 1))))
		return list;
	return reallocarray(list, n ? n * 2 : 8, size);
}

static int add_range(struct spool_message *o, uint64_t first, uint64_t last)
{
	struct spool_range *list = grown(o->ranges, o->n_ranges, sizeof(*list));

	if (!list)
		return -ENOMEM;
	o->ranges = list;
	list[o->n_ranges++] = (struct spool_range){first, last};
	return 0;
}

int spool_add_alert(struct spool_message *o, uint64_t seq)
{
	if (o->n_ranges > 0 && o->ranges[o->n_ranges - 1].last + 1 == seq) {
		o->ranges[o->n_ranges - 1].last = seq;
		return 0;
	}
	return add_range(o, seq, seq);
}

bool spool_has_alert(const struct spool_message *o, uint64_t seq)
{
	for (size_t i = 0; i < o->n_ranges; i++)
		if (o->ranges[i].first <= seq && seq <= o->ranges[i].last)
			return true;
	return false;
}

int spool_remove_alert(struct spool_message *o, uint64_t seq)
{
	struct spool_range *old = o->ranges;
	size_t n = o->n_ranges;
	int r = 0;

	o->ranges = NULL;
	o->n_ranges = 0;
	for (size_t i = 0; i < n && r == 0; i++) {
		uint64_t first = old[i].first, last = old[i].last;

		if (seq < first || last < seq) {
			r = add_range(o, first, last);
			continue;
		}
		if (first < seq)
			r = add_range(o, first, seq - 1);
		if (r == 0 && seq < last)
			r = add_range(o, seq + 1, last);
	}
	if (r < 0) {
		free(o->ranges);
		o->ranges = old;
		o->n_ranges = n;
		return r;
	}
	free(old);
	return 0;
}

int spool_add_repeat(struct spool_message *o, struct hash128 key, uint64_t repeats, uint64_t seq)
{
	struct spool_repeat *list = grown(o->repeats, o->n_repeats, sizeof(*list));

	if (!list)
		return -ENOMEM;
	o->repeats = list;
	list[o->n_repeats++] = (struct spool_repeat){key, repeats, seq};
	return 0;
}

int spool_add_rcpt(struct spool_message *o, const char *addr, enum spool_rcpt_state state)
{
	struct spool_rcpt *list = grown(o->rcpts, o->n_rcpts, sizeof(*list));
	char *copy;

	if (!list)
		return -ENOMEM;
	o->rcpts = list;
	copy = strdup(addr);
	if (!copy)
		return -ENOMEM;
	list[o->n_rcpts++] = (struct spool_rcpt){copy, state};
	return 0;
}

size_t spool_count(const struct spool_message *o, enum spool_rcpt_state state)
{
	size_t n = 0;

	for (size_t i = 0; i < o->n_rcpts; i++)
		n += o->rcpts[i].state == state;
	return n;
}

void spool_name(const char *destination, enum delivery_queue_name queue, char ret[SPOOL_NAME_MAX])
{
	size_t n = (size_t)snprintf(ret, SPOOL_NAME_MAX, SPOOL_DIR "/");
	struct hash128 h;

	/* An escaped name is never "mail" by itself: "=" stands before whatever is named. */
	if (!destination[0])
		n += (size_t)snprintf(ret + n, SPOOL_NAME_MAX - n, "mail");
	else
		ret[n++] = '=';
	for (const char *at = destination; *at; at++) {
		unsigned char c = (unsigned char)*at;

		if (n > 180) {
			/* Too long for a file's name: the rest by its hash. */
			h = hash_fnv_add(hash_fnv_init(), at, strlen(at));
			n += (size_t)snprintf(ret + n, SPOOL_NAME_MAX - n,
					      "=%016" PRIx64 "%016" PRIx64, h.high, h.low);
			break;
		}
		if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		    c == '-' || c == '_')
			ret[n++] = (char)c;
		else
			n += (size_t)snprintf(ret + n, SPOOL_NAME_MAX - n, "=%02x", c);
	}
	(void)snprintf(ret + n, SPOOL_NAME_MAX - n, ".%s", delivery_queue_text(queue));
}

static int put_head(struct buffer *ret, const struct spool_message *o)
{
	int r;

	r = buffer_printf(ret,
			  "LEDGER=%s\nLANE=%s\nCLASS=%s\nSERIAL=%" PRIu64
			  "\nSTYLE=%s\nMARK=%" PRIu64 "\nONE=%d\nTRIES=%" PRIu64 "\nWAITED=%" PRIu64
			  "\nLASTTRY=%" PRIu64 "\nNOTED=%" PRIu64 "\nSEQUENCE=%" PRIu64
			  "\nCONFIG=%016" PRIx64 "%016" PRIx64 "\nID=%s\n",
			  o->ledger_id, delivery_queue_text(o->queue),
			  delivery_queue_text(o->class), o->serial,
			  o->style == MESSAGE_FULL ? "full" : "no-logs", o->done_up_to, o->one_rcpt,
			  o->tries, o->waited_usec, o->last_try_usec, o->reported, o->sequence,
			  o->config.high, o->config.low, o->message_id);
	for (size_t i = 0; r == 0 && i < o->n_ranges; i++)
		r = buffer_printf(ret, "ALERTS=%" PRIu64 " %" PRIu64 "\n", o->ranges[i].first,
				  o->ranges[i].last);
	for (size_t i = 0; r == 0 && i < o->n_repeats; i++)
		r = buffer_printf(ret,
				  "REPEAT=%016" PRIx64 "%016" PRIx64 " %" PRIu64 " %" PRIu64 "\n",
				  o->repeats[i].key.high, o->repeats[i].key.low,
				  o->repeats[i].repeats, o->repeats[i].seq);
	for (size_t i = 0; r == 0 && i < o->n_rcpts; i++)
		r = buffer_printf(ret, "RCPT=%s %s\n", rcpt_states[o->rcpts[i].state],
				  o->rcpts[i].addr);
	return r;
}

int spool_write(const struct spool_message *o, struct buffer *ret)
{
	size_t begin;
	uint32_t crc;
	int r;

	r = buffer_printf(ret, MAGIC DOUBT "%d\n", o->in_doubt);
	begin = ret->len;
	if (r == 0)
		r = put_head(ret, o);
	if (r < 0)
		return r;
	crc = hash_crc32(0, ret->data + begin, ret->len - begin);
	crc = hash_crc32(crc, o->mail.data, o->mail.len);
	r = buffer_printf(ret, "CRC=%08" PRIx32 "\n\n", crc);
	return r < 0 ? r : buffer_append(ret, o->mail.data, o->mail.len);
}

static int read_queue(struct slice word, enum delivery_queue_name *ret)
{
	for (int i = 0; i < DELIVERY_QUEUES; i++) {
		if (slice_eq_str(word, delivery_queue_text((enum delivery_queue_name)i))) {
			*ret = (enum delivery_queue_name)i;
			return 0;
		}
	}
	return -EINVAL;
}

static int read_rcpt(struct slice line, struct spool_message *o)
{
	struct slice word = fields_word(&line);
	AUTO_FREE char *addr = NULL;

	if (line.n == 0 || memchr(line.p, '\0', line.n))
		return -EINVAL;
	addr = strndup(line.p, line.n);
	if (!addr)
		return -ENOMEM;
	for (int i = 0; i < SPOOL_RCPT_STATES; i++)
		if (slice_eq_str(word, rcpt_states[i]))
			return spool_add_rcpt(o, addr, (enum spool_rcpt_state)i);
	return -EINVAL;
}

static int copy_text(struct slice s, char *ret, size_t size)
{
	if (s.n >= size || memchr(s.p, '\0', s.n))
		return -EINVAL;
	memcpy(ret, s.p, s.n);
	ret[s.n] = '\0';
	return 0;
}

static int read_line(struct slice key, struct slice line, struct spool_message *o)
{
	const struct {
		const char *key;
		uint64_t *to;
	} numbers[] = {
		{"SERIAL", &o->serial},		{"MARK", &o->done_up_to},
		{"TRIES", &o->tries},		{"WAITED", &o->waited_usec},
		{"LASTTRY", &o->last_try_usec}, {"NOTED", &o->reported},
		{"SEQUENCE", &o->sequence},
	};
	struct spool_repeat p;
	uint64_t first, last;
	int r;

	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		if (slice_eq_str(key, numbers[i].key))
			return number_parse_u64(line, UINT64_MAX, numbers[i].to);
	if (slice_eq_str(key, "LEDGER"))
		return copy_text(line, o->ledger_id, sizeof(o->ledger_id));
	if (slice_eq_str(key, "ID"))
		return copy_text(line, o->message_id, sizeof(o->message_id));
	if (slice_eq_str(key, "LANE"))
		return read_queue(line, &o->queue);
	if (slice_eq_str(key, "CLASS"))
		return read_queue(line, &o->class);
	if (slice_eq_str(key, "CONFIG"))
		return fields_hash(&line, &o->config);
	if (slice_eq_str(key, "STYLE")) {
		o->style = slice_eq_str(line, "full") ? MESSAGE_FULL : MESSAGE_NO_LOGS;
		return 0;
	}
	if (slice_eq_str(key, "ONE")) {
		o->one_rcpt = slice_eq_str(line, "1");
		return 0;
	}
	if (slice_eq_str(key, "ALERTS")) {
		r = fields_numbers(&line, 2, (uint64_t *[]){&first, &last});
		if (r < 0 || first == 0 || last < first)
			return -EINVAL;
		return add_range(o, first, last);
	}
	if (slice_eq_str(key, "REPEAT")) {
		r = fields_hash(&line, &p.key);
		if (r == 0)
			r = fields_numbers(&line, 2, (uint64_t *[]){&p.repeats, &p.seq});
		return r < 0 ? r : spool_add_repeat(o, p.key, p.repeats, p.seq);
	}
	if (slice_eq_str(key, "RCPT"))
		return read_rcpt(line, o);
	return 0;
}

/* Reads lines until that of the CRC; *text is then the mail. 0 where all is well. */
static int read_head(struct slice *text, struct spool_message *o)
{
	const char *begin = text->p;
	struct slice line, key;
	uint64_t crc;
	uint32_t is;
	int r;

	for (;;) {
		size_t n = (size_t)(text->p - begin);

		r = fields_line(text, &line);
		if (r <= 0 || fields_key(&line, &key) < 0)
			return -EINVAL;
		if (!slice_eq_str(key, "CRC")) {
			r = read_line(key, line, o);
			if (r < 0)
				return r;
			continue;
		}
		if (number_parse_hex(line, UINT32_MAX, &crc) < 0 || fields_line(text, &line) <= 0 ||
		    line.n != 0)
			return -EINVAL;
		is = hash_crc32(0, begin, n);
		return hash_crc32(is, text->p, text->n) == crc ? 0 : -EINVAL;
	}
}

int spool_read(struct slice text, const char *name, struct spool_message **ret, struct error *err)
{
	AUTO_SPOOL_MESSAGE struct spool_message *o = spool_new();
	int r;

	if (!o)
		return -ENOMEM;
	if (text.n < HEAD_OFFSET || !slice_starts_with(text, MAGIC DOUBT) ||
	    text.p[DOUBT_OFFSET + 1] != '\n') {
		error_set(err, name, 1, 0, "not an outgoing mail of this version");
		return SPOOL_E_DAMAGED;
	}
	/* Whatever else stands there: a doubt costs a second copy at most. */
	o->in_doubt = text.p[DOUBT_OFFSET] != '0';
	text = slice_from(text, HEAD_OFFSET);
	r = read_head(&text, o);
	if (r == -ENOMEM)
		return r;
	if (r < 0 || o->n_rcpts == 0 || o->class >= DELIVERY_CLASSES || text.n == 0) {
		error_set(err, name, 0, 0, "damaged");
		return SPOOL_E_DAMAGED;
	}
	r = buffer_append_slice(&o->mail, text);
	if (r < 0)
		return r;
	*ret = STEAL_PTR(o);
	return 0;
}

int spool_prepare(int dirfd)
{
	if (mkdirat(dirfd, SPOOL_DIR, 0750) < 0)
		return errno == EEXIST ? 0 : -errno;
	return fsync(dirfd) < 0 ? -errno : 0;
}

/* file_replace() makes the folder durable in which it is told to write, so it gets that one. */
static int open_folder(int dirfd)
{
	int fd = openat(dirfd, SPOOL_DIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

static const char *base_name(const char *name)
{
	return name + sizeof(SPOOL_DIR);
}

int spool_save(int dirfd, const char *name, const struct spool_message *o)
{
	AUTO_BUFFER struct buffer text = BUFFER_INIT(SPOOL_FILE_MAX);
	AUTO_CLOSE int folder = -1;
	int r;

	r = spool_write(o, &text);
	if (r < 0)
		return r;
	folder = open_folder(dirfd);
	if (folder < 0)
		return folder;
	return file_replace(folder, base_name(name), buffer_slice(&text));
}

int spool_load(int dirfd, const char *name, struct spool_message **ret, struct error *err)
{
	AUTO_BUFFER struct buffer text = BUFFER_INIT(SPOOL_FILE_MAX);
	int r;

	r = file_load(dirfd, name, &text);
	if (r == -ENOENT)
		return SPOOL_E_NONE;
	if (r == -E2BIG) {
		error_set(err, name, 0, 0, "damaged: too large");
		return SPOOL_E_DAMAGED;
	}
	if (r < 0)
		return r;
	return spool_read(buffer_slice(&text), name, ret, err);
}

int spool_set_doubt(int dirfd, const char *name, bool in_doubt)
{
	AUTO_CLOSE int fd = file_open(dirfd, name, O_WRONLY, 0);
	int r;

	if (fd < 0)
		return fd;
	r = io_pwrite_all(fd, in_doubt ? "1" : "0", 1, DOUBT_OFFSET);
	if (r == 0 && fdatasync(fd) < 0)
		r = -errno;
	return r;
}

int spool_remove(int dirfd, const char *name)
{
	if (unlinkat(dirfd, name, 0) < 0 && errno != ENOENT)
		return -errno;
	return 0;
}
