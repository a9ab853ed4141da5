/*
 * From a record to an alert: the login is parsed, judged by the whitelist, and an alert filled in.
 * Shared by watch, scan, report and explain.
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
	JUDGED_SKIPPED,	    /* a login that Methods= or Pattern= leave out */
	JUDGED_ALERT,
};

struct judge;

struct judged {
	enum judgement judgement;
	struct alert alert;	/* also of an allowed login; its slices live until the next call */
	struct verdict verdict; /* of a readable, trusted login */
};

/*
 * Both must outlive the judge, or be replaced by judge_set_whitelist(). STATUS_WRONG with *err set:
 * Pattern= is not a valid expression. -ENOMEM with *err set.
 */
int judge_new(const struct config *config, struct whitelist *whitelist, struct judge **ret,
	      struct error *err);
struct judge *judge_free(struct judge *j);

/*
 * @fault is NULL, or says what is wrong with a newer whitelist that is not in force; it is copied,
 * and alerts repeat it.
 */
void judge_set_whitelist(struct judge *j, struct whitelist *whitelist, const char *fault);

/* That fault; empty if there is none. Lives until the next judge_set_whitelist(). */
struct slice judge_fault(const struct judge *j);

/*
 * Judges the record that source_next() returned last. -errno of source_details(), -ENOMEM, -E2BIG.
 */
int judge_record(struct judge *j, struct source *s, struct record *r, uint64_t now_usec,
		 struct judged *ret);

/* The same for a record whose details are known already. */
int judge_details(struct judge *j, const struct record *r, uint64_t now_usec, struct judged *ret);
