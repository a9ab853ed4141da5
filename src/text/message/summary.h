/*
 * The alerts of one message, their sums, and what they have in common. Private to text/message.
 */
#pragma once

#include "text/message/options.h"
#include "text/message/tally.h"

struct summary {
	const struct alert *alerts;
	size_t n;
	const struct message_options *options;
	struct tally users, addresses, hosts, uids;
	uint64_t of_kind[ALERT_KINDS]; /* logins and records, not alerts */
	uint64_t unreadable;	       /* logins among them */
	uint64_t delay;		       /* of the oldest; 0: none */
};

/* The arguments must outlive it. Needs summary_done(), after a failure too. -ENOMEM. */
int summary_init(struct summary *s, const struct alert *alerts, size_t n,
		 const struct message_options *options);
void summary_done(struct summary *s);
#define AUTO_SUMMARY CLEANUP(summary_done)

/* Fields of an alert, absent unless they are facts; @options is a struct message_options. */
struct slice summary_user(const struct alert *a, const void *options);
struct slice summary_address(const struct alert *a, const void *options);
struct slice summary_method(const struct alert *a, const void *options);
struct slice summary_key(const struct alert *a, const void *options);
struct slice summary_host(const struct alert *a, const void *options);

/* The value that all alerts have in common; absent if they differ, or one has none. */
struct slice summary_common(const struct summary *s, tally_field field);
