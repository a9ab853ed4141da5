/*
 * A slot holds the first of the waiting records as text, and counts the others: the cost of a flood
 * does not grow with its length.
 */
#include "command/forgeries.h"

#include <errno.h>
#include <inttypes.h>

#include "base/cleanup.h"
#include "base/timetext.h"

#define WINDOW_MIN (60 * USEC_PER_SEC)
#define WINDOW_MAX USEC_PER_HOUR
#define BLOCK_MAX  ((size_t)1 << 18)
#define REASON_MAX 1024
#define SLOTS	   (FORGERIES_USERS + 1)
#define OTHERS	   FORGERIES_USERS /* the slot of users without one of their own */

void forgeries_init(struct forgeries *f)
{
	*f = (struct forgeries){.storage = BUFFER_INIT(BLOCK_MAX),
				.reason = BUFFER_INIT(REASON_MAX)};
	for (size_t i = 0; i < SLOTS; i++)
		f->of[i].block.max = BLOCK_MAX;
}

void forgeries_done(struct forgeries *f)
{
	for (size_t i = 0; i < SLOTS; i++)
		buffer_done(&f->of[i].block);
	buffer_done(&f->storage);
	buffer_done(&f->reason);
}

static struct forgery *slot_of(struct forgeries *f, const struct alert *a)
{
	struct forgery *unused = NULL;

	for (size_t i = 0; i < FORGERIES_USERS; i++) {
		struct forgery *s = &f->of[i];

		if (s->used && s->uid_known == a->uid_known && (!a->uid_known || s->uid == a->uid))
			return s;
		if (!s->used && !unused)
			unused = s;
	}
	return unused ? unused : &f->of[OTHERS];
}

static void note_other(struct forgeries *f, const struct alert *a)
{
	for (size_t i = 0; i < f->n_others && a->uid_known; i++)
		if (f->others[i] == a->uid)
			return;
	if (a->uid_known && f->n_others < FORGERIES_NAMED)
		f->others[f->n_others++] = a->uid;
	else
		f->more_others = true;
}

static void forget_others(struct forgeries *f)
{
	f->n_others = 0;
	f->more_others = false;
}

/* Makes the alert of one user's record that of all users whose records the last slot holds. */
static int name_others(struct forgeries *f, struct alert *a)
{
	int r;

	if (f->n_others + f->more_others <= 1)
		return 0;
	buffer_clear(&f->reason);
	r = buffer_append_str(&f->reason,
			      "many users forge at this time; these were written, and "
			      "not by sshd, by user ids ");
	for (size_t i = 0; i < f->n_others && r == 0; i++)
		r = buffer_printf(&f->reason, "%s%" PRIu64, i > 0 ? ", " : "", f->others[i]);
	if (r == 0 && f->more_others)
		r = buffer_append_str(&f->reason, " and further ones");
	a->reason = buffer_slice(&f->reason);
	a->uid_known = false;
	a->comm = (struct slice){NULL, 0};
	return r;
}

int forgeries_add(struct forgeries *f, struct alert *a)
{
	struct forgery *s = slot_of(f, a);
	int r;

	if (!s->used)
		return 1;
	if (s->held == 0) {
		buffer_clear(&s->block);
		a->seq = 0;
		r = alert_write(a, &s->block);
		if (r < 0)
			return r;
	}
	if (s == &f->of[OTHERS])
		note_other(f, a);
	s->held++;
	s->last_usec = a->time_usec;
	return 0;
}

void forgeries_reported(struct forgeries *f, const struct alert *a, uint64_t now_usec)
{
	struct forgery *s = slot_of(f, a);

	s->used = true;
	s->uid_known = a->uid_known;
	s->uid = a->uid;
	s->window_usec = WINDOW_MIN;
	s->ends_usec = now_usec + s->window_usec;
	s->held = 0;
}

int forgeries_join(struct forgeries *f, bool all, uint64_t now_usec, struct alert *ret)
{
	for (size_t i = 0; i < SLOTS; i++) {
		struct forgery *s = &f->of[i];
		int r;

		if (!s->used || (now_usec < s->ends_usec && !(all && s->held > 0)))
			continue;
		if (s->held == 0) {
			s->used = false; /* a quiet window: the next record is reported at once */
			continue;
		}
		r = alert_read(buffer_slice(&s->block), &f->storage, ret);
		if (r == 0 && i == OTHERS)
			r = name_others(f, ret);
		if (r < 0)
			return r;
		if (i == OTHERS)
			forget_others(f);
		ret->count = s->held;
		ret->time_usec = s->last_usec;
		s->held = 0;
		s->window_usec *= 4;
		if (s->window_usec > WINDOW_MAX)
			s->window_usec = WINDOW_MAX;
		s->ends_usec = now_usec + s->window_usec;
		return 1;
	}
	return 0;
}

uint64_t forgeries_due(const struct forgeries *f)
{
	uint64_t due = UINT64_MAX;

	for (size_t i = 0; i < SLOTS; i++)
		if (f->of[i].used && f->of[i].held && f->of[i].ends_usec < due)
			due = f->of[i].ends_usec;
	return due;
}

void forgeries_forget(struct forgeries *f)
{
	for (size_t i = 0; i < SLOTS; i++)
		f->of[i].held = 0;
	forget_others(f);
}
