/*
 * One alert in words: as a title, as a line of a list, and in full. Private to text/message.
 */
#pragma once

#include "text/alert.h"
#include "text/message/options.h"
#include "text/message/writer.h"

/* How many logins or records it reports: never 0. */
uint64_t describe_events(const struct alert *a);

/* Whether it is the summary of an interval's repeats. */
bool describe_is_summary(const struct alert *a);

/* Whether it reports a readable login: only then its fields are facts. */
bool describe_is_known_login(const struct alert *a);

/* When it happened, or was recorded; 0: unknown. */
uint64_t describe_time(const struct alert *a);

/* How late it is reported; 0: not late. */
uint64_t describe_delay(const struct alert *a, uint64_t now_usec);

/* Where it happened. */
struct slice describe_host(const struct alert *a, const struct message_options *options);

/* Whether user, address and the like are facts that a message of this style may contain. */
bool describe_shows_fields(const struct alert *a, const struct message_options *options);

/* "SSH login: root from 203.0.113.9", with long values shortened. */
void describe_title(struct writer *w, const struct alert *a, const struct message_options *options);

enum describe_hosts { DESCRIBE_ONE_HOST, DESCRIBE_SEVERAL_HOSTS };

/* "2026-11-23 05:05:06 root from 203.0.113.9 by publickey", and a newline. */
void describe_line(struct writer *w, const struct alert *a, const struct message_options *options,
		   enum describe_hosts hosts);

/* Everything that is known of it, in lines "name: value". */
void describe_full(struct writer *w, const struct alert *a, const struct message_options *options);
