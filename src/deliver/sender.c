/*
 * A run reads the tail of the ledger, then serves all queues. An idle sender holds no alert and
 * no connection.
 */
#include "deliver/sender.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/timetext.h"
#include "deliver/admin.h"
#include "deliver/queue.h"
#include "deliver/spool_check.h"
#include "deliver/tail.h"
#include "store/delivery_file.h"
#include "store/file.h"
#include "store/schedule.h"
#include "text/config_parser.h"

#define STEPS_MAX 1000 /* of a queue in one run; the rest is for the next run */

static int load_delivery(struct sender *s, const struct config *config)
{
	struct error err;
	int r;

	r = delivery_load(s->dirfd, &s->delivery, &err);
	if (r == 0)
		return 0;
	if (r < 0) {
		log_error(DELIVERY_FILE ": %s", strerror(-r));
		return r;
	}
	s->delivery = delivery_new();
	if (!s->delivery)
		return -ENOMEM;
	s->changed = true;
	if (r == DELIVERY_E_NONE)
		return 0;
	/* The ledger is rotated only when everything was sent, so ledger.1 needs no second time. */
	log_error_struct(LOG_CRIT, &err);
	log_crit("it is kept as " DELIVERY_FILE
		 ".damaged; all alerts of the current ledger are "
		 "sent, some perhaps again");
	spool_check_disown(s, config);
	if (renameat(s->dirfd, DELIVERY_FILE, s->dirfd, DELIVERY_FILE ".damaged") < 0)
		log_error(DELIVERY_FILE ": %s", strerror(errno));
	s->restart_seq = ledger_first_seq(s->ledger_dirfd);
	return 0;
}

int sender_open(struct sender *s, int dirfd, struct config *config)
{
	int r;

	s->dirfd = dirfd;
	s->ledger_dirfd = -1;
	r = spool_prepare(dirfd);
	if (r < 0) /* e.g. on a full disk: messages are sent from memory */
		log_crit(SPOOL_DIR ": %s", strerror(-r));
	r = state_open_ledger(s);
	if (r == 0)
		r = load_delivery(s, config);
	if (r == 0)
		r = state_configure(s, config);
	if (r < 0)
		(void)config_free(config);
	else
		spool_check_report(s);
	return r;
}

int sender_open_readonly(struct sender *s, int dirfd, struct config *config)
{
	struct error err;
	int r = delivery_load(dirfd, &s->delivery, &err);

	s->dirfd = dirfd;
	s->ledger_dirfd = -1;
	if (r == DELIVERY_E_DAMAGED) {
		log_error_struct(LOG_ERR, &err);
		r = -EBADMSG;
	} else if (r == DELIVERY_E_NONE) {
		s->delivery = delivery_new();
		r = s->delivery ? 0 : -ENOMEM;
	}
	if (r == 0)
		r = state_open_ledger(s);
	if (r == 0)
		r = state_configure_readonly(s, config);
	if (r < 0) {
		(void)config_free(config);
		return r;
	}
	return tail_read(s);
}

int sender_reload(struct sender *s, struct config *config)
{
	int r = state_configure(s, config);

	/* Which alerts wait for which destination is found by reading the ledger again. */
	if (r == 0)
		tail_forget(s);
	return r;
}

static uint64_t next_due(const struct sender *s)
{
	uint64_t now = clock_now(), due = SCHEDULE_NEVER;

	for (size_t i = 0; i < s->n_destinations; i++) {
		for (int q = 0; q < DELIVERY_QUEUES; q++) {
			uint64_t at =
				queue_due(s, &s->destinations[i], (enum delivery_queue_name)q, now);

			due = at < due ? at : due;
		}
	}
	return due;
}

/* Logins of all destinations first: no flood of forged alerts delays one. */
static void send_due(struct sender *s)
{
	for (int q = 0; q < DELIVERY_QUEUES; q++) {
		for (size_t i = 0; i < s->n_destinations; i++) {
			struct destination *d = &s->destinations[i];

			for (int steps = 0; steps < STEPS_MAX; steps++)
				if (queue_step(s, d, (enum delivery_queue_name)q) == QUEUE_IDLE ||
				    (s->alive && !s->alive(s->userdata)))
					break;
		}
	}
}

/* Whether there was a connection. */
static bool close_connections(struct sender *s)
{
	bool any = false;

	for (size_t i = 0; i < s->n_destinations; i++) {
		any |= s->destinations[i].attempt != NULL;
		s->destinations[i].attempt = attempt_free(s->destinations[i].attempt);
	}
	return any;
}

int sender_run(struct sender *s, enum sender_mode mode, uint64_t *ret_due_usec)
{
	int r;

	s->run.mode = mode;
	s->run.begin_usec = clock_now();
	for (size_t i = 0; i < s->n_destinations; i++)
		s->changed |= schedule_normalise(s->destinations[i].done, s->run.begin_usec);
	r = tail_read(s);
	if (r == 0 && admin_apply(s) > 0) {
		tail_forget(s);
		r = tail_read(s);
	}
	if (r < 0)
		return r;
	if (mode != SENDER_APPLY)
		send_due(s);
	if (close_connections(s)) {
#ifdef __GLIBC__
		(void)malloc_trim(0);
#endif
	}
	state_advance_idle(s);
	if (s->changed)
		state_save(s);
	s->run.mode = SENDER_FOLLOW;
	*ret_due_usec = next_due(s);
	return 0;
}

bool sender_waits(const struct sender *s)
{
	for (size_t i = 0; i < s->n_destinations; i++) {
		for (int name = 0; name < DELIVERY_QUEUES; name++) {
			const struct view_queue q =
				state_queue(s, &s->destinations[i], (enum delivery_queue_name)name);

			if (view_queue_waits(&q))
				return true;
		}
	}
	return false;
}

int sender_status(const struct sender *s, struct buffer *ret)
{
	const char *failure = NULL;
	uint64_t last = 0;
	char when[TIMETEXT_MAX];
	int r;

	for (size_t i = 0; i < s->n_destinations; i++) {
		const struct delivery_destination *dest = s->destinations[i].done;

		for (int q = 0; q < DELIVERY_QUEUES; q++)
			if (dest->queues[q].last_mail_usec > last)
				last = dest->queues[q].last_mail_usec;
		if (dest->failure[0] && !failure)
			failure = dest->failure;
	}
	r = buffer_append_str(ret, sender_waits(s) ? "Alerts wait to be sent" : "All is sent");
	if (r == 0 && last > 0)
		r = buffer_printf(ret, "; last message %s", timetext_local(last, when));
	if (r == 0 && failure)
		r = buffer_printf(ret, "; %.200s", failure);
	return r;
}
