/*
 * The order of questions: is it a login at all (on the message alone, so that nothing else is
 * fetched for a record that is none); did sshd write it; can it be read; does a rule allow it; do
 * Methods= and Pattern= want it. Text that is made here (decoded names, reason, id) lives in the
 * judge's buffers until the next call.
 */
#include "command/judge.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/hash.h"
#include "command/options.h"
#include "text/login.h"
#include "text/pattern.h"

#define TEXT_MAX ((size_t)1 << 17)

struct judge {
	const struct config *config;
	struct whitelist *whitelist;
	struct pattern *pattern; /* NULL: none */
	struct pattern_memory *pattern_memory;
	struct buffer user, cert_id, extra, reason, fault;
	char id[HASH128_HEX];
};

struct judge *judge_free(struct judge *j)
{
	if (!j)
		return NULL;
	(void)pattern_free(j->pattern);
	(void)pattern_memory_free(j->pattern_memory);
	buffer_done(&j->user);
	buffer_done(&j->cert_id);
	buffer_done(&j->extra);
	buffer_done(&j->reason);
	buffer_done(&j->fault);
	free(j);
	return NULL;
}

static int compile_pattern(struct judge *j, struct error *err)
{
	const struct config *c = j->config;
	struct error fault = {0};
	int r;

	j->pattern_memory = pattern_memory_new();
	if (!j->pattern_memory)
		return -ENOMEM;
	r = pattern_new(slice_of(c->pattern), &j->pattern, &fault);
	if (r != PATTERN_E_SYNTAX)
		return r;
	error_set(err, c->pattern_file, c->pattern_line, 0,
		  "Pattern= is no expression: %s (at its byte %u)", fault.text, fault.column);
	return STATUS_WRONG;
}

int judge_new(const struct config *config, struct whitelist *whitelist, struct judge **ret,
	      struct error *err)
{
	struct judge *j = calloc(1, sizeof(*j));
	int r = 0;

	if (!j) {
		error_set(err, NULL, 0, 0, "out of memory");
		return -ENOMEM;
	}
	j->config = config;
	j->whitelist = whitelist;
	j->user.max = j->cert_id.max = j->extra.max = j->reason.max = j->fault.max = TEXT_MAX;
	if (config->pattern)
		r = compile_pattern(j, err);
	if (r != 0) {
		if (r == -ENOMEM)
			error_set(err, NULL, 0, 0, "out of memory");
		(void)judge_free(j);
		return r;
	}
	*ret = j;
	return 0;
}

void judge_set_whitelist(struct judge *j, struct whitelist *whitelist, const char *fault)
{
	j->whitelist = whitelist;
	buffer_clear(&j->fault);
	if (fault)
		(void)buffer_append_str(&j->fault, fault);
}

struct slice judge_fault(const struct judge *j)
{
	return buffer_slice(&j->fault);
}

/* A search that fails by its limit counts as found: the login alerts. */
static bool pattern_wants(struct judge *j, struct slice message)
{
	return !j->pattern ||
	       pattern_search(j->pattern, j->pattern_memory, message) != PATTERN_ABSENT;
}

static bool methods_want(const struct config *c, struct slice method)
{
	if (c->methods.n == 0)
		return true;
	for (size_t i = 0; i < c->methods.n; i++) {
		struct slice m = slice_of(c->methods.items[i]);

		/* "keyboard-interactive" also stands for its submethods. */
		if (slice_eq(m, method) ||
		    (method.n > m.n && method.p[m.n] == '/' && memcmp(method.p, m.p, m.n) == 0))
			return true;
	}
	return false;
}

static void make_id(struct judge *j, struct slice identity)
{
	(void)hash128_hex(hash_fnv_add(hash_fnv_init(), identity.p, identity.n), j->id);
}

/* A decoded field, in @b. */
static int decode(const struct login *login, struct slice s, struct buffer *b, struct slice *ret)
{
	int r;

	if (!s.p || !login->vis_escaped) {
		*ret = s;
		return 0;
	}
	buffer_clear(b);
	r = login_unescape(s, b);
	*ret = buffer_slice(b);
	return r;
}

static int fill_login(struct judge *j, const struct login *login, struct alert *a)
{
	int r;

	a->readable = true;
	a->ambiguous = login->ambiguous;
	a->cut = login->cut;
	a->method = login->method;
	a->addr = login->addr;
	a->port_known = true;
	a->port = login->port;
	a->key_type = login->key_type;
	a->fingerprint = login->fingerprint;
	a->cert_serial = login->cert_serial;
	a->ca_fingerprint = login->ca_fingerprint;
	r = decode(login, login->user, &j->user, &a->user);
	if (r == 0)
		r = decode(login, login->cert_id, &j->cert_id, &a->cert_id);
	if (r == 0)
		r = decode(login, login->extra, &j->extra, &a->extra);
	return r;
}

/*
 * Padding that was taken off the end may have stood where sshd cut the message: a certificate ID
 * that ends in a CA of its author's choice would be read as the CA.
 */
static void distrust_end(struct login *login)
{
	login->cut = true;
	login->cert_id = login->cert_serial = login->ca_fingerprint = (struct slice){NULL, 0};
}

static int say(struct judge *j, struct alert *a, const char *reason)
{
	int r;

	buffer_clear(&j->reason);
	r = buffer_append_str(&j->reason, reason);
	a->reason = buffer_slice(&j->reason);
	return r;
}

static int say_why_not_allowed(struct judge *j, const struct judged *judged, struct alert *a)
{
	const struct verdict *v = &judged->verdict;
	int r;

	buffer_clear(&j->reason);
	if (v->refusal == WHITELIST_REFUSAL_AMBIGUOUS)
		r = buffer_append_str(&j->reason,
				      "the address could be read at more than one "
				      "place of the message, so no rule may allow it");
	else if (v->refusal == WHITELIST_REFUSAL_MATCH_LIMIT)
		r = buffer_printf(&j->reason,
				  "the expression at %s:%u ran into its limit, and no other rule "
				  "allows it",
				  v->refusal_file, v->refusal_line);
	else if (v->refusal == WHITELIST_REFUSAL_CUT)
		r = buffer_printf(&j->reason,
				  "the message was cut at its end, so the rule at %s:%u cannot "
				  "hold, and no other allows it",
				  v->refusal_file, v->refusal_line);
	else if (whitelist_size(j->whitelist) == 0)
		r = buffer_append_str(&j->reason, "there is no whitelist");
	else
		r = buffer_append_str(&j->reason, "no rule of the whitelist allows it");
	if (r == 0 && j->fault.len > 0)
		r = buffer_printf(&j->reason,
				  "; a newer whitelist is faulty and not in force: %.*s",
				  (int)j->fault.len, j->fault.data);
	a->reason = buffer_slice(&j->reason);
	return r;
}

static int say_forged(struct judge *j, const struct record *r, struct alert *a)
{
	int k;

	buffer_clear(&j->reason);
	if (!r->uid_known)
		k = buffer_append_str(&j->reason,
				      "nobody vouches for who wrote this record: it "
				      "carries no user id");
	else if (r->uid == 0 && !r->comm.p)
		k = buffer_append_str(&j->reason,
				      "it came from the standard output of a command that ran "
				      "as root, not from sshd");
	else if (r->uid == 0)
		k = buffer_printf(&j->reason,
				  "it was written by the command \"%.*s\" as root, not "
				  "by sshd",
				  (int)r->comm.n, r->comm.p);
	else
		k = buffer_printf(&j->reason,
				  "it was written by user id %" PRIu64 "%s%.*s%s, not by sshd",
				  r->uid, r->comm.p ? " (command \"" : "", (int)r->comm.n,
				  r->comm.p ? r->comm.p : "", r->comm.p ? "\")" : "");
	a->reason = buffer_slice(&j->reason);
	return k;
}

static int judge_gap(struct judge *j, const struct record *r, struct judged *ret)
{
	if (r->kind == RECORD_DROPPED && !r->trusted) {
		ret->judgement = JUDGED_NOTHING;
		return 0;
	}
	ret->judgement = JUDGED_ALERT;
	ret->alert.kind = ALERT_GAP;
	ret->alert.trusted = true;
	ret->alert.from_usec = r->from_usec;
	buffer_clear(&j->reason);
	ret->alert.reason = r->reason;
	return 0;
}

static int judge_login(struct judge *j, const struct record *r, const struct login *login,
		       uint64_t now_usec, struct judged *ret)
{
	struct whitelist_query q = {
		.login = login, .message = r->message, .host = r->host, .now_usec = now_usec};

	whitelist_judge(j->whitelist, &q, &ret->verdict);
	if (ret->verdict.allowed) {
		ret->judgement = JUDGED_ALLOWED;
		return 0;
	}
	if (!methods_want(j->config, login->method) || !pattern_wants(j, r->message)) {
		ret->judgement = JUDGED_UNASKED;
		return 0;
	}
	ret->judgement = JUDGED_ALERT;
	return say_why_not_allowed(j, ret, &ret->alert);
}

/* @login and @reading: what login_parse() made of the message. */
static int judge_parsed(struct judge *j, const struct record *r, enum login_reading reading,
			struct login *login, uint64_t now_usec, struct judged *ret)
{
	struct alert *a = &ret->alert;
	int k;

	*ret = (struct judged){.alert = {.kind = ALERT_LOGIN,
					 .time_usec = r->realtime_usec,
					 .noted_usec = now_usec,
					 .position = r->position,
					 .source = r->source,
					 .host = r->host,
					 .program = r->program,
					 .comm = r->comm,
					 .pid_known = r->pid_known,
					 .pid = r->pid,
					 .uid_known = r->uid_known,
					 .uid = r->uid,
					 .trusted = r->trusted,
					 .count = r->count,
					 .message = r->message}};
	if (r->identity.n > 0) {
		make_id(j, r->identity);
		a->id = (struct slice){j->id, HASH128_HEX - 1};
	}
	if (r->kind != RECORD_MESSAGE)
		return judge_gap(j, r, ret);
	if (reading == LOGIN_NONE)
		return 0;
	if (reading == LOGIN_ACCEPTED) {
		if (r->trimmed)
			distrust_end(login);
		k = fill_login(j, login, a);
		if (k < 0)
			return k;
	}
	if (!r->trusted) {
		a->kind = ALERT_FORGED;
		ret->judgement = JUDGED_ALERT;
		return say_forged(j, r, a);
	}
	if (reading == LOGIN_UNREADABLE) {
		ret->judgement = JUDGED_ALERT;
		return say(j, a, "the message claims a login and cannot be read");
	}
	return judge_login(j, r, login, now_usec, ret);
}

static enum login_reading parse(const struct record *r, struct login *ret)
{
	return r->kind == RECORD_MESSAGE ? login_parse(r->message, ret) : LOGIN_NONE;
}

int judge_details(struct judge *j, const struct record *r, uint64_t now_usec, struct judged *ret)
{
	struct login login;
	enum login_reading reading = parse(r, &login);

	return judge_parsed(j, r, reading, &login, now_usec, ret);
}

int judge_record(struct judge *j, struct source *s, struct record *r, uint64_t now_usec,
		 struct judged *ret)
{
	struct login login;
	enum login_reading reading = parse(r, &login);
	struct slice message = r->message;
	int k;

	if (r->kind == RECORD_MESSAGE && reading == LOGIN_NONE) {
		*ret = (struct judged){.judgement = JUDGED_NOTHING};
		return 0;
	}
	k = source_details(s, r);
	if (k == -EAGAIN) { /* it comes once more */
		*ret = (struct judged){.judgement = JUDGED_NOTHING};
		return 0;
	}
	if (k < 0)
		return k;
	/* The journal's details bring a message of their own. */
	if (r->message.p != message.p || r->message.n != message.n)
		reading = parse(r, &login);
	return judge_parsed(j, r, reading, &login, now_usec, ret);
}
