/*
 * IN_DOUBT is one byte at a known offset, written before the first byte of the message is sent. All
 * else is replaced as a whole.
 */
#include "store/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "store/fields.h"
#include "store/file.h"

#define MAGIC	     "LOGINBELL_MESSAGE=1"
#define DOUBT	     "IN_DOUBT="
#define DOUBT_OFFSET (sizeof(DOUBT) - 1)
#define HEAD_OFFSET  (DOUBT_OFFSET + 2)

static const char *const rcpt_states[SPOOL_RCPT_STATES] = {"open", "accepted", "refused",
							   "deferred"};
static const char *const styles[] = {[MESSAGE_FULL] = "full", [MESSAGE_NO_LOGS] = "no-logs"};

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

void spool_name(const char *destination, enum delivery_queue_id queue, char ret[SPOOL_NAME_MAX])
{
	size_t n = (size_t)snprintf(ret, SPOOL_NAME_MAX, SPOOL_DIR "/");
	struct hash128 h;

	/* The file of [Mail "mail"] is not that of [Mail]: every name begins with "=". */
	if (!destination[0])
		n += (size_t)snprintf(ret + n, SPOOL_NAME_MAX - n, "mail");
	else
		ret[n++] = '=';
	for (const char *at = destination; *at; at++) {
		unsigned char c = (unsigned char)*at;

		if (n > 180) {
			/* Too long for a file's name: the rest becomes its hash. */
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
	(void)snprintf(ret + n, SPOOL_NAME_MAX - n, ".%s", delivery_queues[queue]);
}

/* The fields of one number each. */
static const struct {
	const char *key;
	size_t offset;
} numbers[] = {
	{"SERIAL", offsetof(struct spool_message, serial)},
	{"SEQUENCE", offsetof(struct spool_message, sequence)},
	{"DONE_UP_TO", offsetof(struct spool_message, done_up_to)},
	{"TRIES", offsetof(struct spool_message, tries)},
	{"WAITED", offsetof(struct spool_message, waited_usec)},
	{"LAST_TRY", offsetof(struct spool_message, last_try_usec)},
	{"REPORTED", offsetof(struct spool_message, reported)},
};

int spool_write(const struct spool_message *o, struct buffer *ret)
{
	struct fields_writer w;
	char hash[HASH128_HEX];
	int r = buffer_printf(ret, DOUBT "%d\n", o->in_doubt);

	if (r < 0)
		return r;
	fields_begin(&w, ret, MAGIC);
	fields_add(&w, "LEDGER", "%s", o->ledger_id);
	fields_add(&w, "QUEUE", "%s", delivery_queues[o->queue]);
	fields_add(&w, "CLASS", "%s", delivery_queues[o->class]);
	fields_add(&w, "STYLE", "%s", styles[o->style]);
	fields_add(&w, "ONE_RCPT", "%d", o->one_rcpt);
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		fields_add(&w, numbers[i].key, "%" PRIu64,
			   *(const uint64_t *)((const char *)o + numbers[i].offset));
	fields_add(&w, "CONFIG", "%s", hash128_hex(o->config, hash));
	fields_add(&w, "MESSAGE_ID", "%s", o->message_id);
	for (size_t i = 0; i < o->n_ranges; i++)
		fields_add(&w, "ALERTS", "%" PRIu64 " %" PRIu64, o->ranges[i].first,
			   o->ranges[i].last);
	for (size_t i = 0; i < o->n_repeats; i++)
		fields_add(&w, "REPEAT", "%s %" PRIu64 " %" PRIu64,
			   hash128_hex(o->repeats[i].key, hash), o->repeats[i].repeats,
			   o->repeats[i].seq);
	for (size_t i = 0; i < o->n_rcpts; i++)
		fields_add(&w, "RCPT", "%s %s", rcpt_states[o->rcpts[i].state], o->rcpts[i].addr);
	fields_add(&w, "MESSAGE_CRC", "%" PRIu32, hash_crc32(0, o->mail.data, o->mail.len));
	r = fields_end(&w);
	if (r == 0)
		r = buffer_append_char(ret, '\n');
	return r < 0 ? r : buffer_append(ret, o->mail.data, o->mail.len);
}

static int read_rcpt(struct slice value, struct spool_message *o)
{
	AUTO_FREE char *addr = NULL;
	unsigned state;
	int r = fields_name(&value, rcpt_states, SPOOL_RCPT_STATES, &state);

	if (r < 0)
		return r;
	if (value.n == 0 || memchr(value.p, '\0', value.n))
		return -EINVAL;
	addr = strndup(value.p, value.n);
	return addr ? spool_add_rcpt(o, addr, (enum spool_rcpt_state)state) : -ENOMEM;
}

static int read_repeat(struct slice value, struct spool_message *o)
{
	struct spool_repeat p;
	int r = fields_hash(&value, &p.key);

	if (r == 0)
		r = fields_numbers(&value, 2, (uint64_t *[]){&p.repeats, &p.seq});
	return r < 0 ? r : spool_add_repeat(o, p.key, p.repeats, p.seq);
}

static int read_range(struct slice value, struct spool_message *o)
{
	uint64_t first, last;
	int r = fields_numbers(&value, 2, (uint64_t *[]){&first, &last});

	if (r < 0 || first == 0 || last < first)
		return -EINVAL;
	return add_range(o, first, last);
}

static int read_field(struct slice key, struct slice value, struct spool_message *o, uint64_t *crc)
{
	unsigned name = 0;
	int r;

	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		if (slice_eq_str(key, numbers[i].key))
			return fields_numbers(
				&value, 1,
				(uint64_t *[]){(uint64_t *)((char *)o + numbers[i].offset)});
	if (slice_eq_str(key, "LEDGER"))
		return fields_string(value, o->ledger_id, sizeof(o->ledger_id));
	if (slice_eq_str(key, "MESSAGE_ID"))
		return fields_string(value, o->message_id, sizeof(o->message_id));
	if (slice_eq_str(key, "CONFIG"))
		return fields_hash(&value, &o->config);
	if (slice_eq_str(key, "MESSAGE_CRC"))
		return fields_numbers(&value, 1, &crc);
	if (slice_eq_str(key, "ALERTS"))
		return read_range(value, o);
	if (slice_eq_str(key, "REPEAT"))
		return read_repeat(value, o);
	if (slice_eq_str(key, "RCPT"))
		return read_rcpt(value, o);
	if (slice_eq_str(key, "QUEUE")) {
		r = fields_name(&value, delivery_queues, DELIVERY_QUEUES, &name);
		o->queue = (enum delivery_queue_id)name;
		return r;
	}
	if (slice_eq_str(key, "CLASS")) {
		r = fields_name(&value, delivery_queues, DELIVERY_CLASSES, &name);
		o->class = (enum delivery_queue_id)name;
		return r;
	}
	if (slice_eq_str(key, "STYLE")) {
		r = fields_name(&value, styles, ARRAY_SIZE(styles), &name);
		o->style = (enum message_style)name;
		return r;
	}
	if (slice_eq_str(key, "ONE_RCPT"))
		o->one_rcpt = slice_eq_str(value, "1");
	return 0;
}

/* *text is then the message. -EINVAL: damaged; -ENOMEM. */
static int read_head(struct slice *text, struct spool_message *o)
{
	AUTO_FIELDS struct fields_reader f;
	struct slice key, value;
	uint64_t crc = UINT64_MAX;
	int r = fields_open(&f, *text, MAGIC, text);

	if (r != 0 || !slice_skip(text, "\n"))
		return -EINVAL;
	while ((r = fields_next(&f, &key, &value)) > 0) {
		r = read_field(key, value, o, &crc);
		if (r < 0)
			return r;
	}
	if (r == 0 && (o->n_rcpts == 0 || text->n == 0 || hash_crc32(0, text->p, text->n) != crc))
		r = -EINVAL;
	return r;
}

int spool_read(struct slice text, const char *name, struct spool_message **ret, struct error *err)
{
	AUTO_SPOOL_MESSAGE struct spool_message *o = spool_new();
	int r;

	if (!o)
		return -ENOMEM;
	if (text.n < HEAD_OFFSET || !slice_starts_with(text, DOUBT) ||
	    text.p[DOUBT_OFFSET + 1] != '\n') {
		error_set(err, name, 1, 0, "not a frozen message of this version");
		return SPOOL_E_DAMAGED;
	}
	/* Whatever the byte is: a doubt costs a second copy at most. */
	o->in_doubt = text.p[DOUBT_OFFSET] != '0';
	text = slice_from(text, HEAD_OFFSET);
	r = read_head(&text, o);
	if (r == 0)
		r = buffer_append_slice(&o->mail, text);
	if (r == -ENOMEM)
		return r;
	if (r < 0) {
		error_set(err, name, 0, 0, "damaged");
		return SPOOL_E_DAMAGED;
	}
	*ret = STEAL_PTR(o);
	return 0;
}

int spool_prepare(int dirfd)
{
	if (mkdirat(dirfd, SPOOL_DIR, 0750) < 0)
		return errno == EEXIST ? 0 : -errno;
	return fsync(dirfd) < 0 ? -errno : 0;
}

/* file_replace() makes the directory durable that it writes to. */
static int open_spool(int dirfd)
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
	AUTO_CLOSE int spool = -1;
	int r;

	r = spool_write(o, &text);
	if (r < 0)
		return r;
	spool = open_spool(dirfd);
	if (spool < 0)
		return spool;
	return file_replace(spool, base_name(name), buffer_slice(&text));
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
