/*
 * A mail being sent, frozen: the file "outgoing/NAME.LANE", at most one a lane of a destination.
 * The same bytes go out until the mail is accepted, refused or given up, so that a receiver can
 * know a second copy by its Message-ID.
 *
 *	LOGINBELL_OUTGOING=1
 *	IN_DOUBT=0			overwritten in place, so not under the CRC
 *	LEDGER=  LANE=  CLASS=  SERIAL=  STYLE=  MARK=  ONE=  TRIES=  WAITED=  LASTTRY=  NOTED=
 *	CONFIG=<hash>  ID=<Message-ID>
 *	ALERTS=<first> <last>		each run of numbers that it tells of
 *	REPEAT=<key> <told> <seq>	each login whose window begins with it
 *	RCPT=<state> <addr-spec>
 *	CRC=<8 hex digits>		of the head from LEDGER on, and of the mail
 *					an empty line, then the mail
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/hash.h"
#include "store/delivery.h"
#include "text/message/options.h"

#define OUTGOING_DIR	  "outgoing"
#define OUTGOING_FILE_MAX (MESSAGE_MAX + (4U << 20))
#define OUTGOING_NAME_MAX 256 /* with the folder and a NUL */

enum outgoing_rcpt_state {
	OUTGOING_OPEN = 0,
	OUTGOING_ACCEPTED,
	OUTGOING_REFUSED,  /* by a 5xx to RCPT */
	OUTGOING_DEFERRED, /* by a 4xx to RCPT */
	OUTGOING_RCPT_STATES,
};

struct outgoing_rcpt {
	char *addr; /* owned */
	enum outgoing_rcpt_state state;
};

struct outgoing_range {
	uint64_t first, last;
};

struct outgoing_repeat {
	struct hash128 key;
	uint64_t told; /* repeats that the mail tells of; 0: the login itself */
	uint64_t seq;  /* of the login, or of the last repeat */
};

struct outgoing {
	char ledger_id[LEDGER_ID_MAX];
	enum delivery_lane_name lane, class;
	uint64_t serial; /* the lane's serial once it is done with */
	uint64_t mark;	 /* the lane's mark then */
	uint64_t tries;	 /* that failed */
	uint64_t waited_usec, last_try_usec;
	uint64_t noted; /* given-up alerts that its note tells of */
	enum message_style style;
	bool in_doubt;	       /* a server may have it though its 250 was not seen */
	bool one_rcpt;	       /* of an exception that only this recipient lacks */
	struct hash128 config; /* of what the configuration gave to it */
	char message_id[128];
	struct outgoing_range *ranges;
	size_t n_ranges;
	struct outgoing_repeat *repeats;
	size_t n_repeats;
	struct outgoing_rcpt *rcpts;
	size_t n_rcpts;
	struct buffer mail;
};

enum outgoing_e {
	OUTGOING_E_NONE = 1,
	OUTGOING_E_DAMAGED = 2, /* *err says how */
};

/* NULL when out of memory; free takes NULL. */
struct outgoing *outgoing_new(void);
struct outgoing *outgoing_free(struct outgoing *o);

#define AUTO_OUTGOING CLEANUP(outgoing_auto_free)
static inline void outgoing_auto_free(struct outgoing **o)
{
	(void)outgoing_free(*o);
}

/* Adds an alert's number; they come in ascending order. -ENOMEM. */
int outgoing_add_alert(struct outgoing *o, uint64_t seq);
int outgoing_add_repeat(struct outgoing *o, struct hash128 key, uint64_t told, uint64_t seq);
int outgoing_add_rcpt(struct outgoing *o, const char *addr, enum outgoing_rcpt_state state);
/* Whether it tells of the alert itself, not as the last of repeats. */
bool outgoing_has_alert(const struct outgoing *o, uint64_t seq);
/* Takes an alert's number out; the mail's bytes stay. -ENOMEM. */
int outgoing_take_alert(struct outgoing *o, uint64_t seq);
/* How many of the recipients are in this state. */
size_t outgoing_count(const struct outgoing *o, enum outgoing_rcpt_state state);

/* The file's name with its folder: what is unsafe in @destination becomes "=HH"; "" is "mail". */
void outgoing_name(const char *destination, enum delivery_lane_name lane,
		   char ret[OUTGOING_NAME_MAX]);

/* The text of the file, and back. -ENOMEM, -E2BIG; OUTGOING_E_DAMAGED. */
int outgoing_write(const struct outgoing *o, struct buffer *ret);
int outgoing_read(struct slice text, const char *name, struct outgoing **ret, struct error *err);

/* Makes the folder where it is missing. -errno. */
int outgoing_prepare(int dirfd);
/* Replaces the file durably; loads it: 0, OUTGOING_E_NONE, OUTGOING_E_DAMAGED, -errno. */
int outgoing_save(int dirfd, const char *name, const struct outgoing *o);
int outgoing_load(int dirfd, const char *name, struct outgoing **ret, struct error *err);
/*
 * Sets IN_DOUBT of the saved file to @in_doubt, durably: one byte in place and fdatasync(2), which
 * is cheaper than replacing the file, since every mail pays for it. -errno.
 */
int outgoing_doubt(int dirfd, const char *name, bool in_doubt);
/* Removes it; that there is none is fine. -errno. */
int outgoing_remove(int dirfd, const char *name);
