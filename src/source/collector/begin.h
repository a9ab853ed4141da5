/* Where reading of a collection begins. */
#pragma once

#include "base/error.h"
#include "source/collector/hosts.h"

/*
 * Gives the lanes their places, as @options say; *ret_until_usec is the position's time, if it has
 * one. 0; SOURCE_E_POSITION with *err set; -ENOMEM.
 */
int collection_begin(struct lanes *ls, const struct source_options *options,
		     uint64_t *ret_until_usec, struct error *err);
