/*
 * One alert in words: as a title, as a line of a list, and in full. Private to text/message.
 */
#pragma once

#include "text/alert.h"
#include "text/message/options.h"
#include "text/message/writer.h"

/* What was told of how many logins or records: never 0. */
uint64_t describe_events(const struct alert *a);

/* Whether it sums up what came in an interval, of a kind that was told of before. */
bool describe_is_summary(const struct alert *a);

/* Whether it tells of a login that could be read: only then its fields are facts. */
bool describe_is_known_login(const struct alert *a);

/* When it happened, as far as that is known; 0: not at all. */
uint64_t describe_time(const struct alert *a);

/* How late it is told; 0 where that is no delay. */
uint64_t describe_delay(const struct alert *a, uint64_t now_usec);

/* Where it happened. */
struct slice describe_host(const struct alert *a, const struct message_options *options);

/* Whether its user, address and the like are facts that may stand in a mail of this style. */
bool describe_shows_fields(const struct alert *a, const struct message_options *options);

/* "SSH login: root from 203.0.113.9", with long values shortened. */
void describe_title(struct writer *w, const struct alert *a, const struct message_options *options);

enum describe_hosts { DESCRIBE_ONE_HOST, DESCRIBE_SEVERAL_HOSTS };

/* "2026-11-23 05:05:06 root from 203.0.113.9 by publickey", and a newline. */
void describe_line(struct writer *w, const struct alert *a, const struct message_options *options,
		   enum describe_hosts hosts);

/* All that is known of it, in lines "name: value". */
void describe_full(struct writer *w, const struct alert *a, const struct message_options *options);
