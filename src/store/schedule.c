/* Arithmetic on times that saturates, since an interval may be "infinity". */
#include "store/schedule.h"

#include "base/cleanup.h"
#include "base/timetext.h"

#define SET_BACK_USEC USEC_PER_MIN

static uint64_t plus(uint64_t a, uint64_t b)
{
	return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t most(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

uint64_t schedule_backoff_usec(uint64_t tries)
{
	static const uint16_t seconds[] = {15, 30, 60, 120, 300, 600, 900};

	if (tries == 0)
		return 0;
	return seconds[least(tries, ARRAY_SIZE(seconds)) - 1] * USEC_PER_SEC;
}

uint64_t schedule_jitter_usec(uint64_t wait_usec, uint32_t random)
{
	return wait_usec / 10 * 8 + wait_usec / 10 * 4 / 1000 * (random % 1001);
}

uint64_t schedule_after(uint64_t last_usec, uint64_t interval_usec, uint64_t now_usec)
{
	return plus(least(last_usec, now_usec), interval_usec);
}

uint64_t schedule_waited(uint64_t last_try_usec, uint64_t next_try_usec, uint64_t now_usec)
{
	uint64_t planned = next_try_usec > last_try_usec ? next_try_usec - last_try_usec : 0;

	return now_usec > last_try_usec ? least(now_usec - last_try_usec, planned) : 0;
}

static bool shift(uint64_t *last, uint64_t *next, uint64_t now)
{
	if (*last <= now)
		return false;
	if (next)
		*next = plus(now, *next > *last ? *next - *last : 0);
	*last = now;
	return true;
}

bool schedule_normalise(struct delivery_destination *dest, uint64_t now_usec)
{
	bool changed = false;

	for (int i = 0; i < DELIVERY_QUEUES; i++) {
		struct delivery_queue *l = &dest->queues[i];

		changed |= shift(&l->last_mail_usec, NULL, now_usec);
		changed |= shift(&l->last_try_usec, &l->next_try_usec, now_usec);
	}
	for (size_t i = 0; i < dest->n_held; i++)
		changed |=
			shift(&dest->held[i].last_try_usec, &dest->held[i].next_try_usec, now_usec);
	for (size_t i = 0; i < dest->n_repeats; i++) {
		if (!shift(&dest->repeats[i].start_usec, NULL, now_usec))
			continue;
		/* Before what was recorded since the clock was set, which is a repeat still. */
		dest->repeats[i].start_usec -= least(now_usec, SET_BACK_USEC);
		changed = true;
	}
	return changed;
}

uint64_t schedule_queue_due(const struct schedule_queue *s, uint64_t now_usec)
{
	const struct delivery_queue *q = s->queue;
	uint64_t due;

	if (!s->frozen && !s->waiting && s->summary_usec == SCHEDULE_NEVER)
		return SCHEDULE_NEVER;
	if (q->tries > 0) {
		due = q->next_try_usec;
		if (s->fresh)
			due = least(due, schedule_after(q->last_try_usec, SCHEDULE_URGENT_USEC,
							now_usec));
		return due;
	}
	if (s->frozen)
		return now_usec;
	due = q->last_mail_usec ? schedule_after(q->last_mail_usec, s->interval_usec, now_usec)
				: now_usec;
	return s->waiting ? due : most(due, s->summary_usec);
}

bool schedule_window_over(const struct delivery_repeat *p, uint64_t repeat_usec, uint64_t now_usec)
{
	return schedule_after(p->start_usec, repeat_usec, now_usec) <= now_usec;
}

uint64_t schedule_summary_due(const struct delivery_destination *dest, uint64_t repeat_usec,
			      uint64_t now_usec)
{
	uint64_t due = SCHEDULE_NEVER;

	for (size_t i = 0; i < dest->n_repeats; i++)
		if (dest->repeats[i].count > 0)
			due = least(due, schedule_after(dest->repeats[i].start_usec, repeat_usec,
							now_usec));
	return due;
}
