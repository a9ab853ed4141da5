/*
 * As text: "BEGIN DUE LOGINS ALLOWED FORGED GAPS". DUE is by the wall clock of when it was written,
 * so that a day continues over a restart, and over a time without power. A clock that was set back
 * meanwhile delays a heartbeat by a day at most.
 */
#include "command/heartbeat.h"

#include <errno.h>
#include <inttypes.h>

#include "base/timetext.h"
#include "store/fields.h"

#define NEAR_USEC USEC_PER_HOUR

void heartbeat_begin(struct heartbeat *h, uint64_t now_usec, uint64_t steady_usec)
{
	uint64_t last = steady_usec;

	if (h->begin_usec && heartbeat_is_near(h, steady_usec) &&
	    h->due_usec + NEAR_USEC > steady_usec)
		last = h->due_usec;
	*h = (struct heartbeat){.begin_usec = now_usec, .due_usec = last + USEC_PER_DAY};
}

bool heartbeat_is_near(const struct heartbeat *h, uint64_t steady_usec)
{
	return h->due_usec <= steady_usec + NEAR_USEC;
}

int heartbeat_write(const struct heartbeat *h, uint64_t now_usec, uint64_t steady_usec,
		    struct buffer *ret)
{
	uint64_t due = now_usec;

	if (h->due_usec > steady_usec)
		due += h->due_usec - steady_usec;
	else if (now_usec > steady_usec - h->due_usec)
		due -= steady_usec - h->due_usec;
	return buffer_printf(ret,
			     "%" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64,
			     h->begin_usec, due, h->logins, h->allowed, h->forged, h->gaps);
}

int heartbeat_read(struct slice text, uint64_t now_usec, uint64_t steady_usec, struct heartbeat *h)
{
	struct heartbeat read = {0};
	uint64_t due = 0;
	uint64_t *const numbers[] = {&read.begin_usec, &due,	     &read.logins,
				     &read.allowed,    &read.forged, &read.gaps};

	if (fields_numbers(&text, sizeof(numbers) / sizeof(*numbers), numbers) < 0 ||
	    read.begin_usec == 0)
		return -EINVAL;
	if (due > now_usec)
		read.due_usec = steady_usec +
				(due - now_usec < USEC_PER_DAY ? due - now_usec : USEC_PER_DAY);
	else
		read.due_usec = steady_usec > now_usec - due ? steady_usec - (now_usec - due) : 0;
	*h = read;
	return 0;
}

static int count(struct buffer *ret, const char *before, uint64_t n, const char *what,
		 const char *after)
{
	return n == 0 ? 0
		      : buffer_printf(ret, "%s%" PRIu64 " %s%s%s", before, n, what,
				      n == 1 ? "" : "s", after);
}

int heartbeat_describe(const struct heartbeat *h, struct buffer *ret)
{
	int r = h->logins == 0 ? buffer_append_str(ret, "no SSH login")
			       : count(ret, "", h->logins, "SSH login", "");

	if (r == 0 && h->logins > 0)
		r = buffer_printf(ret, ", %" PRIu64 " of them allowed", h->allowed);
	if (r == 0)
		r = count(ret, ", ", h->forged, "forged record", "");
	if (r == 0)
		r = count(ret, ", ", h->gaps, "gap", " in the log");
	return r;
}
