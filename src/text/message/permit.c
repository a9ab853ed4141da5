/*
 * A rule names user, address and credential: a certificate by its authority and ID (its key may
 * change with every issue), else the key, else the method. Values that a message cannot show
 * unchanged, or that have no form in whitelist(5), are left out if the rest is narrow enough; else
 * there is no rule.
 */
#include "text/message/permit.h"

#include "base/cleanup.h"
#include "text/display.h"
#include "text/login.h"

/* Whether whitelist(5) can say @s, which has no escapes, and a mail can show it. */
static bool is_sayable(struct slice s)
{
	return s.n > 0 && !memchr(s.p, '"', s.n) && display_is_safe(s);
}

const char *permit_refusal(const struct alert *a)
{
	if (a->kind != ALERT_LOGIN)
		return "it was not written by sshd";
	if (!a->readable)
		return "the message could not be read";
	if (a->ambiguous)
		return "the address could be read at more than one place of the message";
	if (a->addr.n == 0 || slice_eq_str(a->addr, "UNKNOWN"))
		return "sshd did not know the address";
	if (!is_sayable(a->user))
		return "a whitelist cannot name this user";
	return NULL;
}

static void write_field(struct writer *w, const char *key, struct slice value)
{
	const char *quote = "";

	for (size_t i = 0; i < value.n; i++)
		if (value.p[i] == ' ' || value.p[i] == ',' || value.p[i] == '#')
			quote = "\"";
	writer_format(w, " %s=%s", key, quote);
	writer_shown(w, value, SIZE_MAX);
	writer_str(w, quote);
}

static struct slice without_zone(struct slice addr)
{
	const char *percent = memchr(addr.p, '%', addr.n);

	return percent ? (struct slice){addr.p, (size_t)(percent - addr.p)} : addr;
}

void permit_write(struct writer *w, const struct alert *a, struct slice local_host)
{
	writer_str(w, "allow");
	write_field(w, "user", a->user);
	write_field(w, "from", without_zone(a->addr));
	/* No rule allows a cut message by fields that are read from its end. */
	if (!a->cut && login_is_sha256(a->ca_fingerprint)) {
		write_field(w, "ca", a->ca_fingerprint);
		if (is_sayable(a->cert_id))
			write_field(w, "cert-id", a->cert_id);
	} else if (login_is_sha256(a->fingerprint)) {
		write_field(w, "key", a->fingerprint);
	} else if (login_method_known(a->method)) {
		write_field(w, "method", a->method);
	}
	if (is_sayable(a->host) && !slice_eq(a->host, local_host))
		write_field(w, "host", a->host);
}
