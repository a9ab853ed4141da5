/*
 * Held alerts are few (what a server refused), so they are a list that is walked. Repeats may be
 * many (one a distinct login within RepeatInterval=) and are sorted by their key.
 */
#include "store/delivery.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

struct delivery *delivery_new(void)
{
	return calloc(1, sizeof(struct delivery));
}

static void destination_done(struct delivery_destination *dest)
{
	for (size_t i = 0; i < dest->n_held; i++)
		free(dest->held[i].rcpt);
	free(dest->held);
	free(dest->repeats);
	free(dest->dropped);
	free(dest->name);
}

struct delivery *delivery_free(struct delivery *d)
{
	if (!d)
		return NULL;
	for (size_t i = 0; i < d->n_destinations; i++)
		destination_done(&d->destinations[i]);
	free(d->destinations);
	free(d);
	return NULL;
}

const char *const delivery_queues[DELIVERY_QUEUES] = {"login", "forged", "retry"};

const char *const delivery_states[DELIVERY_STATES] = {"done", "waiting", "deferred", "refused",
						      "given-up"};

enum delivery_queue_name delivery_class(enum alert_kind kind)
{
	return kind == ALERT_FORGED ? DELIVERY_FORGED : DELIVERY_LOGIN;
}

struct delivery_destination *delivery_find(const struct delivery *d, const char *name)
{
	for (size_t i = 0; i < d->n_destinations; i++)
		if (strcmp(d->destinations[i].name, name) == 0)
			return &d->destinations[i];
	return NULL;
}

struct delivery_destination *delivery_add(struct delivery *d, const char *name)
{
	AUTO_FREE char *copy = strdup(name);
	struct delivery_destination *list;

	if (!copy)
		return NULL;
	list = reallocarray(d->destinations, d->n_destinations + 1, sizeof(*list));
	if (!list)
		return NULL;
	d->destinations = list;
	list += d->n_destinations++;
	*list = (struct delivery_destination){.name = STEAL_PTR(copy)};
	return list;
}

void delivery_remove(struct delivery *d, struct delivery_destination *dest)
{
	size_t at = (size_t)(dest - d->destinations);

	destination_done(dest);
	memmove(dest, dest + 1, (d->n_destinations - at - 1) * sizeof(*dest));
	d->n_destinations--;
}

static bool same_rcpt(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

static uint64_t min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Appends a copy. */
static int append_held(struct delivery_destination *dest, const struct delivery_held *x)
{
	AUTO_FREE char *rcpt = x->rcpt ? strdup(x->rcpt) : NULL;
	struct delivery_held copy = *x, *list;

	if (x->rcpt && !rcpt)
		return -ENOMEM;
	list = reallocarray(dest->held, dest->n_held + 1, sizeof(*list));
	if (!list)
		return -ENOMEM;
	copy.rcpt = STEAL_PTR(rcpt);
	dest->held = list;
	list[dest->n_held++] = copy;
	return 0;
}

int delivery_hold(struct delivery_destination *dest, const struct delivery_held *e)
{
	for (size_t i = 0; i < dest->n_held; i++) {
		struct delivery_held *x = &dest->held[i];

		if (x->state != e->state || x->class != e->class || !same_rcpt(x->rcpt, e->rcpt) ||
		    x->last + 1 < e->first || e->last + 1 < x->first)
			continue;
		x->first = min_u64(x->first, e->first);
		x->last = x->last > e->last ? x->last : e->last;
		x->tries = min_u64(x->tries, e->tries);
		x->waited_usec = min_u64(x->waited_usec, e->waited_usec);
		if (e->next_try_usec < x->next_try_usec) {
			x->last_try_usec = e->last_try_usec;
			x->next_try_usec = e->next_try_usec;
		}
		return 0;
	}
	return append_held(dest, e);
}

int delivery_release(struct delivery_destination *dest, enum delivery_queue_name class,
		     const char *rcpt, uint64_t first, uint64_t last)
{
	for (size_t i = 0; i < dest->n_held;) {
		struct delivery_held *x = &dest->held[i];
		struct delivery_held rest = *x;
		int r;

		if (x->class != class || !same_rcpt(x->rcpt, rcpt) || x->last < first ||
		    last < x->first) {
			i++;
			continue;
		}
		if (first <= x->first && x->last <= last) {
			free(x->rcpt);
			*x = dest->held[--dest->n_held];
			continue;
		}
		if (x->first < first && last < x->last) {
			rest.first = last + 1;
			r = append_held(dest, &rest);
			if (r < 0)
				return r;
			dest->held[i].last = first - 1;
		} else if (x->first < first)
			x->last = first - 1;
		else
			x->first = last + 1;
		i++;
	}
	return 0;
}

bool delivery_is_dropped(const struct delivery_destination *dest, enum delivery_queue_name class,
			 uint64_t seq)
{
	for (size_t i = 0; i < dest->n_dropped; i++)
		if (dest->dropped[i].seq == seq && dest->dropped[i].class == class)
			return true;
	return false;
}

/* The first entry that holds the alert in this state; with DELIVERY_STATES, in any. */
static struct delivery_held *held_in(const struct delivery_destination *dest,
				     enum delivery_state state, enum delivery_queue_name class,
				     uint64_t seq)
{
	for (size_t i = 0; i < dest->n_held; i++) {
		struct delivery_held *x = &dest->held[i];

		if (x->class == class && x->first <= seq && seq <= x->last &&
		    (state == DELIVERY_STATES || x->state == state))
			return x;
	}
	return NULL;
}

/* Releases the alert for the recipient of @x, which *ret_rcpt then owns. */
static int release_one(struct delivery_destination *dest, const struct delivery_held *x,
		       uint64_t seq, char **ret_rcpt)
{
	AUTO_FREE char *rcpt = x->rcpt ? strdup(x->rcpt) : NULL;
	int r;

	if (x->rcpt && !rcpt)
		return -ENOMEM;
	r = delivery_release(dest, x->class, rcpt, seq, seq);
	if (r == 0)
		*ret_rcpt = STEAL_PTR(rcpt);
	return r;
}

int delivery_drop(struct delivery_destination *dest, enum delivery_queue_name class, uint64_t seq)
{
	const struct delivery_held *x;

	if (seq > dest->queues[class].done_up_to && !delivery_is_dropped(dest, class, seq)) {
		struct delivery_dropped *list =
			reallocarray(dest->dropped, dest->n_dropped + 1, sizeof(*list));

		if (!list)
			return -ENOMEM;
		dest->dropped = list;
		list[dest->n_dropped++] = (struct delivery_dropped){class, seq};
	}
	while ((x = held_in(dest, DELIVERY_STATES, class, seq))) {
		AUTO_FREE char *rcpt = NULL;
		int r = release_one(dest, x, seq, &rcpt);

		if (r < 0)
			return r;
	}
	return 0;
}

void delivery_drop_expire(struct delivery_destination *dest)
{
	for (size_t i = 0; i < dest->n_dropped;) {
		const struct delivery_dropped *p = &dest->dropped[i];

		if (p->seq > dest->queues[p->class].done_up_to)
			i++;
		else
			dest->dropped[i] = dest->dropped[--dest->n_dropped];
	}
}

int delivery_retry(struct delivery_destination *dest, enum delivery_queue_name class, uint64_t seq,
		   uint64_t now_usec)
{
	const struct delivery_held *x;
	int n = 0;

	while ((x = held_in(dest, DELIVERY_GIVEN_UP, class, seq))) {
		AUTO_FREE char *rcpt = NULL;
		struct delivery_held again = {.state = DELIVERY_DEFERRED,
					      .class = class,
					      .first = seq,
					      .last = seq,
					      .next_try_usec = now_usec};
		int r = release_one(dest, x, seq, &rcpt);

		again.rcpt = rcpt;
		if (r == 0)
			r = delivery_hold(dest, &again);
		if (r < 0)
			return r;
		n++;
	}
	return n;
}

enum delivery_state delivery_state_of(const struct delivery_destination *dest, enum alert_kind kind,
				      uint64_t seq)
{
	enum delivery_queue_name class = delivery_class(kind);
	enum delivery_state worst = DELIVERY_DONE;

	if (seq > dest->queues[class].done_up_to)
		return delivery_is_dropped(dest, class, seq) ? DELIVERY_DONE : DELIVERY_WAITING;
	for (size_t i = 0; i < dest->n_held; i++) {
		const struct delivery_held *x = &dest->held[i];

		if (x->class == class && x->first <= seq && seq <= x->last && x->state > worst)
			worst = x->state;
	}
	return worst;
}

bool delivery_set_ledger(struct delivery *d, const char *id)
{
	bool other = d->ledger_id[0] && id[0] && strcmp(d->ledger_id, id) != 0;

	for (size_t i = 0; other && i < d->n_destinations; i++) {
		struct delivery_destination *dest = &d->destinations[i];

		for (int c = 0; c < DELIVERY_CLASSES; c++)
			dest->queues[c].done_up_to = 0;
		for (size_t k = 0; k < dest->n_held; k++)
			free(dest->held[k].rcpt);
		dest->n_held = dest->n_repeats = dest->n_dropped = 0;
		dest->sequence = 0;
	}
	if (id[0])
		(void)snprintf(d->ledger_id, sizeof(d->ledger_id), "%s", id);
	return other;
}

struct hash128 delivery_repeat_key(const struct alert *a)
{
	const struct slice parts[] = {a->host, a->user, a->addr, a->method, a->fingerprint};
	struct hash128 h = hash_fnv_init();

	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		uint64_t n = parts[i].n;

		h = hash_fnv_add(h, &n, sizeof(n));
		h = hash_fnv_add(h, parts[i].p, parts[i].n);
	}
	return h;
}

static int compare_keys(struct hash128 a, struct hash128 b)
{
	if (a.high != b.high)
		return a.high < b.high ? -1 : 1;
	return a.low < b.low ? -1 : a.low > b.low;
}

/* The index of @key, or the one to insert it at. */
static size_t repeat_index(const struct delivery_destination *dest, struct hash128 key)
{
	size_t low = 0, high = dest->n_repeats;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (compare_keys(dest->repeats[mid].key, key) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

struct delivery_repeat *delivery_repeat_find(const struct delivery_destination *dest,
					     struct hash128 key)
{
	size_t at = repeat_index(dest, key);

	if (at == dest->n_repeats || !hash128_eq(dest->repeats[at].key, key))
		return NULL;
	return &dest->repeats[at];
}

struct delivery_repeat *delivery_repeat_add(struct delivery_destination *dest, struct hash128 key)
{
	size_t at = repeat_index(dest, key);
	struct delivery_repeat *list = dest->repeats;

	if (at < dest->n_repeats && hash128_eq(list[at].key, key))
		return &list[at];
	if (dest->n_repeats >= DELIVERY_REPEATS_MAX)
		return NULL;
	if (dest->n_repeats == dest->cap_repeats) {
		size_t cap = dest->cap_repeats ? dest->cap_repeats * 2 : 16;

		list = reallocarray(list, cap, sizeof(*list));
		if (!list)
			return NULL;
		dest->repeats = list;
		dest->cap_repeats = cap;
	}
	memmove(&list[at + 1], &list[at], (dest->n_repeats - at) * sizeof(*list));
	dest->n_repeats++;
	list[at] = (struct delivery_repeat){.key = key};
	return &list[at];
}

void delivery_repeat_expire(struct delivery_destination *dest, uint64_t start_usec)
{
	size_t n = 0;

	for (size_t i = 0; i < dest->n_repeats; i++)
		if (dest->repeats[i].count > 0 || dest->repeats[i].start_usec >= start_usec)
			dest->repeats[n++] = dest->repeats[i];
	dest->n_repeats = n;
	if (n == 0) {
		free(dest->repeats);
		dest->repeats = NULL;
		dest->cap_repeats = 0;
	}
}
