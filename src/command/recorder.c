/*
 * The reserve file is released when the disk is full. When that room is used up too, nothing is
 * recorded: the caller reads the same records again until there is room.
 */
#include "command/recorder.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/hostname.h"
#include "base/log.h"
#include "base/timetext.h"
#include "command/options.h"
#include "store/delivery_file.h"
#include "store/ledger/writer.h"
#include "store/position.h"
#include "store/reserve.h"
#include "store/state.h"
#include "store/view.h"

#define ROTATE_EVERY_USEC  (60 * USEC_PER_SEC) /* how often to ask whether all was sent */
#define RESERVE_EVERY_USEC (60 * USEC_PER_SEC)
#define REASON_MAX	   512

struct recorder {
	const struct reader_state *state;
	struct ledger_writer *ledger;
	bool made_ledger;
	bool failed; /* the ledger cannot be written, which was logged */
	uint64_t count, unsynced;
	uint64_t rotate_usec, reserve_usec; /* clock_steady(): when to try next */
};

struct recorder *recorder_free(struct recorder *r)
{
	if (r)
		(void)ledger_writer_free(r->ledger);
	free(r);
	return NULL;
}

#define LOST "alerts in it that were not mailed before are lost"

static int report_ledger(struct recorder *r, const struct ledger_report *report)
{
	int k = 0;

	if (report->torn_bytes)
		log_warning("%s/ledger: an unfinished last alert (%" PRIu64
			    " bytes) was cut off; it is read from the log again",
			    r->state->path.data, report->torn_bytes);
	if (report->damaged_blocks)
		k = recorder_damage(r, DAMAGE_ONCE, 0,
				    "damaged alerts in the ledger: %" PRIu64
				    "; those of them that were not mailed before are lost",
				    report->damaged_blocks);
	if (k >= 0 && report->header_damaged)
		k = recorder_damage(r, DAMAGE_HOURLY, 0,
				    "the ledger's header is damaged, and the file was set "
				    "aside; " LOST);
	if (k >= 0 && report->made_new &&
	    faccessat(r->state->dirfd, POSITION_NAME, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		k = recorder_damage(r, DAMAGE_HOURLY, 0, "the ledger was removed; " LOST);
	return k < 0 ? STATUS_FAILED : STATUS_DONE;
}

int recorder_open(const struct reader_state *state, struct recorder **ret)
{
	struct recorder *r = calloc(1, sizeof(*r));
	struct ledger_report report = {0};
	struct error err = {0};
	int status = STATUS_FAILED;

	if (!r) {
		log_error("out of memory");
		return STATUS_FAILED;
	}
	r->state = state;
	if (ledger_writer_open(state->dirfd, &r->ledger, &report, &err) < 0) {
		log_error_struct(LOG_ERR, &err);
	} else {
		r->made_ledger = report.made_new;
		status = report_ledger(r, &report);
	}
	if (status == STATUS_DONE)
		*ret = r;
	else
		(void)recorder_free(r);
	return status;
}

int recorder_dirfd(const struct recorder *r)
{
	return r->state->dirfd;
}

bool recorder_made_ledger(const struct recorder *r)
{
	return r->made_ledger;
}

uint64_t recorder_count(const struct recorder *r)
{
	return r->count;
}

uint64_t recorder_unsynced(const struct recorder *r)
{
	return r->unsynced;
}

uint64_t recorder_forged_until(const struct recorder *r, uint64_t uid)
{
	return ledger_forged_until(r->ledger, uid);
}

bool recorder_make_room(struct recorder *r, int error)
{
	if (!reserve_helps(error) || !reserve_release(r->state->dirfd))
		return false;
	log_crit("%s: %s; the reserve is used now: free some disk space", r->state->path.data,
		 strerror(-error));
	r->reserve_usec = clock_steady() + RESERVE_EVERY_USEC;
	return true;
}

/* Logs once that the ledger cannot be written; returns @error. */
static int fail(struct recorder *r, int error)
{
	if (!r->failed)
		log_crit("%s/ledger: %s; the position does not advance%s", r->state->path.data,
			 strerror(-error), reserve_helps(error) ? " until there is room" : "");
	r->failed = true;
	return error;
}

void recorder_complete(struct recorder *r)
{
	r->failed = false;
}

static void log_alert(const struct alert *a)
{
	struct slice user = a->user.n < 200 ? a->user : (struct slice){a->user.p, 200};

	log_info("alert %" PRIu64 ": %s%s%.*s%s%.*s", a->seq, alert_kind_names[a->kind],
		 user.n ? " of " : "", (int)user.n, user.n ? user.p : "", a->addr.n ? " from " : "",
		 (int)a->addr.n, a->addr.n ? a->addr.p : "");
}

int recorder_append(struct recorder *r, struct alert *a)
{
	int k = ledger_append(r->ledger, a);

	if (recorder_make_room(r, k))
		k = ledger_append(r->ledger, a);
	if (k == LEDGER_E_KNOWN)
		return 0;
	if (k < 0)
		return fail(r, k);
	r->count++;
	r->unsynced++;
	log_alert(a);
	return ledger_lost(r->ledger)
		       ? recorder_damage(r, DAMAGE_HOURLY, 0, "the ledger was truncated; " LOST)
		       : 0;
}

int recorder_sync(struct recorder *r)
{
	int k = ledger_sync(r->ledger);

	if (recorder_make_room(r, k))
		k = ledger_sync(r->ledger);
	if (k < 0)
		return fail(r, k);
	r->unsynced = 0;
	return 0;
}

int recorder_own(struct recorder *r, const struct alert *about, const char *what, uint64_t again)
{
	struct alert a = *about;
	struct hostname name;
	char id[HASH128_HEX];
	struct hash128 h;
	int k;

	hostname_init(&name);
	h = hash_fnv_add(hash_fnv_init(), name.host, strlen(name.host));
	h = hash_fnv_add(h, what, strlen(what));
	h = hash_fnv_add(h, &again, sizeof(again));
	a.id = slice_of(hash128_hex(h, id));
	a.trusted = true;
	a.time_usec = a.noted_usec = clock_now();
	a.host = slice_of(name.host);
	a.program = SLICE_LITERAL("loginbell");
	if (!a.source.p)
		a.source = SLICE_LITERAL("loginbell");
	a.pid_known = true;
	a.pid = (uint64_t)getpid();
	k = recorder_append(r, &a);
	return k < 0 ? k : recorder_sync(r);
}

int recorder_damage(struct recorder *r, enum damage how, uint64_t from_usec, const char *format,
		    ...)
{
	char reason[REASON_MAX];
	struct alert a = {.kind = ALERT_GAP, .from_usec = from_usec};
	va_list ap;

	va_start(ap, format);
	(void)vsnprintf(reason, sizeof(reason), format, ap);
	va_end(ap);
	log_crit("%s: %s", r->state->path.data, reason);
	a.reason = slice_of(reason);
	return recorder_own(r, &a, reason, how == DAMAGE_HOURLY ? clock_now() / USEC_PER_HOUR : 0);
}

void recorder_keep_reserve(struct recorder *r)
{
	uint64_t now = clock_steady();

	if (now < r->reserve_usec)
		return;
	r->reserve_usec = now + RESERVE_EVERY_USEC;
	(void)reserve_keep(r->state->dirfd);
}

void recorder_rotate(struct recorder *r, const struct config *config)
{
	struct delivery *d AUTO_DELIVERY = NULL;
	AUTO_CLOSE int dirfd = -1;
	uint64_t now = clock_steady();
	int k;

	if (ledger_size(r->ledger) < LEDGER_ROTATE_MIN || now < r->rotate_usec)
		return;
	r->rotate_usec = now + ROTATE_EVERY_USEC;
	if (state_open(r->state->path.data, STATE_DELIVER, STATE_SHOW, &dirfd, NULL) < 0 ||
	    delivery_load(dirfd, &d, NULL) != 0 ||
	    !view_settled(config, d, ledger_id(r->ledger), ledger_last_seq(r->ledger)))
		return;
	k = ledger_rotate(r->ledger);
	if (k < 0)
		log_warning("%s/ledger: cannot be rotated: %s", r->state->path.data, strerror(-k));
}
