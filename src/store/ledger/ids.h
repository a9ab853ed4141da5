/* A set of alert ids: 16 bytes each in one open-addressed table. Private to ledger_writer. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/hash.h"
#include "base/slice.h"

struct ledger_ids {
	struct hash128 *slots; /* an unused one is all zero */
	size_t n_slots;	       /* a power of two, or 0 */
	size_t n;
	bool zero; /* the id that is all zero is in the set */
};

/* 32 hex digits. -EINVAL. */
int ledger_id_parse(struct slice text, struct hash128 *ret);

void ledger_ids_done(struct ledger_ids *s);

/* Makes room for one more, so that the next ledger_ids_add() cannot fail. -ENOMEM. */
int ledger_ids_reserve(struct ledger_ids *s);
void ledger_ids_add(struct ledger_ids *s, struct hash128 id);
bool ledger_ids_has(const struct ledger_ids *s, struct hash128 id);
