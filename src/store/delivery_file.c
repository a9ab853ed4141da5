/*
 * The file "delivery" as text. Reading takes all or nothing: a file whose CRC is wrong, or that
 * says what cannot be, is damaged as a whole, since half a truth about what was mailed would lose
 * alerts. Unknown keys are skipped, so that an older program reads a newer file.
 */
#include "store/delivery_file.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/number.h"
#include "store/fields.h"
#include "store/file.h"

#define MAGIC	   "LOGINBELL_DELIVERY=1\n"
#define CRC_LENGTH 13 /* "CRC=xxxxxxxx\n" */

static int put_text(struct buffer *ret, const char *key, const char *value)
{
	int r;

	if (!value[0])
		return 0;
	r = buffer_printf(ret, "%s=", key);
	if (r == 0)
		r = alert_escape(slice_of(value), ret);
	return r < 0 ? r : buffer_append_char(ret, '\n');
}

static int put_exception(struct buffer *ret, const struct delivery_held *x)
{
	return buffer_printf(ret,
			     "EXCEPTION=%s %s %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64
			     " %" PRIu64 " %" PRIu64 "%s%s\n",
			     delivery_state_text(x->state), delivery_queue_text(x->class), x->first,
			     x->last, x->tries, x->waited_usec, x->last_try_usec, x->next_try_usec,
			     x->rcpt ? " " : "", x->rcpt ? x->rcpt : "");
}

static int put_destination(struct buffer *ret, const struct delivery_destination *dest)
{
	int r;

	r = buffer_append_str(ret, "DESTINATION=");
	if (r == 0)
		r = alert_escape(slice_of(dest->name), ret);
	if (r == 0)
		r = buffer_append_char(ret, '\n');
	for (int i = 0; r == 0 && i < DELIVERY_QUEUES; i++) {
		const struct delivery_queue *l = &dest->queues[i];

		r = buffer_printf(ret,
				  "LANE=%s %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64
				  " %" PRIu64 "\n",
				  delivery_queue_text((enum delivery_queue_name)i), l->done_up_to,
				  l->serial, l->last_mail_usec, l->tries, l->last_try_usec,
				  l->next_try_usec);
	}
	for (size_t i = 0; r == 0 && i < dest->n_held; i++)
		r = put_exception(ret, &dest->held[i]);
	for (size_t i = 0; r == 0 && i < dest->n_repeats; i++) {
		const struct delivery_repeat *p = &dest->repeats[i];

		r = buffer_printf(ret,
				  "REPEAT=%016" PRIx64 "%016" PRIx64 " %" PRIu64 " %" PRIu64
				  " %" PRIu64 " %" PRIu64 "\n",
				  p->key.high, p->key.low, p->start_usec, p->count, p->first_seq,
				  p->last_seq);
	}
	for (size_t i = 0; r == 0 && i < dest->n_dropped; i++)
		r = buffer_printf(ret, "DROPPED=%s %" PRIu64 "\n",
				  delivery_queue_text(dest->dropped[i].class),
				  dest->dropped[i].seq);
	if (r == 0 && dest->sequence > 0)
		r = buffer_printf(ret, "SEQUENCE=%" PRIu64 "\n", dest->sequence);
	if (r == 0 && dest->unreported > 0)
		r = buffer_printf(ret, "UNTOLD=%" PRIu64 "\n", dest->unreported);
	if (r == 0)
		r = put_text(ret, "REPLY", dest->reply);
	if (r == 0)
		r = put_text(ret, "MAILED", dest->mailed);
	return r < 0 ? r : put_text(ret, "FAILURE", dest->failure);
}

int delivery_write(const struct delivery *d, struct buffer *ret)
{
	size_t begin = ret->len;
	int r;

	r = buffer_printf(ret, MAGIC "LEDGER=%s\n", d->ledger_id);
	for (size_t i = 0; r == 0 && i < d->n_destinations; i++)
		r = put_destination(ret, &d->destinations[i]);
	if (r < 0)
		return r;
	return buffer_printf(ret, "CRC=%08" PRIx32 "\n",
			     hash_crc32(0, ret->data + begin, ret->len - begin));
}

/* Takes off the CRC's line. */
static int check_crc(struct slice *text)
{
	struct slice line;
	uint64_t crc;

	if (text->n < CRC_LENGTH)
		return -EINVAL;
	line = slice_from(*text, text->n - CRC_LENGTH);
	if (!slice_starts_with(line, "CRC=") || line.p[CRC_LENGTH - 1] != '\n' ||
	    number_parse_hex((struct slice){line.p + 4, 8}, UINT32_MAX, &crc) < 0)
		return -EINVAL;
	text->n -= CRC_LENGTH;
	return hash_crc32(0, text->p, text->n) == crc ? 0 : -EINVAL;
}

static int read_name(struct slice word, const char *(*text)(int), int n, int *ret)
{
	for (int i = 0; i < n; i++) {
		if (slice_eq_str(word, text(i))) {
			*ret = i;
			return 0;
		}
	}
	return -EINVAL;
}

static const char *queue_text(int i)
{
	return delivery_queue_text((enum delivery_queue_name)i);
}

static const char *state_text(int i)
{
	return delivery_state_text((enum delivery_state)i);
}

static int read_queue(struct slice line, struct delivery_destination *dest)
{
	struct delivery_queue l = {0};
	int queue, r;

	r = read_name(fields_word(&line), queue_text, DELIVERY_QUEUES, &queue);
	if (r == 0)
		r = fields_numbers(&line, 6,
				   (uint64_t *[]){&l.done_up_to, &l.serial, &l.last_mail_usec,
						  &l.tries, &l.last_try_usec, &l.next_try_usec});
	if (r == 0)
		dest->queues[queue] = l;
	return r;
}

static int read_exception(struct slice line, struct delivery_destination *dest)
{
	AUTO_FREE char *rcpt = NULL;
	struct delivery_held x = {0};
	int state, class, r;

	r = read_name(fields_word(&line), state_text, DELIVERY_STATES, &state);
	if (r == 0)
		r = read_name(fields_word(&line), queue_text, DELIVERY_CLASSES, &class);
	if (r == 0)
		r = fields_numbers(&line, 6,
				   (uint64_t *[]){&x.first, &x.last, &x.tries, &x.waited_usec,
						  &x.last_try_usec, &x.next_try_usec});
	if (r < 0)
		return r;
	if (state < DELIVERY_DEFERRED || x.first == 0 || x.last < x.first)
		return -EINVAL;
	if (line.n > 0) {
		if (memchr(line.p, '\0', line.n))
			return -EINVAL;
		rcpt = strndup(line.p, line.n);
		if (!rcpt)
			return -ENOMEM;
	}
	x.state = (enum delivery_state)state;
	x.class = (enum delivery_queue_name) class;
	x.rcpt = rcpt;
	return delivery_hold(dest, &x);
}

static int read_repeat(struct slice line, struct delivery_destination *dest)
{
	struct delivery_repeat p = {0}, *at;
	int r;

	r = fields_hash(&line, &p.key);
	if (r == 0)
		r = fields_numbers(
			&line, 4,
			(uint64_t *[]){&p.start_usec, &p.count, &p.first_seq, &p.last_seq});
	if (r < 0)
		return r;
	at = delivery_repeat_add(dest, p.key);
	if (!at)
		return dest->n_repeats >= DELIVERY_REPEATS_MAX ? -EINVAL : -ENOMEM;
	*at = p;
	return 0;
}

static int read_dropped(struct slice line, struct delivery_destination *dest)
{
	uint64_t seq;
	int class, r;

	r = read_name(fields_word(&line), queue_text, DELIVERY_CLASSES, &class);
	if (r == 0)
		r = fields_numbers(&line, 1, (uint64_t *[]){&seq});
	return r < 0 ? r : delivery_drop(dest, (enum delivery_queue_name) class, seq);
}

/* Unescapes into @ret, NUL-terminated. */
static int read_text(struct slice line, char *ret, size_t size)
{
	AUTO_BUFFER struct buffer text = BUFFER_INIT(size - 1);
	int r = alert_unescape(line, &text);

	if (r < 0)
		return r;
	if (text.len > 0 && memchr(text.data, '\0', text.len))
		return -EINVAL;
	(void)snprintf(ret, size, "%.*s", (int)text.len, text.len ? text.data : "");
	return 0;
}

static int read_line(struct slice line, struct delivery *d, struct delivery_destination **dest)
{
	struct slice key;
	int r;

	r = fields_key(&line, &key);
	if (r < 0)
		return r;
	if (slice_eq_str(key, "LEDGER"))
		return read_text(line, d->ledger_id, sizeof(d->ledger_id));
	if (slice_eq_str(key, "DESTINATION")) {
		char name[4096];

		r = read_text(line, name, sizeof(name));
		if (r < 0)
			return r;
		if (delivery_find(d, name))
			return -EINVAL;
		*dest = delivery_add(d, name);
		return *dest ? 0 : -ENOMEM;
	}
	if (!*dest)
		return -EINVAL;
	if (slice_eq_str(key, "LANE"))
		return read_queue(line, *dest);
	if (slice_eq_str(key, "EXCEPTION"))
		return read_exception(line, *dest);
	if (slice_eq_str(key, "REPEAT"))
		return read_repeat(line, *dest);
	if (slice_eq_str(key, "DROPPED"))
		return read_dropped(line, *dest);
	if (slice_eq_str(key, "SEQUENCE"))
		return fields_numbers(&line, 1, (uint64_t *[]){&(*dest)->sequence});
	if (slice_eq_str(key, "UNTOLD"))
		return fields_numbers(&line, 1, (uint64_t *[]){&(*dest)->unreported});
	if (slice_eq_str(key, "REPLY"))
		return read_text(line, (*dest)->reply, sizeof((*dest)->reply));
	if (slice_eq_str(key, "MAILED"))
		return read_text(line, (*dest)->mailed, sizeof((*dest)->mailed));
	if (slice_eq_str(key, "FAILURE"))
		return read_text(line, (*dest)->failure, sizeof((*dest)->failure));
	return 0;
}

int delivery_read(struct slice text, struct delivery **ret, struct error *err)
{
	AUTO_DELIVERY struct delivery *d = delivery_new();
	struct delivery_destination *dest = NULL;
	unsigned number = 1;
	struct slice line;
	int r;

	if (!d)
		return -ENOMEM;
	if (!slice_starts_with(text, MAGIC)) {
		error_set(err, DELIVERY_FILE, 1, 0, "not a delivery file of this version");
		return DELIVERY_E_DAMAGED;
	}
	if (check_crc(&text) < 0) {
		error_set(err, DELIVERY_FILE, 0, 0, "damaged: its checksum is wrong");
		return DELIVERY_E_DAMAGED;
	}
	text = slice_from(text, sizeof(MAGIC) - 1);
	while ((r = fields_line(&text, &line)) > 0) {
		number++;
		r = read_line(line, d, &dest);
		if (r < 0)
			break;
	}
	if (r == -ENOMEM)
		return r;
	if (r < 0) {
		error_set(err, DELIVERY_FILE, number, 0, "damaged: %.*s",
			  (int)(line.n < 80 ? line.n : 80), line.p);
		return DELIVERY_E_DAMAGED;
	}
	*ret = STEAL_PTR(d);
	return 0;
}

int delivery_save(int dirfd, const struct delivery *d)
{
	AUTO_BUFFER struct buffer text = BUFFER_INIT(DELIVERY_TEXT_MAX);
	int r;

	r = delivery_write(d, &text);
	if (r < 0)
		return r;
	return file_replace(dirfd, DELIVERY_FILE, buffer_slice(&text));
}

int delivery_load(int dirfd, struct delivery **ret, struct error *err)
{
	AUTO_BUFFER struct buffer text = BUFFER_INIT(DELIVERY_TEXT_MAX);
	int r;

	r = file_load(dirfd, DELIVERY_FILE, &text);
	if (r == -ENOENT)
		return DELIVERY_E_NONE;
	if (r == -E2BIG) {
		error_set(err, DELIVERY_FILE, 0, 0, "damaged: too large");
		return DELIVERY_E_DAMAGED;
	}
	if (r < 0)
		return r;
	return delivery_read(buffer_slice(&text), ret, err);
}
