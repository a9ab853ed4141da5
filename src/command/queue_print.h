/* The queue for people, and as JSON. The results are exit statuses. */
#pragma once

#include "command/queue_list.h"

/*
 * What waits and was given up, destination by destination; only alerts whose id begins with @id,
 * which may be empty. STATUS_TEMPFAIL while any waits; STATUS_FAILED where parts are damaged.
 */
int queue_print_list(struct queue *q, const struct options *options, struct slice id);

/* All that is known of one alert, and how it stands. */
int queue_print_alert(struct queue *q, const char *id);
