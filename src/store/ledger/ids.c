/*
 * Linear probing at a load of three quarters at most. Ids are FNV hashes of what journald and the
 * log's writers chose; the last step of FNV mixes little into the upper half, so both halves are
 * multiplied once more before their upper bits pick a slot.
 */
#include "store/ledger/ids.h"

#include <errno.h>
#include <stdlib.h>

#include "base/number.h"

#define SLOTS_MIN 64

int ledger_id_parse(struct slice text, struct hash128 *ret)
{
	struct hash128 id;

	if (text.n != 32 ||
	    number_parse_hex((struct slice){text.p, 16}, UINT64_MAX, &id.high) < 0 ||
	    number_parse_hex((struct slice){text.p + 16, 16}, UINT64_MAX, &id.low) < 0)
		return -EINVAL;
	*ret = id;
	return 0;
}

void ledger_ids_done(struct ledger_ids *s)
{
	free(s->slots);
	*s = (struct ledger_ids){0};
}

static bool is_zero(struct hash128 id)
{
	return id.high == 0 && id.low == 0;
}

/* The slot that holds @id, or the unused one for it. */
static struct hash128 *find(struct hash128 *slots, size_t n_slots, struct hash128 id)
{
	uint64_t mixed = (id.high ^ (id.low >> 32)) * UINT64_C(0x9e3779b97f4a7c15) ^
			 id.low * UINT64_C(0xbf58476d1ce4e5b9);
	size_t i = (size_t)(mixed >> 32) & (n_slots - 1);

	while (!is_zero(slots[i]) && !hash128_eq(slots[i], id))
		i = (i + 1) & (n_slots - 1);
	return &slots[i];
}

int ledger_ids_reserve(struct ledger_ids *s)
{
	size_t n_slots = s->n_slots ? s->n_slots * 2 : SLOTS_MIN;
	struct hash128 *slots;

	if ((s->n + 1) * 4 <= s->n_slots * 3)
		return 0;
	slots = calloc(n_slots, sizeof(*slots));
	if (!slots)
		return -ENOMEM;
	for (size_t i = 0; i < s->n_slots; i++)
		if (!is_zero(s->slots[i]))
			*find(slots, n_slots, s->slots[i]) = s->slots[i];
	free(s->slots);
	s->slots = slots;
	s->n_slots = n_slots;
	return 0;
}

void ledger_ids_add(struct ledger_ids *s, struct hash128 id)
{
	struct hash128 *slot;

	if (is_zero(id)) {
		s->zero = true;
		return;
	}
	slot = find(s->slots, s->n_slots, id);
	if (is_zero(*slot)) {
		*slot = id;
		s->n++;
	}
}

bool ledger_ids_has(const struct ledger_ids *s, struct hash128 id)
{
	if (is_zero(id))
		return s->zero;
	return s->n_slots > 0 && !is_zero(*find(s->slots, s->n_slots, id));
}
