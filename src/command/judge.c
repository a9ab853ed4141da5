/*
 * The questions, in this order: is it a login (by the message alone, so that nothing else is
 * fetched for other records); did sshd write it; can it be parsed; does a rule allow it; do
 * Methods= and Pattern= select it. Text that is made here (decoded names, reason, ID) lives in the
 * judge's buffers until the next call.
 */
#include "command/judge.h"

#include <errno.h>

#include "base/hash.h"
#include "command/options.h"
#include "command/reason.h"
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
		  "Pattern= is not a valid expression: %s (at byte %u)", fault.text, fault.column);
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

/* A search that runs into its limit counts as found, so that no login is lost. */
static bool pattern_selects(struct judge *j, struct slice message)
{
	return !j->pattern ||
	       pattern_search(j->pattern, j->pattern_memory, message) != PATTERN_ABSENT;
}

static bool methods_select(const struct config *c, struct slice method)
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

/* Decodes a field into @b if sshd escaped it. */
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
 * Blanks that were removed from the end may show that sshd cut the message there: a certificate ID
 * that ends in a CA of its author's choice would then be read as the CA.
 */
static void distrust_end(struct login *login)
{
	login->cut = true;
	login->cert_id = login->cert_serial = login->ca_fingerprint = (struct slice){NULL, 0};
}

static void judge_gap(const struct record *r, struct judged *ret)
{
	/* Anybody may write that records were dropped. */
	if (r->kind == RECORD_DROPPED && !r->trusted)
		return;
	ret->judgement = JUDGED_ALERT;
	ret->alert.kind = ALERT_GAP;
	ret->alert.trusted = true;
	ret->alert.from_usec = r->from_usec;
	ret->alert.reason = r->reason;
}

static int judge_login(struct judge *j, const struct record *r, const struct login *login,
		       uint64_t now_usec, struct judged *ret)
{
	struct whitelist_query q = {
		.login = login, .message = r->message, .host = r->host, .now_usec = now_usec};
	int k;

	whitelist_judge(j->whitelist, &q, &ret->verdict);
	if (ret->verdict.allowed) {
		ret->judgement = JUDGED_ALLOWED;
		return 0;
	}
	if (!methods_select(j->config, login->method) || !pattern_selects(j, r->message)) {
		ret->judgement = JUDGED_SKIPPED;
		return 0;
	}
	ret->judgement = JUDGED_ALERT;
	k = reason_not_allowed(&ret->verdict, whitelist_size(j->whitelist), buffer_slice(&j->fault),
			       &j->reason);
	ret->alert.reason = buffer_slice(&j->reason);
	return k;
}

static void fill_alert(struct judge *j, const struct record *r, uint64_t now_usec, struct alert *a)
{
	*a = (struct alert){.kind = ALERT_LOGIN,
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
			    .message = r->message};
	if (r->identity.n > 0)
		a->id = slice_of(hash128_hex(
			hash_fnv_add(hash_fnv_init(), r->identity.p, r->identity.n), j->id));
}

/* @reading and @login are the results of login_parse(). */
static int judge_parsed(struct judge *j, const struct record *r, enum login_reading reading,
			struct login *login, uint64_t now_usec, struct judged *ret)
{
	struct alert *a = &ret->alert;
	int k;

	*ret = (struct judged){.judgement = JUDGED_NOTHING};
	fill_alert(j, r, now_usec, a);
	buffer_clear(&j->reason);
	if (r->kind != RECORD_MESSAGE) {
		judge_gap(r, ret);
		return 0;
	}
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
		k = reason_forged(r, &j->reason);
		a->reason = buffer_slice(&j->reason);
		return k;
	}
	if (reading == LOGIN_UNREADABLE) {
		ret->judgement = JUDGED_ALERT;
		a->reason = SLICE_LITERAL(REASON_UNREADABLE);
		return 0;
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
	if (k == -EAGAIN) { /* source_next() returns it again */
		*ret = (struct judged){.judgement = JUDGED_NOTHING};
		return 0;
	}
	if (k < 0)
		return k;
	/* The journal's details include the message again, whole. */
	if (r->message.p != message.p || r->message.n != message.n)
		reading = parse(r, &login);
	return judge_parsed(j, r, reading, &login, now_usec, ret);
}
