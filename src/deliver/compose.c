/* What the configuration and this host's names add to a batch of alerts. */
#include "deliver/compose.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/log.h"
#include "text/config.h"
#include "text/message/compose.h"

#define TEMPLATE_MAX	  (1U << 20)
#define WHITELIST_DEFAULT "/etc/loginbell/whitelist"

int compose_from(const struct config_destination *dest, struct hostname *h, struct buffer *ret)
{
	if (dest->from)
		return buffer_append_str(ret, dest->from);
	return buffer_printf(ret, "loginbell@%s", hostname_fqdn(h));
}

static struct hash128 add_text(struct hash128 h, const char *s)
{
	/* With its NUL, so that "a", "b" is not "ab"; an absent text is not an empty one. */
	return s ? hash_fnv_add(h, s, strlen(s) + 1) : hash_fnv_add(h, "\1", 2);
}

static void load_body(const struct config_destination *dest, struct buffer *ret)
{
	int r;

	if (!dest->body_file)
		return;
	r = io_read_file_at(AT_FDCWD, dest->body_file, ret);
	if (r < 0 || (ret->len > 0 && memchr(ret->data, '\0', ret->len))) {
		/* An alert in another form is better than none. */
		log_error("%s: %s; the built-in text is used", dest->body_file,
			  r < 0 ? strerror(-r) : "not a text");
		buffer_clear(ret);
	}
}

struct hash128 compose_fingerprint(const struct config *config,
				   const struct config_destination *dest)
{
	AUTO_BUFFER struct buffer body = BUFFER_INIT(TEMPLATE_MAX);
	struct hash128 h = hash_fnv_init();

	h = add_text(h, dest->from);
	h = add_text(h, dest->envelope_from);
	h = add_text(h, dest->subject);
	for (size_t i = 0; i < dest->to.n; i++)
		h = add_text(h, dest->to.items[i]);
	h = hash_fnv_add(h, &config->max_per_mail, sizeof(config->max_per_mail));
	load_body(dest, &body);
	return hash_fnv_add(h, buffer_slice(&body).p, body.len);
}

/* The first whitelist that is one file, not a glob. */
static const char *whitelist_file(const struct config *config)
{
	for (size_t i = 0; i < config->whitelist_files.n; i++)
		if (!strpbrk(config->whitelist_files.items[i], "*?["))
			return config->whitelist_files.items[i];
	return config->whitelist_is_default ? WHITELIST_DEFAULT : NULL;
}

static int compose(struct spool_message *o, const struct batch *batch, const struct config *config,
		   const struct config_destination *dest, struct hostname *h, const char *note,
		   bool test, uint64_t now_usec)
{
	AUTO_BUFFER struct buffer from = BUFFER_INIT(1024);
	AUTO_BUFFER struct buffer body = BUFFER_INIT(TEMPLATE_MAX);
	struct message_options options = {
		.to = (const char *const *)dest->to.items,
		.n_to = dest->to.n,
		.host = h->host,
		.fqdn = hostname_fqdn(h),
		.subject_template = dest->subject,
		.whitelist_file = whitelist_file(config),
		.note = note,
		.style = o->style,
		.now_usec = now_usec,
		.test = test,
	};
	const char *only;
	int r;

	r = compose_from(dest, h, &from);
	if (r < 0)
		return r;
	options.from = buffer_cstr(&from);
	if (!options.from)
		return -ENOMEM;
	load_body(dest, &body);
	if (body.len > 0) {
		options.body_template = buffer_cstr(&body);
		if (!options.body_template)
			return -ENOMEM;
	}
	if (o->one_rcpt) {
		only = o->rcpts[0].addr;
		options.to = &only;
		options.n_to = 1;
	}
	o->config = compose_fingerprint(config, dest);
	buffer_clear(&o->mail);
	return message_compose(batch ? batch->alerts : NULL, batch ? batch->n : 0, &options,
			       &o->mail, o->message_id);
}

int compose_mail(struct spool_message *o, const struct batch *batch, const struct config *config,
		 const struct config_destination *dest, struct hostname *h, const char *note,
		 uint64_t now_usec)
{
	return compose(o, batch, config, dest, h, note, false, now_usec);
}

int compose_test(struct spool_message *o, const struct config *config,
		 const struct config_destination *dest, struct hostname *h, uint64_t now_usec)
{
	return compose(o, NULL, config, dest, h, NULL, true, now_usec);
}
