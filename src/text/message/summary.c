/* Every question about all alerts together is one tally over a field of each. */
#include "text/message/summary.h"

#include "text/message/describe.h"

void mail_done(struct mail *m)
{
	tally_done(&m->users);
	tally_done(&m->addresses);
	tally_done(&m->hosts);
	tally_done(&m->uids);
}

#define ABSENT ((struct slice){NULL, 0})

struct slice mail_user(const struct alert *a, const void *options)
{
	return describe_shows_fields(a, options) ? a->user : ABSENT;
}

struct slice mail_address(const struct alert *a, const void *options)
{
	return describe_shows_fields(a, options) ? a->addr : ABSENT;
}

struct slice mail_method(const struct alert *a, const void *options)
{
	return describe_shows_fields(a, options) ? a->method : ABSENT;
}

struct slice mail_key(const struct alert *a, const void *options)
{
	return describe_shows_fields(a, options) ? a->fingerprint : ABSENT;
}

struct slice mail_host(const struct alert *a, const void *options)
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

int mail_init(struct mail *m, const struct alert *alerts, size_t n,
	      const struct message_options *options)
{
	int r;

	*m = (struct mail){.alerts = alerts, .n = n, .options = options};
	for (size_t i = 0; i < n; i++) {
		uint64_t delay = describe_delay(&alerts[i], options->now_usec);

		m->of_kind[alerts[i].kind] += describe_events(&alerts[i]);
		if (alerts[i].kind == ALERT_LOGIN && !alerts[i].readable)
			m->unreadable += describe_events(&alerts[i]);
		if (delay > m->delay)
			m->delay = delay;
	}
	r = tally_make(alerts, n, mail_user, options, describe_events, &m->users);
	if (r == 0)
		r = tally_make(alerts, n, mail_address, options, describe_events, &m->addresses);
	if (r == 0)
		r = tally_make(alerts, n, mail_host, options, describe_events, &m->hosts);
	if (r == 0)
		r = tally_make(alerts, n, uid_of, options, describe_events, &m->uids);
	return r;
}

struct slice mail_common(const struct mail *m, tally_field field)
{
	struct slice first = m->n > 0 ? field(&m->alerts[0], m->options) : ABSENT;

	for (size_t i = 1; i < m->n && first.p; i++) {
		struct slice other = field(&m->alerts[i], m->options);

		if (!other.p || !slice_eq(first, other))
			return ABSENT;
	}
	return first;
}
