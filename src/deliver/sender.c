/*
 * What was done before is loaded once and kept; the ledger's end is followed by one reader that
 * stays open and only notes which numbers concern whom. The alerts themselves are read when a mail
 * is made, so that a sender with nothing to do holds nothing.
 */
#include "deliver/sender.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/number.h"
#include "base/timetext.h"
#include "deliver/admin.h"
#include "deliver/destinations.h"
#include "deliver/queue.h"
#include "deliver/spool_check.h"
#include "store/delivery_file.h"
#include "store/schedule.h"

#define STEPS_MAX 1000 /* of a queue in one run; the next run goes on */

struct delivery_destination *sender_done(const struct sender *s, const struct destination *d)
{
	return delivery_find(s->delivery, d->config->name);
}

/*
 * A class of which nothing waits is done with up to the ledger's end; then the marks say so
 * without a look into the ledger.
 */
static void advance_idle(struct sender *s)
{
	for (size_t i = 0; i < s->n_destinations; i++) {
		struct delivery_destination *dest = sender_done(s, &s->destinations[i]);

		for (int c = 0; c < DELIVERY_CLASSES; c++) {
			if (s->destinations[i].newest[c] > dest->queues[c].done_up_to ||
			    s->last_seq <= dest->queues[c].done_up_to ||
			    s->destinations[i].frozen[c])
				continue;
			dest->queues[c].done_up_to = s->last_seq;
			s->changed = true;
		}
	}
}

void sender_save(struct sender *s)
{
	int r;

	advance_idle(s);
	for (size_t i = 0; i < s->n_destinations; i++)
		delivery_drop_expire(sender_done(s, &s->destinations[i]));
	r = delivery_save(s->dirfd, s->delivery);
	s->changed = r < 0;
	if (r < 0)
		log_crit(
			"what was mailed cannot be written down: %s; after a restart it is mailed "
			"again",
			strerror(-r));
}

/* The number of the first alert in the file "ledger" itself; 0 where that cannot be told. */
static uint64_t first_of_ledger(int dirfd)
{
	AUTO_CLOSE int fd = openat(dirfd, "ledger", O_RDONLY | O_CLOEXEC);
	static const char key[] = "\nFIRST_SEQ=";
	char head[512], *at, *end;
	uint64_t seq;
	ssize_t n;

	if (fd < 0)
		return 0;
	n = read(fd, head, sizeof(head) - 1);
	if (n <= 0)
		return 0;
	head[n] = '\0';
	at = strstr(head, key);
	end = at ? strchr(at + 1, '\n') : NULL;
	if (!end)
		return 0;
	at += sizeof(key) - 1;
	if (number_parse_u64((struct slice){at, (size_t)(end - at)}, UINT64_MAX, &seq) < 0)
		return 0;
	return seq;
}

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
	/*
	 * What was mailed is not known any more. The ledger is rotated only when all was: so what
	 * its current file holds is mailed, some of it for a second time.
	 */
	log_error_struct(LOG_CRIT, &err);
	log_crit("it is kept as " DELIVERY_FILE
		 ".damaged; all alerts of the current ledger are "
		 "mailed, some perhaps again");
	spool_check_disown(s, config);
	if (renameat(s->dirfd, DELIVERY_FILE, s->dirfd, DELIVERY_FILE ".damaged") < 0)
		log_error(DELIVERY_FILE ": %s", strerror(errno));
	s->restart_seq = first_of_ledger(s->dirfd);
	return 0;
}

/* Forgets what was read of the ledger, so that it is read anew. */
static void forget_tail(struct sender *s)
{
	s->tail = ledger_reader_free(s->tail);
	s->last_seq = s->selected_seq = 0;
	for (size_t i = 0; i < s->n_destinations; i++) {
		memset(s->destinations[i].newest, 0, sizeof(s->destinations[i].newest));
		memset(s->destinations[i].fresh, 0, sizeof(s->destinations[i].fresh));
	}
}

int sender_reload(struct sender *s, struct config *config)
{
	struct destination *destinations;
	int r;

	r = destinations_make(s, config, &destinations);
	if (r < 0)
		return r;
	/* A mail that only memory holds is made anew from the ledger. */
	destinations_free(s->destinations, s->n_destinations);
	(void)config_free(s->config);
	s->config = config;
	s->destinations = destinations;
	s->n_destinations = config->n_destinations;
	hostname_init(&s->host);
	destinations_drop_unconfigured(s);
	for (size_t i = 0; i < s->n_destinations; i++)
		destinations_drop_rcpts(s, &s->destinations[i]);
	/* What is new for whom is found by reading the ledger again. */
	forget_tail(s);
	return 0;
}

int sender_open(struct sender *s, int dirfd, struct config *config)
{
	int r;

	s->dirfd = dirfd;
	r = spool_prepare(dirfd);
	if (r < 0) /* a full disk: mails go from memory then */
		log_crit(SPOOL_DIR ": %s", strerror(-r));
	r = load_delivery(s, config);
	if (r == 0)
		r = sender_reload(s, config);
	if (r < 0)
		(void)config_free(config);
	else
		spool_check_report(s);
	return r;
}

void sender_close(struct sender *s)
{
	destinations_free(s->destinations, s->n_destinations);
	(void)ledger_reader_free(s->tail);
	(void)delivery_free(s->delivery);
	(void)config_free(s->config);
	*s = (struct sender){.dirfd = -1};
}

/* Another ledger than before: nothing of it was mailed. */
static void check_ledger_id(struct sender *s, const char *id)
{
	if (!id[0] || strcmp(s->delivery->ledger_id, id) == 0)
		return;
	if (s->delivery->ledger_id[0]) {
		log_error("the ledger is another one than before: all of it is mailed");
		for (size_t i = 0; i < s->delivery->n_destinations; i++) {
			struct delivery_destination *dest = &s->delivery->destinations[i];

			for (int c = 0; c < DELIVERY_CLASSES; c++)
				dest->queues[c].done_up_to = 0;
			for (size_t k = 0; k < dest->n_held; k++)
				free(dest->held[k].rcpt);
			dest->n_held = 0;
			dest->n_repeats = 0;
			dest->n_dropped = 0;
		}
	}
	(void)snprintf(s->delivery->ledger_id, sizeof(s->delivery->ledger_id), "%s", id);
	s->changed = true;
}

/* A mark ahead of the ledger, e.g. after a restored backup, would keep new alerts back. */
static void check_marks(struct sender *s)
{
	for (size_t i = 0; i < s->n_destinations && s->last_seq > 0; i++) {
		struct delivery_destination *dest = sender_done(s, &s->destinations[i]);

		/* A number that is given once more is another alert's. */
		for (size_t k = 0; k < dest->n_dropped; k++)
			if (dest->dropped[k].seq > s->last_seq)
				dest->dropped[k--] = dest->dropped[--dest->n_dropped];
		for (int c = 0; c < DELIVERY_CLASSES; c++) {
			if (dest->queues[c].done_up_to <= s->last_seq)
				continue;
			log_error("%s: mailed up to alert %" PRIu64
				  ", but the ledger ends at %" PRIu64 ": goes on from there",
				  dest->name[0] ? dest->name : "[Mail]", dest->queues[c].done_up_to,
				  s->last_seq);
			dest->queues[c].done_up_to = s->last_seq;
			dest->n_repeats = 0;
			s->changed = true;
		}
	}
}

static void note(struct sender *s, const struct alert *a, bool fresh)
{
	enum delivery_queue_name class = delivery_class(a->kind);

	s->last_seq = a->seq > s->last_seq ? a->seq : s->last_seq;
	for (size_t i = 0; i < s->n_destinations; i++) {
		struct destination *d = &s->destinations[i];

		if (!((d->config->events >> a->kind) & 1) ||
		    delivery_is_dropped(sender_done(s, d), class, a->seq))
			continue;
		if (a->seq > d->newest[class])
			d->newest[class] = a->seq;
		d->fresh[class] |= fresh;
	}
}

static void report_damaged(struct sender *s)
{
	uint64_t damaged = ledger_reader_damaged(s->tail);

	if (damaged > s->damaged)
		log_crit("%" PRIu64 " damaged alerts in the ledger are skipped",
			 damaged - s->damaged);
	s->damaged = damaged;
}

static int read_tail(struct sender *s)
{
	bool first = !s->tail;
	struct error err;
	struct alert a;
	int r;

	if (first) {
		forget_tail(s);
		r = ledger_reader_open(s->dirfd, 0, &s->tail, &err);
		if (r < 0) {
			log_error_struct(LOG_ERR, &err);
			return r;
		}
	}
	while ((r = ledger_reader_next(s->tail, &a)) > 0) {
		if (r == LEDGER_E_REPLACED) {
			first = true;
			forget_tail(s);
			r = ledger_reader_open(s->dirfd, 0, &s->tail, &err);
			if (r < 0) {
				log_error_struct(LOG_ERR, &err);
				return r;
			}
			continue;
		}
		note(s, &a, !first);
	}
	report_damaged(s);
	if (r < 0) {
		log_error("the ledger cannot be read: %s", strerror(-r));
		s->tail = ledger_reader_free(s->tail);
		return r;
	}
	check_ledger_id(s, ledger_reader_id(s->tail));
	if (first)
		check_marks(s);
	return 0;
}

int sender_open_shown(struct sender *s, int dirfd, struct config *config)
{
	struct error err;
	int r = delivery_load(dirfd, &s->delivery, &err);

	s->dirfd = dirfd;
	if (r == DELIVERY_E_DAMAGED)
		log_error_struct(LOG_ERR, &err);
	if (r == DELIVERY_E_NONE)
		s->delivery = delivery_new();
	r = r < 0 ? r : r == DELIVERY_E_DAMAGED ? -EBADMSG : s->delivery ? 0 : -ENOMEM;
	if (r == 0)
		r = destinations_make(s, config, &s->destinations);
	if (r < 0) {
		(void)config_free(config);
		return r;
	}
	s->config = config;
	s->n_destinations = config->n_destinations;
	hostname_init(&s->host);
	return read_tail(s);
}

static uint64_t next_due(struct sender *s)
{
	uint64_t now = clock_now(), due = SCHEDULE_NEVER;

	for (size_t i = 0; i < s->n_destinations; i++) {
		for (int l = 0; l < DELIVERY_QUEUES; l++) {
			uint64_t at =
				queue_due(s, &s->destinations[i], (enum delivery_queue_name)l, now);

			due = at < due ? at : due;
		}
	}
	return due;
}

/* Queues before destinations: no flood of forged alerts keeps a login from anybody. */
static void send_due(struct sender *s)
{
	for (int l = 0; l < DELIVERY_QUEUES; l++) {
		for (size_t i = 0; i < s->n_destinations; i++) {
			int steps = 0;

			while (steps++ < STEPS_MAX &&
			       queue_step(s, &s->destinations[i], (enum delivery_queue_name)l) ==
				       QUEUE_AGAIN &&
			       (!s->alive || s->alive(s->userdata)))
				;
		}
	}
}

int sender_run(struct sender *s, enum sender_mode mode, uint64_t *ret_due_usec)
{
	bool sent = false;
	int r;

	s->mode = mode;
	s->run_usec = clock_now();
	for (size_t i = 0; i < s->n_destinations; i++)
		s->changed |= schedule_normalise(sender_done(s, &s->destinations[i]), s->run_usec);
	r = read_tail(s);
	if (r < 0)
		return r;
	if (admin_apply(s) > 0) {
		forget_tail(s);
		r = read_tail(s);
		if (r < 0)
			return r;
	}
	if (mode != SENDER_APPLY)
		send_due(s);
	for (size_t i = 0; i < s->n_destinations; i++) {
		sent |= s->destinations[i].attempt != NULL;
		s->destinations[i].attempt = attempt_free(s->destinations[i].attempt);
	}
	advance_idle(s);
	if (s->changed)
		sender_save(s);
	s->mode = SENDER_FOLLOW;
	*ret_due_usec = next_due(s);
#ifdef __GLIBC__
	if (sent)
		(void)malloc_trim(0);
#else
	(void)sent;
#endif
	return 0;
}

bool sender_waits(const struct sender *s)
{
	for (size_t i = 0; i < s->n_destinations; i++) {
		const struct destination *d = &s->destinations[i];
		const struct delivery_destination *dest = sender_done(s, d);

		for (int l = 0; l < DELIVERY_QUEUES; l++)
			if (d->frozen[l])
				return true;
		for (int c = 0; c < DELIVERY_CLASSES; c++)
			if (d->newest[c] > dest->queues[c].done_up_to)
				return true;
		for (size_t k = 0; k < dest->n_held; k++)
			if (dest->held[k].state != DELIVERY_GIVEN_UP)
				return true;
	}
	return false;
}

int sender_status(const struct sender *s, struct buffer *ret)
{
	const struct delivery_destination *failed = NULL;
	uint64_t last = 0;
	char when[TIMETEXT_MAX];
	int r;

	for (size_t i = 0; i < s->n_destinations; i++) {
		const struct delivery_destination *dest = sender_done(s, &s->destinations[i]);

		for (int l = 0; l < DELIVERY_QUEUES; l++)
			if (dest->queues[l].last_mail_usec > last)
				last = dest->queues[l].last_mail_usec;
		if (dest->failure[0] && !failed)
			failed = dest;
	}
	r = buffer_append_str(ret, sender_waits(s) ? "Alerts wait to be mailed" : "All is mailed");
	if (r == 0 && last > 0)
		r = buffer_printf(ret, "; last mail %s", timetext_local(last, when));
	if (r == 0 && failed)
		r = buffer_printf(ret, "; %.200s", failed->failure);
	return r;
}
