/*
 * The ledger as the reader writes it: alerts of records and alerts about loginbell itself, room
 * when the disk is full, rotation.
 */
#pragma once

#include "command/reader_state.h"
#include "text/alert.h"
#include "text/config.h"

struct recorder;

/*
 * Opens the ledger in @state, which must outlive the recorder; what was found damaged is recorded
 * as a gap. Logs what is wrong and returns the exit status.
 */
int recorder_open(const struct reader_state *state, struct recorder **ret);
struct recorder *recorder_free(struct recorder *r);

/* Of the state directory. */
int recorder_dirfd(const struct recorder *r);

/* Whether this process made the ledger. */
bool recorder_made_ledger(const struct recorder *r);

/*
 * Appends an alert, unless the ledger has it. It is not durable before recorder_sync(). 0; -errno,
 * logged: then the source must be opened again at the stored position.
 */
int recorder_append(struct recorder *r, struct alert *a);
int recorder_sync(struct recorder *r);

/* How many alerts this process appended, and how many of these may not be durable. */
uint64_t recorder_count(const struct recorder *r);
uint64_t recorder_unsynced(const struct recorder *r);

/* The latest time of a forged record of this uid, 0 without one. */
uint64_t recorder_forged_until(const struct recorder *r, uint64_t uid);

/* Everything that was read is recorded: from now on a failure is logged again. */
void recorder_complete(struct recorder *r);

/*
 * Appends an alert about loginbell itself and syncs. The caller has set kind, reason and from_usec.
 * Its ID is a hash of host, @what and @again, so the same pair is recorded once. -errno.
 */
int recorder_append_own(struct recorder *r, const struct alert *about, const char *what,
			uint64_t again);

/*
 * Damage of the state is logged and reported as a gap: whoever deletes or overwrites it may want to
 * silence an alert. Damage that remains is reported once; other damage at most once an hour,
 * however often the program is started. -errno.
 */
enum damage { DAMAGE_ONCE, DAMAGE_HOURLY };
int recorder_damage(struct recorder *r, enum damage how, uint64_t from_usec, const char *format,
		    ...) __attribute__((format(printf, 4, 5)));

/* True if @error says that the disk is full and the reserve was released: try again. */
bool recorder_make_room(struct recorder *r, int error);

/* Both look at most once a minute: makes the reserve whole if there is room for it; begins a new
 * ledger if every destination has all of this one. */
void recorder_keep_reserve(struct recorder *r);
void recorder_rotate(struct recorder *r, const struct config *config);
