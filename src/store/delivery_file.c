/*
 * It is read as a whole or not at all: a file whose checksum is wrong, or that says what cannot be,
 * is damaged, since half of what was sent would lose alerts.
 */
#include "store/delivery_file.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "store/fields.h"
#include "store/file.h"

#define MAGIC "LOGINBELL_DELIVERY=1"

static void put_held(struct fields_writer *w, const struct delivery_held *x)
{
	fields_add(w, "HELD",
		   "%s %s %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64
		   "%s%s",
		   delivery_states[x->state], delivery_queues[x->class], x->first, x->last,
		   x->tries, x->waited_usec, x->last_try_usec, x->next_try_usec, x->rcpt ? " " : "",
		   x->rcpt ? x->rcpt : "");
}

static void put_text(struct fields_writer *w, const char *key, const char *text)
{
	if (text[0])
		fields_add(w, key, "%s", text);
}

static void put_number(struct fields_writer *w, const char *key, uint64_t n)
{
	if (n > 0)
		fields_add(w, key, "%" PRIu64, n);
}

static void put_destination(struct fields_writer *w, const struct delivery_destination *dest)
{
	fields_add(w, "DESTINATION", "%s", dest->name);
	for (int i = 0; i < DELIVERY_QUEUES; i++) {
		const struct delivery_queue *q = &dest->queues[i];

		fields_add(w, "QUEUE",
			   "%s %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64
			   " %" PRIu64,
			   delivery_queues[i], q->done_up_to, q->serial, q->last_mail_usec,
			   q->tries, q->last_try_usec, q->next_try_usec);
	}
	for (size_t i = 0; i < dest->n_held; i++)
		put_held(w, &dest->held[i]);
	for (size_t i = 0; i < dest->n_repeats; i++) {
		const struct delivery_repeat *p = &dest->repeats[i];
		char key[HASH128_HEX];

		fields_add(w, "REPEAT", "%s %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64,
			   hash128_hex(p->key, key), p->start_usec, p->count, p->first_seq,
			   p->last_seq);
	}
	for (size_t i = 0; i < dest->n_dropped; i++)
		fields_add(w, "DROPPED", "%s %" PRIu64, delivery_queues[dest->dropped[i].class],
			   dest->dropped[i].seq);
	put_number(w, "SEQUENCE", dest->sequence);
	put_number(w, "UNREPORTED", dest->unreported);
	put_text(w, "REPLY", dest->reply);
	put_text(w, "MESSAGE_ID", dest->mailed);
	put_text(w, "FAILURE", dest->failure);
}

int delivery_write(const struct delivery *d, struct buffer *ret)
{
	struct fields_writer w;

	fields_begin(&w, ret, MAGIC);
	fields_add(&w, "LEDGER", "%s", d->ledger_id);
	for (size_t i = 0; i < d->n_destinations; i++)
		put_destination(&w, &d->destinations[i]);
	return fields_end(&w);
}

static int read_queue(struct slice value, struct delivery_destination *dest)
{
	struct delivery_queue q = {0};
	unsigned name;
	int r = fields_name(&value, delivery_queues, DELIVERY_QUEUES, &name);

	if (r == 0)
		r = fields_numbers(&value, 6,
				   (uint64_t *[]){&q.done_up_to, &q.serial, &q.last_mail_usec,
						  &q.tries, &q.last_try_usec, &q.next_try_usec});
	if (r == 0)
		dest->queues[name] = q;
	return r;
}

static int read_held(struct slice value, struct delivery_destination *dest)
{
	AUTO_FREE char *rcpt = NULL;
	struct delivery_held x = {0};
	unsigned state, class;
	int r = fields_name(&value, delivery_states, DELIVERY_STATES, &state);

	if (r == 0)
		r = fields_name(&value, delivery_queues, DELIVERY_CLASSES, &class);
	if (r == 0)
		r = fields_numbers(&value, 6,
				   (uint64_t *[]){&x.first, &x.last, &x.tries, &x.waited_usec,
						  &x.last_try_usec, &x.next_try_usec});
	if (r < 0)
		return r;
	if (state < DELIVERY_DEFERRED || x.first == 0 || x.last < x.first)
		return -EINVAL;
	if (value.n > 0) {
		if (memchr(value.p, '\0', value.n))
			return -EINVAL;
		rcpt = strndup(value.p, value.n);
		if (!rcpt)
			return -ENOMEM;
	}
	x.state = (enum delivery_state)state;
	x.class = (enum delivery_queue_id) class;
	x.rcpt = rcpt;
	return delivery_hold(dest, &x);
}

static int read_repeat(struct slice value, struct delivery_destination *dest)
{
	struct delivery_repeat p = {0}, *at;
	int r = fields_hash(&value, &p.key);

	if (r == 0)
		r = fields_numbers(
			&value, 4,
			(uint64_t *[]){&p.start_usec, &p.count, &p.first_seq, &p.last_seq});
	if (r < 0)
		return r;
	at = delivery_repeat_add(dest, p.key);
	if (!at)
		return dest->n_repeats >= DELIVERY_REPEATS_MAX ? -EINVAL : -ENOMEM;
	*at = p;
	return 0;
}

static int read_dropped(struct slice value, struct delivery_destination *dest)
{
	unsigned class;
	uint64_t seq;
	int r = fields_name(&value, delivery_queues, DELIVERY_CLASSES, &class);

	if (r == 0)
		r = fields_numbers(&value, 1, (uint64_t *[]){&seq});
	return r < 0 ? r : delivery_drop(dest, (enum delivery_queue_id) class, seq);
}

static int read_destination(struct slice value, struct delivery *d,
			    struct delivery_destination **ret)
{
	char name[4096];
	int r = fields_string(value, name, sizeof(name));

	if (r < 0)
		return r;
	if (delivery_find(d, name))
		return -EINVAL;
	*ret = delivery_add(d, name);
	return *ret ? 0 : -ENOMEM;
}

static int read_field(struct slice key, struct slice value, struct delivery *d,
		      struct delivery_destination **dest)
{
	if (slice_eq_str(key, "LEDGER"))
		return fields_string(value, d->ledger_id, sizeof(d->ledger_id));
	if (slice_eq_str(key, "DESTINATION"))
		return read_destination(value, d, dest);
	if (!*dest)
		return -EINVAL;
	if (slice_eq_str(key, "QUEUE"))
		return read_queue(value, *dest);
	if (slice_eq_str(key, "HELD"))
		return read_held(value, *dest);
	if (slice_eq_str(key, "REPEAT"))
		return read_repeat(value, *dest);
	if (slice_eq_str(key, "DROPPED"))
		return read_dropped(value, *dest);
	if (slice_eq_str(key, "SEQUENCE"))
		return fields_numbers(&value, 1, (uint64_t *[]){&(*dest)->sequence});
	if (slice_eq_str(key, "UNREPORTED"))
		return fields_numbers(&value, 1, (uint64_t *[]){&(*dest)->unreported});
	if (slice_eq_str(key, "REPLY"))
		return fields_string(value, (*dest)->reply, sizeof((*dest)->reply));
	if (slice_eq_str(key, "MESSAGE_ID"))
		return fields_string(value, (*dest)->mailed, sizeof((*dest)->mailed));
	if (slice_eq_str(key, "FAILURE"))
		return fields_string(value, (*dest)->failure, sizeof((*dest)->failure));
	return 0;
}

int delivery_read(struct slice text, struct delivery **ret, struct error *err)
{
	AUTO_DELIVERY struct delivery *d = delivery_new();
	struct delivery_destination *dest = NULL;
	AUTO_FIELDS struct fields_reader f;
	struct slice key, value;
	int r = fields_open(&f, text, MAGIC, NULL);

	if (!d)
		return -ENOMEM;
	if (r != 0) {
		error_set(err, DELIVERY_FILE, 0, 0, "%s",
			  r == FIELDS_E_OTHER ? "not a delivery file of this version"
					      : "damaged: its checksum is wrong");
		return DELIVERY_E_DAMAGED;
	}
	while ((r = fields_next(&f, &key, &value)) > 0) {
		r = read_field(key, value, d, &dest);
		if (r < 0)
			break;
	}
	if (r == -ENOMEM)
		return r;
	if (r < 0) {
		error_set(err, DELIVERY_FILE, f.number, 0, "damaged: %.*s",
			  (int)(f.line.n < 80 ? f.line.n : 80), f.line.p);
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
