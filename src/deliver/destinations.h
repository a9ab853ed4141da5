/* The destinations of a configuration, while the sender runs. */
#pragma once

#include "deliver/sender.h"

/* One for each of @config, and its place in s->delivery. -ENOMEM. */
int destinations_make(struct sender *s, const struct config *config, struct destination **ret);
void destinations_free(struct destination *destinations, size_t n);

/* Forget destinations, and recipients of one, that are configured no more. */
void destinations_drop_unconfigured(struct sender *s);
void destinations_drop_rcpts(struct sender *s, const struct destination *d);
