/*
 * The file "delivery" says how far the other sender is: it is replaced whenever that changes. No
 * event says that it released its lock, so that is tried every quarter of a second.
 */
#include "deliver/wait_for_sender.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/inotify.h"
#include "base/log.h"
#include "deliver/signals.h"
#include "store/delivery.h"
#include "store/delivery_file.h"
#include "store/ledger/reader.h"
#include "store/request.h"
#include "store/state.h"

#define LIMIT_USEC (30 * UINT64_C(1000000))
#define TICK_MSEC  250

static int last_of_ledger(const char *path, uint64_t *ret_seq, char ret_id[LEDGER_ID_MAX])
{
	AUTO_CLOSE int dirfd = -1;
	struct ledger_reader *reader;
	struct error err;
	struct alert a;
	int r;

	*ret_seq = 0;
	r = state_open(path, STATE_READER, STATE_SHOW, &dirfd, &err);
	if (r == 0 || r == -ENOENT)
		r = ledger_reader_open(dirfd, 0, &reader, &err);
	if (r < 0) {
		log_error_struct(LOG_ERR, &err);
		return r;
	}
	while ((r = ledger_reader_next(reader, &a)) > 0)
		*ret_seq = r == LEDGER_E_REPLACED ? 0 : a.seq;
	(void)snprintf(ret_id, LEDGER_ID_MAX, "%s", ledger_reader_id(reader));
	(void)ledger_reader_free(reader);
	return r;
}

/* 0: all is sent; 1: not yet; EX_TEMPFAIL: it was tried, and is deferred. */
static int look(int dirfd, uint64_t last, const char *id, bool asked)
{
	AUTO_DELIVERY struct delivery *d = NULL;
	bool waits = false, deferred = false;
	int r = delivery_load(dirfd, &d, NULL);

	if (r < 0)
		return r;
	if (r > 0 || strcmp(d->ledger_id, id) != 0)
		return last == 0 ? 0 : 1;
	for (size_t i = 0; i < d->n_destinations; i++) {
		const struct delivery_destination *dest = &d->destinations[i];

		for (int c = 0; c < DELIVERY_CLASSES; c++) {
			waits |= dest->queues[c].done_up_to < last;
			deferred |= dest->queues[c].done_up_to < last && dest->queues[c].tries > 0;
		}
		for (size_t k = 0; k < dest->n_held; k++)
			deferred |= dest->held[k].state != DELIVERY_GIVEN_UP;
	}
	/* What it says from before the request is no answer. */
	if (deferred && asked)
		return EX_TEMPFAIL;
	return waits || deferred ? 1 : 0;
}

static bool same_file(const struct stat *a, const struct stat *b)
{
	return a->st_ino == b->st_ino && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
	       a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

int wait_for_sender(const char *state, int dirfd, int *ret_lock)
{
	AUTO_CLOSE int inotify = -1;
	char path[64], id[LEDGER_ID_MAX];
	struct stat before = {0}, now = {0};
	uint64_t start = clock_steady(), last;
	bool asked;
	pid_t pid;
	int r;

	r = last_of_ledger(state, &last, id);
	if (r < 0)
		return r;
	inotify = inotify_open();
	if (inotify < 0)
		return inotify;
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", dirfd);
	if (inotify_add_watch(inotify, path, IN_MOVED_TO) < 0)
		return -errno;
	(void)fstatat(dirfd, DELIVERY_FILE, &before, 0);
	r = look(dirfd, last, id, false);
	if (r <= 0)
		return r;
	asked = request_make_flush(dirfd) == 0;
	for (;;) {
		struct pollfd fd = {.fd = inotify, .events = POLLIN};

		r = state_lock(dirfd, STATE_DELIVER, ret_lock, &pid);
		if (r == 0)
			return WAIT_FOR_SENDER_E_FREE;
		if (r < 0)
			return r;
		(void)fstatat(dirfd, DELIVERY_FILE, &now, 0);
		r = look(dirfd, last, id, !asked || !same_file(&before, &now));
		if (r != 1)
			return r;
		if (clock_steady() - start >= LIMIT_USEC || signals_stop())
			return EX_TEMPFAIL;
		if (poll(&fd, 1, TICK_MSEC) > 0)
			(void)inotify_drain(inotify, NULL, NULL);
	}
}
