/* The destinations of a configuration, while the sender runs. */
#pragma once

#include "deliver/sender.h"

/* One for each of @config, and its place in s->delivery. -ENOMEM. */
int targets_make(struct sender *s, const struct config *config, struct target **ret);
void targets_free(struct target *targets, size_t n);

/* Forget destinations, and recipients of one, that are configured no more. */
void targets_drop_unconfigured(struct sender *s);
void targets_drop_rcpts(struct sender *s, const struct target *t);
