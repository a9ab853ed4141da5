/* The queue for people, and as JSON. The results are exit statuses. */
#pragma once

#include "command/state_view.h"
#include "store/ledger/reader.h"

/*
 * What waits and was given up, destination by destination; only alerts whose id begins with @id,
 * which may be empty. STATUS_TEMPFAIL while any waits; STATUS_FAILED if parts are damaged.
 */
int queue_print_list(struct state_view *s, const struct options *options, struct slice id);

/* All that is known of one alert, and why it waits. */
int queue_print_alert(struct state_view *s, const char *id);

/* As ledger_each(); damaged blocks are logged once and make the view faulty. */
int queue_walk(struct state_view *s, ledger_alert each, void *userdata);

/* Whether the alert's id begins so. */
static inline bool queue_has_id(const struct alert *a, struct slice begin)
{
	return a->id.n >= begin.n && memcmp(a->id.p, begin.p, begin.n) == 0;
}
