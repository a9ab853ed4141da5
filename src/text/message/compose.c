/*
 * First come subject and text as UTF-8 (body, describe, template), then the outer form (mime),
 * which alone knows line lengths and encodings. Text from a log is made safe in the first step, and
 * cannot leave its header or line in the second.
 */
#include "text/message/compose.h"

#include <stdio.h>

#include "base/cleanup.h"
#include "base/hash.h"
#include "base/timetext.h"
#include "text/message/body.h"
#include "text/message/mime.h"
#include "text/message/summary.h"

#define SUBJECT_MAX  8192
#define FILTER_SHOWN 400 /* bytes of a value in an X-Loginbell header */

#define DOMAIN_MAX 255 /* RFC 1035, section 2.3.4 */

/* A line has room for " <", 32 digits, "@", so much of the domain, and ">". */
#define ID_DOMAIN_MAX 40

/* The host's name as a domain, whatever a resolver said: as many labels as fit @max. */
static void domain_of(const struct message_options *options, size_t max, char ret[DOMAIN_MAX + 1])
{
	const char *name = *options->fqdn ? options->fqdn : options->host;
	size_t n = 0, skip = 0;

	if (strlen(name) > max) {
		const char *tail = name + strlen(name) - max;
		const char *dot = strchr(tail, '.');

		skip = (size_t)((dot && dot[1] ? dot + 1 : tail) - name);
	}
	for (const char *c = name + skip; *c; c++) {
		bool fine = ascii_is_alnum(*c) || *c == '-';

		if (fine || (*c == '.' && n > 0 && ret[n - 1] != '.'))
			ret[n++] = *c;
	}
	if (n > 0 && ret[n - 1] == '.')
		n--;
	ret[n] = '\0';
	if (n == 0)
		(void)snprintf(ret, DOMAIN_MAX + 1, "localhost");
}

static struct hash128 hash_add_slice(struct hash128 h, struct slice s)
{
	return hash_fnv_add(hash_fnv_add(h, s.p, s.n), "", 1);
}

static void format_id(struct hash128 h, const struct message_options *options,
		      char ret[MESSAGE_ID_MAX])
{
	char domain[DOMAIN_MAX + 1], hex[HASH128_HEX];

	domain_of(options, ID_DOMAIN_MAX, domain);
	(void)snprintf(ret, MESSAGE_ID_MAX, "<%s@%.40s>", hash128_hex(h, hex), domain);
}

static void message_id(const struct alert *alerts, size_t n, const struct message_options *options,
		       char ret[MESSAGE_ID_MAX])
{
	struct hash128 h = hash_fnv_init();

	for (size_t i = 0; i < n && !options->test; i++)
		h = hash_add_slice(h, alerts[i].id);
	if (options->test) {
		h = hash_add_slice(h, SLICE_LITERAL("test"));
		h = hash_fnv_add(h, &options->now_usec, sizeof(options->now_usec));
	}
	format_id(h, options, ret);
}

/* The message that never existed, under which clients show those of one host, or of a user there.
 */
static void thread_id(const struct summary *s, char ret[MESSAGE_ID_MAX])
{
	struct hash128 h = hash_add_slice(hash_fnv_init(), SLICE_LITERAL("thread"));

	h = hash_add_slice(h,
			   s->hosts.n == 1 ? s->hosts.items[0].value : slice_of(s->options->host));
	if (s->n == 1 && s->users.n == 1)
		h = hash_add_slice(h, s->users.items[0].value);
	else if (s->of_kind[ALERT_FORGED] > 0)
		h = hash_add_slice(h, SLICE_LITERAL("forged\n"));
	format_id(h, s->options, ret);
}

static void write_from(struct writer *w, const struct message_options *options)
{
	AUTO_BUFFER struct buffer from = BUFFER_INIT(MESSAGE_MAX);

	if (w->error == 0)
		w->error = compose_from(options->destination, options->fqdn, &from);
	mime_write_tokens(w, "From", buffer_slice(&from));
}

static void write_to(struct writer *w, const struct message_options *options)
{
	const struct config_list *all = &options->destination->to;
	AUTO_BUFFER struct buffer list = BUFFER_INIT(MESSAGE_MAX);
	struct writer value = {&list, w->error};
	char domain[DOMAIN_MAX + 1];

	domain_of(options, DOMAIN_MAX, domain);
	for (size_t i = 0; i < (options->only_to ? 1 : all->n); i++) {
		const char *to = options->only_to ? options->only_to : all->items[i];

		writer_format(&value, "%s%s", i > 0 ? ", " : "", to);
		/* RFC 5322 has no bare local part; it means a mailbox of this host. */
		if (!strchr(to, '@'))
			writer_format(&value, "@%s", domain);
	}
	w->error = value.error;
	mime_write_tokens(w, "To", buffer_slice(&list));
}

static void write_subject(struct writer *w, const struct summary *s)
{
	AUTO_BUFFER struct buffer text = BUFFER_INIT(SUBJECT_MAX);
	struct writer value = {&text, w->error};

	body_write_subject(&value, s);
	w->error = value.error;
	mime_write_header(w, "Subject", buffer_slice(&text));
}

static void write_filter(struct writer *w, const char *name, struct slice s)
{
	AUTO_BUFFER struct buffer text = BUFFER_INIT(SUBJECT_MAX);
	struct writer value = {&text, w->error};

	if (s.n == 0)
		return;
	writer_shown(&value, s, FILTER_SHOWN);
	w->error = value.error;
	mime_write_header(w, name, buffer_slice(&text));
}

/* For filters of mail clients: what all alerts have in common. */
static void write_filters(struct writer *w, const struct summary *s)
{
	static const struct {
		const char *name;
		tally_field field;
	} filters[] = {
		{"X-Loginbell-Host", summary_host},    {"X-Loginbell-User", summary_user},
		{"X-Loginbell-Addr", summary_address}, {"X-Loginbell-Method", summary_method},
		{"X-Loginbell-Key", summary_key},
	};
	AUTO_BUFFER struct buffer events = BUFFER_INIT(SUBJECT_MAX);
	struct writer value = {&events, w->error};
	uint64_t count = 0;

	for (int kind = 0; kind < ALERT_KINDS; kind++) {
		if (s->of_kind[kind] > 0)
			writer_format(&value, "%s%s", events.len > 0 ? ", " : "",
				      alert_kind_names[kind]);
		count += s->of_kind[kind];
	}
	if (s->n == 0)
		writer_str(&value, "test");
	w->error = value.error;
	write_filter(w, "X-Loginbell-Event", buffer_slice(&events));
	for (size_t i = 0; i < ARRAY_SIZE(filters); i++)
		write_filter(w, filters[i].name, summary_common(s, filters[i].field));
	writer_format(w, "X-Loginbell-Count: %llu\r\n", (unsigned long long)count);
	if (s->of_kind[ALERT_LOGIN] > 0)
		writer_str(w, "X-Loginbell-Verdict: alert\r\n");
}

static void write_headers(struct writer *w, const struct summary *s, const char *id)
{
	const struct message_options *options = s->options;
	char date[TIMETEXT_MAX], root[MESSAGE_ID_MAX];

	writer_format(w, "Date: %s\r\n", timetext_rfc5322(options->now_usec, date));
	write_from(w, options);
	write_to(w, options);
	mime_write_tokens(w, "Message-ID", slice_of(id));
	if (s->n > 0) {
		thread_id(s, root);
		mime_write_tokens(w, "In-Reply-To", slice_of(root));
		mime_write_tokens(w, "References", slice_of(root));
	}
	write_subject(w, s);
	writer_str(w,
		   "Auto-Submitted: auto-generated\r\n"
		   "X-Auto-Response-Suppress: All\r\n");
	if (options->sequence)
		mime_write_tokens(w, "X-Loginbell-Sequence", slice_of(options->sequence));
	write_filters(w, s);
}

int compose_message(const struct alert *alerts, size_t n, const struct message_options *options,
		    struct buffer *ret, char ret_id[MESSAGE_ID_MAX])
{
	AUTO_BUFFER struct buffer text = BUFFER_INIT(MESSAGE_MAX);
	struct writer body = {&text, 0}, message = {ret, 0};
	AUTO_SUMMARY struct summary s;
	size_t before = ret->len;
	char id[MESSAGE_ID_MAX];
	int r;

	if (options->test)
		n = 0;
	r = summary_init(&s, alerts, n, options);
	if (r < 0)
		return r;
	body_write(&body, &s);
	message_id(alerts, n, options, id);
	message.error = body.error;
	write_headers(&message, &s, id);
	mime_write_body(&message, buffer_slice(&text));
	if (message.error < 0) {
		ret->len = before;
		return message.error;
	}
	memcpy(ret_id, id, sizeof(id));
	return 0;
}

int compose_from(const struct config_destination *destination, const char *fqdn, struct buffer *ret)
{
	if (destination->from)
		return buffer_append_str(ret, destination->from);
	return buffer_printf(ret, "loginbell@%s", fqdn);
}

static struct hash128 add_text(struct hash128 h, const char *s)
{
	/* With its NUL: "a", "b" is not "ab". An absent text is not an empty one. */
	return s ? hash_fnv_add(h, s, strlen(s) + 1) : hash_fnv_add(h, "\1", 2);
}

struct hash128 compose_fingerprint(const struct config *config,
				   const struct config_destination *destination,
				   struct slice body_template)
{
	struct hash128 h = hash_fnv_init();

	h = add_text(h, destination->from);
	h = add_text(h, destination->envelope_from);
	h = add_text(h, destination->subject);
	for (size_t i = 0; i < destination->to.n; i++)
		h = add_text(h, destination->to.items[i]);
	h = hash_fnv_add(h, &config->max_per_mail, sizeof(config->max_per_mail));
	return hash_fnv_add(h, body_template.p, body_template.n);
}
