/* Users, addresses, hosts and uids are each one tally over a field of all alerts. */
#include "text/message/summary.h"

#include "text/message/describe.h"

void summary_done(struct summary *s)
{
	tally_done(&s->users);
	tally_done(&s->addresses);
	tally_done(&s->hosts);
	tally_done(&s->uids);
}

#define ABSENT ((struct slice){NULL, 0})

struct slice summary_user(const struct alert *a, const void *options)
{
	return describe_shows_fields(a, options) ? a->user : ABSENT;
}

struct slice summary_address(const struct alert *a, const void *options)
{
	return describe_shows_fields(a, options) ? a->addr : ABSENT;
}

struct slice summary_method(const struct alert *a, const void *options)
{
	return describe_shows_fields(a, options) ? a->method : ABSENT;
}

struct slice summary_key(const struct alert *a, const void *options)
{
	return describe_shows_fields(a, options) ? a->fingerprint : ABSENT;
}

struct slice summary_host(const struct alert *a, const void *options)
{
	return describe_host(a, options);
}

static struct slice uid_of(const struct alert *a, const void *options)
{
	(void)options;
	return a->kind == ALERT_FORGED && a->uid_known
		       ? (struct slice){(const char *)&a->uid, sizeof(a->uid)}
		       : ABSENT;
}

int summary_init(struct summary *s, const struct alert *alerts, size_t n,
		 const struct message_options *options)
{
	int r;

	*s = (struct summary){.alerts = alerts, .n = n, .options = options};
	for (size_t i = 0; i < n; i++) {
		uint64_t delay = describe_delay(&alerts[i], options->now_usec);

		s->of_kind[alerts[i].kind] += describe_events(&alerts[i]);
		if (alerts[i].kind == ALERT_LOGIN && !alerts[i].readable)
			s->unreadable += describe_events(&alerts[i]);
		if (delay > s->delay)
			s->delay = delay;
	}
	r = tally_make(alerts, n, summary_user, options, describe_events, &s->users);
	if (r == 0)
		r = tally_make(alerts, n, summary_address, options, describe_events, &s->addresses);
	if (r == 0)
		r = tally_make(alerts, n, summary_host, options, describe_events, &s->hosts);
	if (r == 0)
		r = tally_make(alerts, n, uid_of, options, describe_events, &s->uids);
	return r;
}

struct slice summary_common(const struct summary *s, tally_field field)
{
	struct slice first = s->n > 0 ? field(&s->alerts[0], s->options) : ABSENT;

	for (size_t i = 1; i < s->n && first.p; i++) {
		struct slice other = field(&s->alerts[i], s->options);

		if (!other.p || !slice_eq(first, other))
			return ABSENT;
	}
	return first;
}
