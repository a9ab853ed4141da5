/* Where reading of a collector's directory begins. */
#pragma once

#include "base/error.h"
#include "source/collector/hosts.h"

/*
 * Sets the places of the hosts as @options say; *ret_until_usec becomes the position's time if it
 * has one. 0; SOURCE_E_POSITION with *err set; -ENOMEM.
 */
int collector_begin(struct hosts *hs, const struct source_options *options,
		    uint64_t *ret_until_usec, struct error *err);
