/* The mails that alerts would make, printed on standard output: scan --dry-run. */
#pragma once

#include "text/alert.h"
#include "text/config.h"

struct preview;

/* NULL when out of memory; preview_free() takes NULL and gives it. */
struct preview *preview_new(const struct config *config);
struct preview *preview_free(struct preview *p);

/* Takes a copy of @a; prints a mail when one is full. -errno. */
int preview_add(struct preview *p, const struct alert *a);

/* Prints the rest. -errno. */
int preview_finish(struct preview *p);
