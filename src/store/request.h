/*
 * What an administrator requests of the sender, which alone writes "delivery". A request is an
 * empty file whose name says everything, "request.WORD.ID": it exists as a whole or not at all,
 * survives a crash, and may be done twice. The sender does it, leaves the file "answer.WORD.ID"
 * with the fields DONE and TEXT, and removes the request.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

#define REQUEST_PREFIX	 "request."
#define REQUEST_ID_MAX	 33 /* of an alert: 32 hex digits, with a NUL */
#define REQUEST_TEXT_MAX 4096

enum request_kind {
	REQUEST_RETRY = 0, /* try again what was given up */
	REQUEST_DROP,	   /* do not send the alert */
	REQUEST_KINDS,
};

struct request {
	enum request_kind kind;
	char id[REQUEST_ID_MAX];
};

/* "retry", "drop". */
const char *request_kind_text(enum request_kind kind);

/* Whether a file of this name is a request. */
bool request_parse(const char *name, struct request *ret);

/* Makes it, durably; an earlier answer is removed. -errno. */
int request_make(int dirfd, const struct request *q);
bool request_waits(int dirfd, const struct request *q);

/*
 * Requests that everything is sent now, also what was refused and is not due; whether that was
 * requested, and removes the request. -errno.
 */
int request_make_flush(int dirfd);
bool request_fetch_flush(int dirfd);

/*
 * All that wait, to be freed by the caller; answers that nobody read for an hour are removed.
 * -errno.
 */
int request_list(int dirfd, uint64_t now_usec, struct request **ret, size_t *ret_n);

/* Leaves the answer and removes the request. -errno if no answer could be left. */
int request_answer(int dirfd, const struct request *q, bool done, const char *text);
/* Reads the answer and removes it: 0, and the text is appended. -ENOENT; -EBADMSG: it is damaged;
 * -errno. */
int request_read_answer(int dirfd, const struct request *q, bool *ret_done, struct buffer *ret);
