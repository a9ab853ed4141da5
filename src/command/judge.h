/*
 * From a record to what is told of it: the login is read, judged by the whitelist, and an alert
 * filled in. What watch, scan and report share.
 */
#pragma once

#include "base/buffer.h"
#include "source/source.h"
#include "text/alert.h"
#include "text/config.h"
#include "text/whitelist.h"

enum judgement {
	JUDGED_NOTHING = 0, /* no login */
	JUDGED_ALLOWED,	    /* a login that a rule allows */
	JUDGED_UNASKED,	    /* a login that Methods= or Pattern= leave out */
	JUDGED_ALERT,
};

struct judge;

struct judged {
	enum judgement judgement;
	struct alert alert;	/* also of an allowed login; its slices live until the next call */
	struct verdict verdict; /* of a readable, trusted login */
};

/*
 * @whitelist and @config are kept, not copied, and may be changed by judge_set_whitelist().
 * Where Pattern= is no expression: STATUS_WRONG with *err set. -ENOMEM.
 */
int judge_new(const struct config *config, struct whitelist *whitelist, struct judge **ret,
	      struct error *err);
struct judge *judge_free(struct judge *j);

/*
 * @fault: NULL, or what is wrong with a newer whitelist that is therefore not in force; alerts
 * tell it. Copied.
 */
void judge_set_whitelist(struct judge *j, struct whitelist *whitelist, const char *fault);

/* That fault; empty where there is none. Lives until the next judge_set_whitelist(). */
struct slice judge_fault(const struct judge *j);

/*
 * Judges the record that source_next() just gave. 0 and *ret; -errno of source_details(), or
 * -ENOMEM.
 */
int judge_record(struct judge *j, struct source *s, struct record *r, uint64_t now_usec,
		 struct judged *ret);

/* The same for a record whose details are there already. */
int judge_details(struct judge *j, const struct record *r, uint64_t now_usec, struct judged *ret);
