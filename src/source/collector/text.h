/*
 * The place in a collector's directory as text: "collector until=USEC hosts=N:", and for each host
 * its name and its place in the journal of its files. Each of these follows a blank, its number of
 * bytes and ":", so that neither needs escaping. A record's position is the place in its host
 * alone: "collector host=", name and place.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"

#define COLLECTOR_POSITION_MAX ((size_t)16 << 20) /* bytes; some 50,000 hosts */

/* Whether a position's text is a collector's. */
bool collector_text_owns(struct slice text);

/* Each appends to the text: its head, a host, or all of a record's. -ENOMEM, -E2BIG. */
int collector_text_format_head(uint64_t until_usec, size_t hosts, struct buffer *ret);
int collector_text_format_host(const char *name, struct slice place, struct buffer *ret);
int collector_text_format_record(const char *name, struct slice place, struct buffer *ret);

/* A text that is being parsed; it refers to the text. */
struct collector_text {
	bool record;	     /* it is a record's position */
	uint64_t until_usec; /* of the head */
	uint64_t hosts;	     /* how many the head announces */
	uint64_t n;	     /* how many were parsed */
	struct slice rest;
};

/* 0; SOURCE_E_POSITION with *err set. */
int collector_text_parse(struct slice text, struct collector_text *ret, struct error *err);

/* The next host: 1, name and place (empty: its head); 0 at the end; -EINVAL. */
int collector_text_next(struct collector_text *t, struct slice *ret_name, struct slice *ret_place);
