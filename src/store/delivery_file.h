/*
 * The file "delivery": the text of struct delivery.
 *
 *	LOGINBELL_DELIVERY=1
 *	LEDGER=<32 hex digits>
 *	DESTINATION=<name>		the rest belongs to it, until the next one
 *	QUEUE=<queue> <done up to> <serial> <last mail> <tries> <last try> <next try>
 *	HELD=<state> <class> <first> <last> <tries> <waited> <last try> <next try> [<rcpt>]
 *	REPEAT=<key> <start> <count> <first seq> <last seq>
 *	DROPPED=<class> <number>	not reached yet, and dropped by an administrator
 *	SEQUENCE=<number>
 *	UNREPORTED=<number>
 *	REPLY=<text>  MESSAGE_ID=<Message-ID>  FAILURE=<text>
 *	CRC=<8 hex digits>
 */
#pragma once

#include "base/buffer.h"
#include "base/error.h"
#include "store/delivery.h"

#define DELIVERY_FILE	  "delivery"
#define DELIVERY_TEXT_MAX (64U << 20)

enum delivery_e {
	DELIVERY_E_NONE = 1,	/* there is no such file */
	DELIVERY_E_DAMAGED = 2, /* *err says how */
};

/* The text of the file, and back. -ENOMEM, -E2BIG; DELIVERY_E_DAMAGED. */
int delivery_write(const struct delivery *d, struct buffer *ret);
int delivery_read(struct slice text, struct delivery **ret, struct error *err);

/* Replaces the file durably; loads it: 0, DELIVERY_E_NONE, DELIVERY_E_DAMAGED, -errno. */
int delivery_save(int dirfd, const struct delivery *d);
int delivery_load(int dirfd, struct delivery **ret, struct error *err);
