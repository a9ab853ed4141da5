/* The journal files that sd_journal(3) has open: it skips others, and reports nothing. */
#pragma once

#include <stddef.h>
#include <sys/types.h>

#include "source/journal/live.h"

struct opened_file {
	int fd;
	dev_t dev;
	ino_t ino;
};

/*
 * The files that this process has open, without those that only @live holds; *ret is to be freed.
 * -ENOMEM; -errno of opendir(3).
 */
int opened_list(const struct live *live, struct opened_file **ret, size_t *ret_n);

bool opened_has(const struct opened_file *list, size_t n, dev_t dev, ino_t ino);
