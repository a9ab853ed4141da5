/*
 * A frozen message: the file "spool/NAME.QUEUE", at most one a queue of a destination. The same
 * bytes are sent until the message is accepted, refused or given up, so that a receiver knows a
 * second copy by its Message-ID.
 *
 *	IN_DOUBT=0			overwritten in place, so not covered by a checksum
 *	LOGINBELL_MESSAGE=1
 *	LEDGER=  QUEUE=  CLASS=  STYLE=  ONE_RCPT=
 *	SERIAL=  SEQUENCE=  DONE_UP_TO=  TRIES=  WAITED=  LAST_TRY=  REPORTED=
 *	CONFIG=<hash>  MESSAGE_ID=
 *	ALERTS=<first> <last>		each run of numbers that it reports
 *	REPEAT=<key> <repeats> <seq>	each login whose window begins with it
 *	RCPT=<state> <addr-spec>
 *	MESSAGE_CRC=<decimal>
 *	CRC=<8 hex digits>
 *					an empty line, then the message
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

#define SPOOL_DIR      "spool"
#define SPOOL_FILE_MAX (MESSAGE_MAX + (4U << 20))
#define SPOOL_NAME_MAX 256 /* with the directory and a NUL */

enum spool_rcpt_state {
	SPOOL_OPEN = 0,
	SPOOL_ACCEPTED,
	SPOOL_REFUSED,	/* by a 5xx to RCPT */
	SPOOL_DEFERRED, /* by a 4xx to RCPT */
	SPOOL_RCPT_STATES,
};

struct spool_rcpt {
	char *addr; /* owned */
	enum spool_rcpt_state state;
};

struct spool_range {
	uint64_t first, last;
};

struct spool_repeat {
	struct hash128 key;
	uint64_t repeats; /* that the message reports; 0: it reports the login itself */
	uint64_t seq;	  /* of the login, or of the last repeat */
};

struct spool_message {
	char ledger_id[LEDGER_ID_MAX];
	enum delivery_queue_id queue, class;
	uint64_t serial;     /* what queue.serial becomes when this message is done with */
	uint64_t done_up_to; /* what queue.done_up_to becomes then */
	uint64_t tries;	     /* that failed */
	uint64_t waited_usec, last_try_usec;
	uint64_t sequence; /* its number among the destination's messages; 0: none */
	uint64_t reported; /* alerts given up that its note reports */
	enum message_style style;
	bool in_doubt;	       /* a server may have it though its 250 was not seen */
	bool one_rcpt;	       /* of held alerts that only this recipient lacks */
	struct hash128 config; /* of the settings that it was made with */
	char message_id[128];
	struct spool_range *ranges;
	size_t n_ranges;
	struct spool_repeat *repeats;
	size_t n_repeats;
	struct spool_rcpt *rcpts;
	size_t n_rcpts;
	struct buffer mail;
};

enum spool_e {
	SPOOL_E_NONE = 1,
	SPOOL_E_DAMAGED = 2, /* *err says how */
};

/* NULL when out of memory; free accepts NULL. */
struct spool_message *spool_new(void);
struct spool_message *spool_free(struct spool_message *o);

#define AUTO_SPOOL_MESSAGE CLEANUP(spool_auto_free)
static inline void spool_auto_free(struct spool_message **o)
{
	(void)spool_free(*o);
}

/* Adds an alert's number; they come in ascending order. -ENOMEM. */
int spool_add_alert(struct spool_message *o, uint64_t seq);
int spool_add_repeat(struct spool_message *o, struct hash128 key, uint64_t repeats, uint64_t seq);
int spool_add_rcpt(struct spool_message *o, const char *addr, enum spool_rcpt_state state);
/* Whether it reports the alert itself, not as the last of repeats. */
bool spool_has_alert(const struct spool_message *o, uint64_t seq);
/* Removes an alert's number; the message's bytes stay. -ENOMEM. */
int spool_remove_alert(struct spool_message *o, uint64_t seq);
/* How many of the recipients are in this state. */
size_t spool_count(const struct spool_message *o, enum spool_rcpt_state state);

/* The file's name with its directory: what is unsafe in @destination becomes "=HH"; "" is "mail".
 */
void spool_name(const char *destination, enum delivery_queue_id queue, char ret[SPOOL_NAME_MAX]);

/* The text of the file, and back. -ENOMEM, -E2BIG; SPOOL_E_DAMAGED. */
int spool_write(const struct spool_message *o, struct buffer *ret);
int spool_read(struct slice text, const char *name, struct spool_message **ret, struct error *err);

/* Makes the directory if it is missing. -errno. */
int spool_prepare(int dirfd);
/* Replaces the file durably; loads it: 0, SPOOL_E_NONE, SPOOL_E_DAMAGED, -errno. */
int spool_save(int dirfd, const char *name, const struct spool_message *o);
int spool_load(int dirfd, const char *name, struct spool_message **ret, struct error *err);
/*
 * Sets IN_DOUBT of the saved file to @in_doubt, durably: one byte in place and fdatasync(2), which
 * is cheaper than replacing the file, and needed for every message. -errno.
 */
int spool_set_doubt(int dirfd, const char *name, bool in_doubt);
/* Removes it if it exists. -errno. */
int spool_remove(int dirfd, const char *name);
